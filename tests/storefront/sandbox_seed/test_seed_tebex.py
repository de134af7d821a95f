"""Tebex and misuse in the demo: there after the first seeding, not twice after the second."""

from __future__ import annotations

from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.licenses.models import License, LicenseSource
from storefront.licenses.usage_models import LicenseFlag
from storefront.sandbox.seed.catalog import seed_catalog
from storefront.sandbox.seed.files import build_archives
from storefront.sandbox.seed.misuse import seed_misuse
from storefront.sandbox.seed.people import seed_people
from storefront.sandbox.seed.tebex import seed_tebex
from storefront.tebex.models import TebexPackage, TebexPurchase


def test_one_purchase_is_claimed_one_waits_and_one_licence_is_flagged(shop: Shop) -> None:
    now = shop.clock()
    seed_catalog(shop, build_archives(shop), now=now)
    seed_people(shop, now=now)

    for _ in range(2):
        seed_tebex(shop, now=now)
        seed_misuse(shop, now=now)

    with shop.database.reading() as session:
        states = session.scalars(select(TebexPurchase.state).order_by(TebexPurchase.id)).all()
        assert states == ["claimed", "waiting"]
        assert session.scalar(select(func.count()).select_from(TebexPackage)) == 1
        assert session.scalars(select(LicenseFlag.kind)).all() == ["many_networks"]
        bought = select(func.count()).where(License.source == LicenseSource.TEBEX)
        assert session.scalar(bought) == 1
