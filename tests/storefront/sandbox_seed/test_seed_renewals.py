"""A key in the demo that can be renewed and upgraded."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.licenses.models import License
from storefront.renewals.queries import list_offers
from storefront.sandbox.seed.catalog import seed_catalog
from storefront.sandbox.seed.files import build_archives
from storefront.sandbox.seed.people import BUYER, seed_people


def test_the_buyer_has_a_key_that_ends_within_a_week_with_a_renewal_and_upgrades(
    shop: Shop,
) -> None:
    now = shop.clock()
    seed_catalog(shop, build_archives(shop), now=now)
    seed_people(shop, now=now)

    with shop.database.reading() as session:
        buyer_id = session.scalars(select(User.id).where(User.username == BUYER.username)).one()
        ending = session.scalars(
            select(License).where(
                License.user_id == buyer_id,
                License.expires_at > now,
                License.expires_at < now + timedelta(days=7),
            )
        ).one()
        offers = list_offers(session, buyer_id, now=now)[ending.id]
    assert offers.renewal is not None
    assert len(offers.upgrades) >= 1
    assert all(offer.price < offer.tier.price for offer in offers.upgrades)
