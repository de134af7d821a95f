"""The demo's licences look as if servers ran on them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.kit.clock import fixed_clock
from storefront.licenses.abuse import find_suspicions
from storefront.licenses.abuse_rules import AbuseRules
from storefront.licenses.models import License
from storefront.licenses.page import open_page
from storefront.licenses.usage_models import LicenseCheck, LicenseEvent, LicenseSlot
from storefront.sandbox.seed.license_use import seed_license_use
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory


def test_seeding_twice_adds_nothing_and_pages_show_life(shop: Shop, make: Factory) -> None:
    owner = make.user()
    buy(shop, make, owner, (make.product(), 1))
    now = shop.clock()
    with shop.database.transaction() as session:
        license = session.scalars(select(License)).one()
        license.created_at = now - timedelta(days=12)

    counts = []
    for _ in range(2):
        seed_license_use(shop, now=now)
        with shop.database.reading() as session:
            counts.append(
                [
                    session.scalar(select(func.count()).select_from(model))
                    for model in (LicenseSlot, LicenseCheck, LicenseEvent)
                ]
            )

    assert counts[0] == counts[1]
    with shop.database.reading() as session:
        page = open_page(session, license.id, user_id=owner.id, now=fixed_clock(now)())
        suspicions = find_suspicions(session, AbuseRules(), now=now)
    assert [slot.is_live for slot in page.slots] == [True, False]
    assert [check.can_allow for check in page.checks].count(True) == 1
    assert page.events[-1].action == "issued"
    assert suspicions == ()


def test_a_licence_of_today_has_lived_through_nothing_of_last_week(
    shop: Shop, make: Factory
) -> None:
    buy(shop, make, make.user(), (make.product(), 1))
    seed_license_use(shop, now=shop.clock())

    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(LicenseCheck)) == 0
        assert session.scalar(select(func.count()).select_from(LicenseSlot)) == 0
