"""Licences that a refund or a chargeback ends, and that come back when it comes to nothing.

Each is marked with its cause, and only the same cause brings it back: a key that staff revoked by
hand stays revoked whatever becomes of a refund. In force with the commit, because nothing caches
verdicts. All of it is idempotent; the rows are locked by their updates, after the order's.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, case, null, select, update
from sqlalchemy.orm import Session

from storefront.licenses.models import License, LicenseStatus
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
    _set(
        session,
        (License.order_line_id == line.id)
        & (License.unit > kept)
        & (License.status != LicenseStatus.REVOKED),
        status=LicenseStatus.REVOKED,
        cause=cause,
    )
    _bring_back(
        session,
        (License.order_line_id == line.id) & (License.unit <= kept) & (License.cause == cause),
    )


def suspend_order(session: Session, order_id: UUID, *, cause: str) -> None:
    """Suspend every good licence of an order."""
    lines = select(OrderLine.id).where(OrderLine.order_id == order_id)
    _set(
        session,
        License.order_line_id.in_(lines) & (License.status == LicenseStatus.ACTIVE),
        status=LicenseStatus.SUSPENDED,
        cause=cause,
    )


def revoke_suspended(session: Session, *, cause: str) -> None:
    """What this cause had suspended is revoked for good."""
    session.execute(
        update(License)
        .where(License.cause == cause, License.status == LicenseStatus.SUSPENDED)
        .values(status=LicenseStatus.REVOKED)
        .execution_options(synchronize_session=False)
    )


def bring_back(session: Session, *, cause: str) -> None:
    """What this cause had suspended or revoked is again what it was before."""
    _bring_back(session, License.cause == cause)


def _set(
    session: Session, which: ColumnElement[bool], *, status: LicenseStatus, cause: str
) -> None:
    session.execute(
        update(License)
        .where(which)
        .values(
            # Of two causes in a row the first knows what the licence was.
            status_before=case(
                (License.status_before.is_(None), License.status), else_=License.status_before
            ),
            status=status,
            cause=cause,
        )
        .execution_options(synchronize_session=False)
    )


def _bring_back(session: Session, which: ColumnElement[bool]) -> None:
    session.execute(
        update(License)
        .where(which, License.status_before.is_not(None))
        .values(status=License.status_before, status_before=null(), cause=null())
        .execution_options(synchronize_session=False)
    )
