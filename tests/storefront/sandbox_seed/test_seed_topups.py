"""The demo's top-up offers and its buyer's bonus."""

from __future__ import annotations

from datetime import timedelta

from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.sandbox.seed.people import BUYER, OWNER
from storefront.sandbox.seed.topups import PACKAGES, TIERS, seed_topups
from storefront.wallet.offers import find_terms, list_packages
from storefront.wallet.queries import find_pots
from tests.support.factories import Factory


def test_seeding_again_offers_and_gives_nothing_more(shop: Shop, make: Factory) -> None:
    make.user(discord_id=OWNER.discord_id, role="admin")
    buyer = make.user(discord_id=BUYER.discord_id)
    now = shop.clock()
    for later in (timedelta(0), timedelta(days=2), timedelta(days=60)):
        seed_topups(shop, now=now + later)
    with shop.database.reading() as session:
        assert [package.name_en for package in list_packages(session)] == [
            draft.name_en for draft in PACKAGES
        ]
        assert list(find_terms(session).tiers) == list(TIERS)
        assert find_pots(session, buyer.id, now=now).bonus == baht(120)
        assert find_pots(session, buyer.id, now=now + timedelta(days=20)).bonus == baht(0)
