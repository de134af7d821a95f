"""What Tebex's events do: each adds facts, in any order and however often, and what follows from
the facts is done when it changes.

Locks, always in this order: the people (shared), the subscription, the purchase, its licences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.kit.ids import new_id
from storefront.licenses.keys import KeyVault
from storefront.providers import tebex
from storefront.providers.tebex import TebexPayment
from storefront.renewals.elsewhere import count_renewed
from storefront.tebex.delivery import deliver_keys
from storefront.tebex.models import (
    PurchaseState,
    TebexDispute,
    TebexPurchase,
    TebexPurchaseLine,
)
from storefront.tebex.renewing import (
    find_renewed,
    lock_or_create_renewal,
    lock_subscription,
    settle_renewals,
    write_word,
)
from storefront.tebex.rules import (
    HEARD,
    SUBSCRIPTION_WORDS,
    TAKEN_BACK,
    Standing,
    add_event,
    facts_of,
    first_units,
    locale_of,
)
from storefront.tebex.service import (
    follow_standing,
    give,
    is_claimable,
    lock_purchase,
    tell,
    write_facts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One payment as an event tells of it, and whose it is if a member's."""

    payment: TebexPayment
    event_type: str
    at: datetime
    member: User | None


def apply_event(
    session: Session,
    event_type: str,
    payload: Mapping[str, Any],
    *,
    received_at: datetime,
    vault: KeyVault,
    now: datetime,
) -> UUID | None:
    """Bring the purchase an event is about to what the event says: its id, None for an event that
    is about none (other types, payments that cannot be read).

    A paid purchase that names a member's Discord account is theirs at once; for any other a mail
    with a claim link is queued, if one of its packages is known here. A later payment of a
    subscription gives the keys of the first one another term. Idempotent.
    """
    at = tebex.said_at(payload, otherwise=received_at)
    if event_type in SUBSCRIPTION_WORDS:
        return _apply_news(session, event_type, payload, at=at, vault=vault, now=now)
    payment = tebex.read_payment(payload)
    if event_type not in HEARD or payment is None:
        return None
    member = _hold_members(session, [payment]).get(payment.discord_id)
    told = _Told(payment=payment, event_type=event_type, at=at, member=member)
    return _apply_payment(session, told, vault=vault, now=now)


def _apply_news(
    session: Session,
    event_type: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    vault: KeyVault,
    now: datetime,
) -> UUID | None:
    """An event about a subscription brings its first and its last payment along: those that are
    complete are heard of by it, if they were not before. What is paid for stays whatever the word
    about the subscription is."""
    news = tebex.read_subscription(payload)
    if news is None:
        return None
    paid = [one for one in news.payments if one.status_id == tebex.STATUS_COMPLETE]
    members = _hold_members(session, paid)
    subscription = lock_subscription(session, news.reference)
    for payment in paid:
        told = _Told(
            payment=payment,
            event_type=tebex.COMPLETED,
            at=at,
            member=members.get(payment.discord_id),
        )
        _apply_payment(session, told, vault=vault, now=now)
    ends = write_word(
        subscription, SUBSCRIPTION_WORDS[event_type], at=at, next_payment_at=news.next_payment_at
    )
    purchase_id = session.scalar(
        select(TebexPurchase.id)
        .where(TebexPurchase.subscription == news.reference)
        .order_by(TebexPurchase.id)
        .limit(1)
    )
    if ends and purchase_id is not None:
        purchase = lock_purchase(session, purchase_id)
        tell(session, purchase, "tebex_subscription_ended", fact=str(subscription.id), now=now)
    return purchase_id or subscription.id


def _apply_payment(session: Session, told: _Told, *, vault: KeyVault, now: datetime) -> UUID:
    renewed = find_renewed(session, told.payment)
    if renewed is not None:
        _apply_renewal(session, renewed, told, now=now)
        return renewed
    purchase = _lock_or_create(session, told.payment)
    # The first payment may be told of before Tebex has made a subscription of it.
    purchase.subscription = purchase.subscription or told.payment.subscription
    before = facts_of(purchase)
    after = add_event(before, told.event_type, status_id=told.payment.status_id, at=told.at)
    write_facts(purchase, after)
    if told.member is not None and is_claimable(purchase):
        give(session, purchase, told.member.id, vault=vault, now=now)
    elif after.standing is Standing.GOOD:
        deliver_keys(session, purchase, vault=vault, now=now)
    if before.standing is not after.standing:
        follow_standing(session, purchase, after.standing, now=now)
    return purchase.id


def _apply_renewal(session: Session, purchase_id: UUID, told: _Told, *, now: datetime) -> None:
    purchase = lock_purchase(session, purchase_id)
    renewal = lock_or_create_renewal(session, purchase_id, told.payment)
    before = facts_of(renewal)
    after = add_event(before, told.event_type, status_id=told.payment.status_id, at=told.at)
    renewal.paid_at, renewal.refunded_at = after.paid_at, after.refunded_at
    renewal.dispute, renewal.dispute_at = after.dispute, after.dispute_at
    session.flush()
    settle_renewals(session, purchase, now=now)
    if before.standing is after.standing or not count_renewed(session, [renewal.transaction_id]):
        return
    # One renewal may be disputed and won again: each change is told once.
    fact = (
        f"{renewal.id}:{after.dispute_at.timestamp():.0f}" if after.dispute_at else str(renewal.id)
    )
    if after.standing is Standing.GOOD:
        tell(session, purchase, "tebex_renewed", fact=fact, now=now)
    elif after.standing in TAKEN_BACK and before.standing is Standing.GOOD:
        tell(session, purchase, "tebex_renewal_back", fact=fact, now=now)


def _hold_members(session: Session, payments: list[TebexPayment]) -> dict[str | None, User]:
    """The members whose Discord accounts these payments name, shared, in one order for all."""
    named = {one.discord_id for one in payments if one.discord_id is not None}
    if not named:
        return {}
    found = session.scalars(
        select(User)
        .where(User.discord_id.in_(named), User.banned_at.is_(None))
        .order_by(User.id)
        .with_for_update(read=True)
    )
    return {user.discord_id: user for user in found}


def _lock_or_create(session: Session, payment: TebexPayment) -> TebexPurchase:
    """Of two first events at once one writes the row, and the other waits for it."""
    created = session.scalar(
        insert(TebexPurchase)
        .values(
            id=new_id(),
            transaction_id=payment.transaction_id,
            state=PurchaseState.WAITING,
            email=payment.email,
            username=payment.username,
            discord_id=payment.discord_id,
            locale=locale_of(payment.country),
            price=payment.price,
            subscription=payment.subscription,
            dispute=TebexDispute.NONE,
        )
        .on_conflict_do_nothing(index_elements=["transaction_id"])
        .returning(TebexPurchase.id)
    )
    if created is not None:
        _write_lines(session, created, payment)
    known = session.scalars(
        select(TebexPurchase.id).where(TebexPurchase.transaction_id == payment.transaction_id)
    ).one()
    return lock_purchase(session, known)


def _write_lines(session: Session, purchase_id: UUID, payment: TebexPayment) -> None:
    units = first_units([line.quantity for line in payment.lines])
    session.add_all(
        TebexPurchaseLine(
            purchase_id=purchase_id,
            position=position,
            package_id=line.package_id,
            name=line.name,
            quantity=line.quantity,
            first_unit=unit,
        )
        for position, (line, unit) in enumerate(zip(payment.lines, units, strict=True), 1)
    )
    session.flush()
