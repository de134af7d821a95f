"""Promo codes for the demo: one for newcomers, one with a smallest purchase, one that is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.promos.drafting import PromoDraft
from storefront.promos.editing import create_promo
from storefront.promos.models import PromoCode, PromoKind

_OVER: Final = timedelta(days=40)
# Each with when it was written down and when it ends, by their distance from the seeding.
PROMOS: Final = (
    (
        PromoDraft(
            code="WELCOME10",
            kind=PromoKind.PERCENT,
            value=1_000,
            note="For everybody's first purchase",
            max_discount=baht(200),
            per_customer_limit=1,
            first_purchase_only=True,
        ),
        timedelta(),
        None,
    ),
    (
        PromoDraft(
            code="CITY150",
            kind=PromoKind.FIXED,
            value=baht(150).satang,
            note="For new cities that buy a whole set",
            min_subtotal=baht(1_500),
            total_limit=100,
            per_customer_limit=1,
        ),
        timedelta(),
        timedelta(days=30),
    ),
    (
        PromoDraft(
            code="OPENING25",
            kind=PromoKind.PERCENT,
            value=2_500,
            note="Opening week of the shop",
            max_discount=baht(500),
            total_limit=50,
            per_customer_limit=1,
        ),
        -_OVER,
        timedelta(days=7) - _OVER,
    ),
)


def seed_promos(shop: Shop, *, now: datetime) -> None:
    """The codes, as staff would have written them down. A shop that has a code already keeps its
    own; seeding again adds nothing."""
    with shop.database.transaction() as session:
        if session.scalar(select(exists().select_from(PromoCode))):
            return
        owner = session.scalars(
            select(User.id).where(User.role == Role.ADMIN).order_by(User.id).limit(1)
        ).one()
        for draft, written, ends in PROMOS:
            ends_at = None if ends is None else now + ends
            create_promo(
                session, replace(draft, ends_at=ends_at), actor_id=owner, now=now + written
            )
