"""Licences that a refund or a chargeback ends, and that come back when it comes to nothing.

Each is marked with its cause, and only the same cause brings it back: a key that staff revoked by
hand stays revoked whatever becomes of a refund. In force with the commit, because nothing caches
verdicts. All of it is idempotent and follows the order line, whoever owns the licence by now; the
rows are locked in the order of their ids, after the order's.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.models import License, LicenseAction, LicenseStatus
from storefront.licenses.states import hold_down, let_go
from storefront.orders.models import OrderLine


def refund_cause(order_id: UUID) -> str:
    """The mark of licences that refunds of this order ended."""
    return f"refund:{order_id}"


def dispute_cause(dispute_id: UUID) -> str:
    """The mark of licences that this dispute suspended or ended."""
    return f"dispute:{dispute_id}"


def end_units(session: Session, line: OrderLine, *, ended: int, cause: str) -> None:
    """Let the last `ended` units of a line have revoked licences, and bring back those of the
    others that this cause had revoked."""
    kept = line.quantity - ended
    for license in _lock(session, License.order_line_id == line.id):
        if license.unit > kept and license.status != LicenseStatus.REVOKED:
            _hold(session, license, LicenseAction.REVOKE, cause=cause)
        elif license.unit <= kept and license.cause == cause:
            _give_back(session, license)


def suspend_order(session: Session, order_id: UUID, *, cause: str) -> None:
    """Suspend every licence of an order that has not ended for good. What staff suspended stays
    suspended when this cause is gone."""
    lines = select(OrderLine.id).where(OrderLine.order_id == order_id)
    for license in _lock(session, License.order_line_id.in_(lines)):
        if license.status != LicenseStatus.REVOKED:
            _hold(session, license, LicenseAction.SUSPEND, cause=cause)


def suspend_purchase(session: Session, source: str, reference: str, *, cause: str) -> None:
    """Suspend every licence of a purchase made elsewhere that has not ended for good, like
    `suspend_order`."""
    for license in _lock(session, _bought_at(source, reference)):
        if license.status != LicenseStatus.REVOKED:
            _hold(session, license, LicenseAction.SUSPEND, cause=cause)


def revoke_purchase(session: Session, source: str, reference: str, *, cause: str) -> None:
    """End every licence of a purchase made elsewhere."""
    for license in _lock(session, _bought_at(source, reference)):
        if license.status != LicenseStatus.REVOKED:
            _hold(session, license, LicenseAction.REVOKE, cause=cause)


def revoke_suspended(session: Session, *, cause: str) -> None:
    """What this cause had suspended is revoked for good."""
    for license in _lock(session, License.cause == cause):
        if license.status == LicenseStatus.SUSPENDED:
            _hold(session, license, LicenseAction.REVOKE, cause=cause)


def bring_back(session: Session, *, cause: str) -> None:
    """What this cause had suspended or revoked is again what it was before."""
    for license in _lock(session, License.cause == cause):
        _give_back(session, license)


def _bought_at(source: str, reference: str) -> ColumnElement[bool]:
    return (License.source == source) & (License.source_reference == reference)


def _lock(session: Session, which: ColumnElement[bool]) -> Sequence[License]:
    return session.scalars(
        select(License)
        .where(which)
        .order_by(License.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _hold(session: Session, license: License, action: LicenseAction, *, cause: str) -> None:
    if hold_down(license, action, cause=cause):
        record_event(
            session,
            license.id,
            "suspended" if action is LicenseAction.SUSPEND else "revoked",
            actor=SYSTEM,
            detail={"cause": cause},
        )


def _give_back(session: Session, license: License) -> None:
    cause = license.cause
    if let_go(license):
        detail = {"cause": cause, "status": license.status}
        record_event(session, license.id, "restored", actor=SYSTEM, detail=detail)
