"""Subscriptions at Tebex: which of their payments makes the keys, and what the others do to them.

The first payment that is heard of makes the keys; each other one gives them another term, so that
as many terms come out as were paid for, in whatever order that becomes known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.licenses.models import License, LicenseSource
from storefront.providers.tebex import TebexPayment
from storefront.renewals.elsewhere import align_elsewhere, renew_elsewhere
from storefront.tebex.models import (
    SubscriptionStanding,
    TebexDispute,
    TebexPurchase,
    TebexPurchaseLine,
    TebexRenewal,
    TebexSubscription,
)
from storefront.tebex.rules import TAKEN_BACK, Standing, facts_of, is_newer_word


def lock_subscription(session: Session, reference: str) -> TebexSubscription:
    """The row of a subscription under its lock; of two who hear of it first one writes it."""
    session.execute(
        insert(TebexSubscription)
        .values(id=new_id(), reference=reference, standing=SubscriptionStanding.ACTIVE)
        .on_conflict_do_nothing(index_elements=["reference"])
    )
    return session.scalars(
        select(TebexSubscription)
        .where(TebexSubscription.reference == reference)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def find_renewed(session: Session, payment: TebexPayment) -> UUID | None:
    """The purchase that a payment renews; None for one that is a purchase itself. Locks the
    subscription, so that the answer holds until the commit. What a transaction was taken for once
    it stays."""
    if payment.subscription is not None:
        lock_subscription(session, payment.subscription)
    known = session.scalar(
        select(TebexRenewal.purchase_id).where(
            TebexRenewal.transaction_id == payment.transaction_id
        )
    )
    if known is not None or payment.subscription is None:
        return known
    its_own = TebexPurchase.transaction_id == payment.transaction_id
    first = session.execute(
        select(TebexPurchase.id, TebexPurchase.transaction_id)
        .where(its_own | (TebexPurchase.subscription == payment.subscription))
        .order_by(its_own.desc(), TebexPurchase.id)
        .limit(1)
    ).one_or_none()
    if first is None or first.transaction_id == payment.transaction_id:
        return None
    renewed: UUID = first.id
    return renewed


def lock_or_create_renewal(
    session: Session, purchase_id: UUID, payment: TebexPayment
) -> TebexRenewal:
    """The row of a later payment, under the lock of the purchase it renews."""
    session.execute(
        insert(TebexRenewal)
        .values(
            id=new_id(),
            purchase_id=purchase_id,
            transaction_id=payment.transaction_id,
            packages=sorted({line.package_id for line in payment.lines}),
            price=payment.price,
            dispute=TebexDispute.NONE,
        )
        .on_conflict_do_nothing(index_elements=["transaction_id"])
    )
    return session.scalars(
        select(TebexRenewal)
        .where(TebexRenewal.transaction_id == payment.transaction_id)
        .execution_options(populate_existing=True)
    ).one()


def settle_renewals(session: Session, purchase: TebexPurchase, *, now: datetime) -> None:
    """Bring the keys of a locked purchase to what its renewals say: those that are paid count once,
    those whose money went back do not. Nothing while there are no keys. Idempotent."""
    renewals = session.scalars(
        select(TebexRenewal)
        .where(TebexRenewal.purchase_id == purchase.id)
        .order_by(TebexRenewal.paid_at, TebexRenewal.id)
        .execution_options(populate_existing=True)
    ).all()
    for renewal in renewals:
        standing = facts_of(renewal).standing
        if standing is Standing.GOOD:
            renew_elsewhere(
                session,
                _keys_of(session, purchase, renewal.packages),
                reference=renewal.transaction_id,
                now=now,
            )
        align_elsewhere(
            session,
            renewal.transaction_id,
            is_back=standing in TAKEN_BACK,
            cause=f"tebex:{renewal.id}",
        )


def write_word(
    subscription: TebexSubscription,
    word: SubscriptionStanding,
    *,
    at: datetime,
    next_payment_at: datetime | None,
) -> bool:
    """Note what a locked subscription is said to be, unless something newer is known; whether it
    ends by that."""
    before = SubscriptionStanding(subscription.standing)
    if not is_newer_word(word, at, than=before, said_at=subscription.said_at):
        return False
    ends = word is SubscriptionStanding.ENDED
    subscription.standing, subscription.said_at = word, at
    subscription.next_payment_at = None if ends else next_payment_at
    return ends and before is not SubscriptionStanding.ENDED


def _keys_of(session: Session, purchase: TebexPurchase, packages: Sequence[str]) -> Sequence[UUID]:
    """The licences of the lines that a payment is about: beside a subscription the first payment
    may have bought something once."""
    return session.scalars(
        select(License.id)
        .join(
            TebexPurchaseLine,
            License.unit.between(
                TebexPurchaseLine.first_unit,
                TebexPurchaseLine.first_unit + TebexPurchaseLine.quantity - 1,
            ),
        )
        .where(
            License.source == LicenseSource.TEBEX,
            License.source_reference == purchase.transaction_id,
            TebexPurchaseLine.purchase_id == purchase.id,
            TebexPurchaseLine.package_id.in_(packages),
        )
    ).all()
