"""The promo codes of the demo."""

from __future__ import annotations

from storefront.bootstrap import Shop
from storefront.promos.reports import Phase, count_promos, list_promos
from storefront.sandbox.seed.promos import seed_promos
from tests.support.factories import Factory


def test_the_demo_has_codes_that_run_and_one_that_is_over(shop: Shop, make: Factory) -> None:
    make.user(role="admin")
    now = shop.clock()
    seed_promos(shop, now=now)
    seed_promos(shop, now=now)
    with shop.database.reading() as session:
        counts = count_promos(session, now=now)
        running = list_promos(session, Phase.ACTIVE, now=now).items
    assert (counts[Phase.ACTIVE], counts[Phase.EXPIRED], sum(counts.values())) == (2, 1, 3)
    assert {one.code for one in running} == {"WELCOME10", "CITY150"}


def test_a_shop_with_codes_of_its_own_keeps_them(shop: Shop, make: Factory) -> None:
    make.user(role="admin")
    make.promo("MINE")
    seed_promos(shop, now=shop.clock())
    with shop.database.reading() as session:
        assert sum(count_promos(session, now=shop.clock()).values()) == 1
