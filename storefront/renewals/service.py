"""Changes of a licence's terms by what was bought for its key: held with the order, applied when it
is delivered, taken back by a refund or a dispute and given back when that comes to nothing.

The terms are always those that the purchases in effect lead to, replayed from the first (see
`rules.replay`), so it does not matter in which order purchases are taken back. Locks: the lines
that paid for a key, then its licence, like a refund does. In force with the commit, because
nothing caches verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.catalog.models import Purpose
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.licenses.events import SYSTEM, by_owner, record_event
from storefront.licenses.models import License, LicenseAction, LicenseStatus
from storefront.licenses.states import take_action
from storefront.licenses.usage_models import LicenseSlot
from storefront.orders.models import Order, OrderLine
from storefront.renewals.models import ChangeState, TermChange
from storefront.renewals.rules import (
    Bought,
    Refusal,
    Step,
    Terms,
    moved_by_hand,
    replay,
    terms_after,
)

RENEWED, UPGRADED = "renewed", "upgraded"
TAKEN_BACK, GIVEN_BACK = "terms_taken_back", "terms_given_back"


def hold_changes(session: Session, order: Order, *, now: datetime) -> None:
    """Set the renewals and upgrades of a new order aside, for the life of its payment. Locks what
    was paid for the keys, shared, and their licences, so that a refund of it comes before or
    after; whoever calls looks at the offers again afterwards. Raises Conflict
    `license_in_open_order` where another open order is about one of the keys: the database allows
    one."""
    lines = [line for line in order.lines if line.license_id is not None]
    if not lines:
        return
    license_ids = [line.license_id for line in lines]
    _lock_lines_that_paid(session, license_ids)
    lock_licenses(session, license_ids)
    for line in sorted(lines, key=lambda line: str(line.license_id)):
        _hold(session, line, now=now)


def release_changes(session: Session, order_id: UUID) -> None:
    """The order came to nothing: its keys are free for another one. Idempotent."""
    session.execute(
        update(TermChange)
        .where(_of_order(order_id), TermChange.state == ChangeState.HELD)
        .values(state=ChangeState.RELEASED)
        .execution_options(synchronize_session=False)
    )


def can_apply(session: Session, order: Order) -> bool:
    """Whether every key that a locked order is about is still there to be renewed: not where one
    was revoked meanwhile. Locks the licences, so the answer holds."""
    license_ids = [line.license_id for line in order.lines if line.license_id is not None]
    licenses = lock_licenses(session, license_ids)
    return all(license.status != LicenseStatus.REVOKED for license in licenses)


def apply_changes(session: Session, order: Order, *, now: datetime) -> None:
    """Give the keys of a paid, locked order their new terms, once per line: what is applied is left
    alone. Locks the licences in one order for everybody."""
    lines = {line.id: line for line in order.lines if line.license_id is not None}
    by_license = {line.license_id: line for line in lines.values()}
    licenses = lock_licenses(session, by_license)
    held = {
        change.license_id: change
        for change in session.scalars(
            select(TermChange).where(
                TermChange.order_line_id.in_(lines), TermChange.state == ChangeState.HELD
            )
        )
    }
    for license in licenses:
        change = held.get(license.id)
        if change is not None:
            _apply(session, license, change, by_license[license.id], order, now=now)


def align_changes(session: Session, line: OrderLine, *, is_back: bool, cause: str) -> None:
    """Let a line's change of terms be taken back for `cause`, or not. Idempotent; the order is
    locked by the caller, the licence here."""
    set_withdrawn(session, TermChange.order_line_id == line.id, cause, is_back=is_back)


def take_back_order(session: Session, order_id: UUID, *, cause: str) -> None:
    """Take back every change of terms that an order bought."""
    set_withdrawn(session, _of_order(order_id), cause, is_back=True)


def give_back(session: Session, *, cause: str) -> None:
    """Whatever was taken back for this cause counts again, unless another cause stands."""
    set_withdrawn(session, TermChange.withdrawn_for.contains([cause]), cause, is_back=False)


def lock_licenses(session: Session, license_ids: Iterable[UUID | None]) -> Sequence[License]:
    """Load licences under their row locks, in the order of their ids."""
    # No key lock: servers whose checks are being written down point at these rows.
    return session.scalars(
        select(License)
        .where(License.id.in_(list(license_ids)))
        .order_by(License.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def apply_change(session: Session, license: License, change: TermChange, *, now: datetime) -> Terms:
    """Let a change that was not applied so far count for its locked licence from `now`; the terms
    that this leads to."""
    before = _terms_of(license)
    steps = _steps(session, license.id)
    change.state = ChangeState.APPLIED
    change.applied_at = _after_the_last(steps, now)
    change.starts_at = license.created_at
    change.before_variant_id = before.variant_id
    change.before_slots = before.slots
    change.before_end = before.ends_at
    change.expected_end = replay(steps).ends_at if steps else before.ends_at
    after = terms_after(before, _bought(change))
    _write(session, license, after)
    return after


def set_withdrawn(session: Session, which: Any, cause: str, *, is_back: bool) -> None:
    """Let the applied changes that `which` selects be taken back for `cause`, or count again.
    Idempotent; locks their licences."""
    touched = select(TermChange.license_id).where(which, TermChange.state == ChangeState.APPLIED)
    for license in lock_licenses(session, session.scalars(touched).all()):
        steps = _steps(session, license.id)
        moved = False
        for change in session.scalars(
            select(TermChange)
            .where(which, TermChange.license_id == license.id)
            .where(TermChange.state == ChangeState.APPLIED)
            .execution_options(populate_existing=True)
        ):
            causes = [one for one in change.withdrawn_for if one != cause]
            wanted = [*causes, cause] if is_back else causes
            moved = moved or sorted(wanted) != sorted(change.withdrawn_for)
            change.withdrawn_for = wanted
        if moved:
            session.flush()
            _rewrite(session, license, steps, TAKEN_BACK if is_back else GIVEN_BACK, cause)


def _of_order(order_id: UUID) -> Any:
    lines = select(OrderLine.id).where(
        OrderLine.order_id == order_id, OrderLine.license_id.is_not(None)
    )
    return TermChange.order_line_id.in_(lines)


def _lock_lines_that_paid(session: Session, license_ids: Sequence[UUID | None]) -> None:
    bought = select(License.order_line_id).where(License.id.in_(license_ids))
    changed = select(TermChange.order_line_id).where(
        TermChange.license_id.in_(license_ids), TermChange.state == ChangeState.APPLIED
    )
    session.execute(
        select(OrderLine.id)
        .where(or_(OrderLine.id.in_(bought), OrderLine.id.in_(changed)))
        .order_by(OrderLine.id)
        .with_for_update(read=True)
    ).all()


def _hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    held = session.scalar(
        insert(TermChange)
        .values(
            id=new_id(),
            license_id=line.license_id,
            order_line_id=line.id,
            purpose=line.purpose,
            state=ChangeState.HELD,
            variant_id=line.variant_id,
            slots=line.slots,
            duration_days=line.duration_days,
            created_at=now,
        )
        .on_conflict_do_nothing(
            index_elements=[TermChange.license_id],
            index_where=TermChange.state == ChangeState.HELD,
        )
        .returning(TermChange.id)
    )
    if held is None:
        raise Conflict(Refusal.IN_OPEN_ORDER, f"another order is about {line.license_id}")


def _apply(
    session: Session,
    license: License,
    change: TermChange,
    line: OrderLine,
    order: Order,
    *,
    now: datetime,
) -> None:
    after = apply_change(session, license, change, now=now)
    line.ends_at = after.ends_at
    session.flush()
    record_event(
        session,
        license.id,
        RENEWED if change.purpose == Purpose.RENEW else UPGRADED,
        actor=by_owner(order.user_id),
        detail={"order": order.reference, **in_words(after)},
    )


def _rewrite(
    session: Session, license: License, steps_before: Sequence[Step], action: str, cause: str
) -> None:
    """Give a licence the terms of the purchases in effect now; what staff moved stays moved."""
    after = replay(_steps(session, license.id))
    end = moved_by_hand(
        after.ends_at, expected=replay(steps_before).ends_at, found=license.expires_at
    )
    terms = Terms(after.variant_id, after.slots, end)
    if terms == _terms_of(license):
        return
    _write(session, license, terms)
    record_event(
        session, license.id, action, actor=SYSTEM, detail={"cause": cause, **in_words(terms)}
    )


def _steps(session: Session, license_id: UUID) -> list[Step]:
    changes = session.scalars(
        select(TermChange)
        .where(TermChange.license_id == license_id, TermChange.state == ChangeState.APPLIED)
        .order_by(TermChange.applied_at, TermChange.id)
        .execution_options(populate_existing=True)
    )
    return [_step(change) for change in changes]


def _after_the_last(steps: Sequence[Step], now: datetime) -> datetime:
    """Changes are replayed in the order of their times: two in one transaction need two."""
    last = max((step.bought.at for step in steps), default=None)
    return now if last is None or last < now else last + timedelta(microseconds=1)


def _step(change: TermChange) -> Step:
    assert change.before_variant_id is not None  # noqa: S101 - a CHECK sees to it
    assert change.before_slots is not None  # noqa: S101 - likewise
    return Step(
        bought=_bought(change),
        before=Terms(change.before_variant_id, change.before_slots, change.before_end),
        expected_end=change.expected_end,
        is_effective=not change.withdrawn_for,
    )


def _bought(change: TermChange) -> Bought:
    assert change.applied_at is not None  # noqa: S101 - a CHECK sees to it
    assert change.starts_at is not None  # noqa: S101 - likewise
    return Bought(
        purpose=Purpose(change.purpose),
        variant_id=change.variant_id,
        slots=change.slots,
        duration_days=change.duration_days,
        at=change.applied_at,
        starts_at=change.starts_at,
    )


def _terms_of(license: License) -> Terms:
    return Terms(license.variant_id, license.slots, license.expires_at)


def _write(session: Session, license: License, terms: Terms) -> None:
    license.variant_id = terms.variant_id
    license.expires_at = terms.ends_at
    if terms.slots < license.slots:
        # The servers that came last have no place any more.
        session.execute(
            delete(LicenseSlot).where(
                LicenseSlot.license_id == license.id, LicenseSlot.position > terms.slots
            )
        )
    license.slots = terms.slots
    # A mark of its end is void with the end: whether it has come is a fact of time as well.
    if license.status == LicenseStatus.EXPIRED:
        take_action(license, LicenseAction.RENEW)
    if license.status_before == LicenseStatus.EXPIRED:
        license.status_before = LicenseStatus.ACTIVE


def in_words(terms: Terms) -> dict[str, Any]:
    """Terms as the diary of a licence keeps them."""
    return {
        "variant_id": str(terms.variant_id),
        "slots": terms.slots,
        "ends_at": None if terms.ends_at is None else terms.ends_at.isoformat(),
    }
