"""A guest turns out to be a member: everything of theirs moves to the account, once.

Locks, in the order of the house: the member, the guest, the guest's payments, orders, both carts,
both wallets. Whoever begins something new for a person holds them first (`hold_person`), so it
comes before, and is moved, or after, and is refused; what a gateway settles at the same moment
waits at the payment and reads the new owner there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from storefront.accounts.models import SignInSession, User
from storefront.accounts.service import record_audit
from storefront.cart.service import merge_cart
from storefront.catalog.models import StockAlert
from storefront.delivery.models import Download
from storefront.errors import Conflict, DomainError, Kind, NotFound
from storefront.guests.models import GuestLink
from storefront.ledger.models import LedgerAccount
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.orders.models import Order
from storefront.outbox import enqueue
from storefront.payments.models import Payment
from storefront.promos.models import PromoUse
from storefront.receipts.models import Receipt
from storefront.refunds.models import Refund
from storefront.tebex.models import TebexPurchase
from storefront.wallet.merging import merge_wallets
from storefront.wallet.models import TopUp

# Whose rows these are is told by one column. Locked before: payments and orders.
MOVED: Final[Sequence[InstrumentedAttribute[UUID]]] = (
    # Before the licences, like an event from Tebex, which locks the purchase first.
    cast("InstrumentedAttribute[UUID]", TebexPurchase.user_id),
    Payment.user_id,
    Order.user_id,
    TopUp.user_id,
    PromoUse.user_id,
    License.user_id,
    Download.user_id,
    Refund.user_id,
    Receipt.user_id,
    Notification.user_id,
    StockAlert.user_id,
)
# A race can leave something behind that is no money, like a notice: it is looked for again so long.
LEFTOVERS_FOR: Final = timedelta(minutes=10)
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was moved: how many orders, none when everything had been moved before."""

    orders: int


def adopt_guest(session: Session, guest_id: UUID, *, member_id: UUID, now: datetime) -> Adopted:
    """Move everything of a guest to a member and close the guest: their sign-ins end, their links
    are dead. Wallet money moves by the ledger, lot by lot.

    Idempotent: for a guest whom this member adopted before it moves what came since. Raises
    NotFound `guest` for anybody who is none, Conflict `guest_moved` for one whom another member
    adopted, DomainError `banned`. Locks: see above.
    """
    guest = _lock_both(session, guest_id, member_id)
    is_first = guest.merged_into is None
    _lock_all_of(session, guest_id)
    if is_first:
        _close(session, guest, member_id, now=now)
    merge_cart(session, from_user_id=guest_id, user_id=member_id, now=now)
    _step_aside(session, guest_id, member_id)
    moved = {column: _move(session, column, guest_id, member_id) for column in MOVED}
    merge_wallets(session, from_user_id=guest_id, to_user_id=member_id, now=now)
    adopted = Adopted(orders=moved[Order.user_id])
    enqueue(session, "align_discord_roles", {"user_id": str(member_id)})
    if is_first:
        record_audit(
            session,
            actor_id=member_id,
            action="adopt_guest",
            subject=("user", guest_id),
            detail={"orders": adopted.orders},
        )
    return adopted


def find_leftovers(session: Session, *, now: datetime, limit: int = BATCH) -> Sequence[User]:
    """Guests who were adopted and may still have something: money that was given back to where it
    was taken, at any time, or whatever a race left behind shortly after."""
    has_money = (
        select(LedgerAccount.id)
        .where(LedgerAccount.user_id == User.id, LedgerAccount.balance_satang != 0)
        .exists()
    )
    return session.scalars(
        select(User)
        .where(User.merged_into.is_not(None), (User.merged_at > now - LEFTOVERS_FOR) | has_money)
        .order_by(User.merged_at.desc())
        .limit(limit)
    ).all()


def _lock_both(session: Session, guest_id: UUID, member_id: UUID) -> User:
    """The member before the guest: nobody is both, so no two adoptions wait for each other. Not
    full locks, because others insert rows that point at these people while they hold what is
    locked next."""
    people = {}
    for person_id in (member_id, guest_id):
        people[person_id] = session.scalar(
            select(User)
            .where(User.id == person_id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    member, guest = people[member_id], people[guest_id]
    if guest is None or not guest.is_guest or member is None or member.is_guest:
        raise NotFound("guest")
    if guest.merged_into not in (None, member_id):
        raise Conflict("guest_moved", f"{guest_id} belongs to another member")
    if guest.merged_into is None and (guest.banned_at or member.banned_at):
        raise DomainError("banned", Kind.FORBIDDEN)
    return guest


def _lock_all_of(session: Session, guest_id: UUID) -> None:
    for model in (Payment, Order):
        session.execute(
            select(model.id).where(model.user_id == guest_id).order_by(model.id).with_for_update()
        ).all()


def _step_aside(session: Session, guest_id: UUID, member_id: UUID) -> None:
    """What would collide with something of the member's: a key of a form that both have sent gets
    another name, a wish that both have is the member's."""
    _rename_keys(session, Order, guest_id, member_id)
    _rename_keys(session, TopUp, guest_id, member_id)
    twin = aliased(StockAlert)
    session.execute(
        delete(StockAlert)
        .where(
            StockAlert.user_id == guest_id,
            select(twin.id)
            .where(
                twin.user_id == member_id,
                twin.product_id == StockAlert.product_id,
                twin.variant_id.is_not_distinct_from(StockAlert.variant_id),
            )
            .exists(),
        )
        .execution_options(synchronize_session=False)
    )


def _rename_keys(
    session: Session, model: type[Order] | type[TopUp], guest_id: UUID, member_id: UUID
) -> None:
    other = aliased(model)
    session.execute(
        update(model)
        .where(
            model.user_id == guest_id,
            select(other.id)
            .where(other.user_id == member_id, other.idempotency_key == model.idempotency_key)
            .exists(),
        )
        .values(idempotency_key=func.concat(literal("moved-"), model.id))
        .execution_options(synchronize_session=False)
    )


def _move(
    session: Session, column: InstrumentedAttribute[UUID], guest_id: UUID, member_id: UUID
) -> int:
    result: Any = session.execute(
        update(column.class_)
        .where(column == guest_id)
        .values({column: member_id})
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


def _close(session: Session, guest: User, member_id: UUID, *, now: datetime) -> None:
    """Before anything moves: the database lets a receipt go to whoever adopted its buyer only."""
    guest.merged_into = member_id
    guest.merged_at = now
    session.flush()
    for model in (SignInSession, GuestLink):
        session.execute(
            update(model)
            .where(model.user_id == guest.id, model.revoked_at.is_(None))
            .values(revoked_at=now)
            .execution_options(synchronize_session=False)
        )
