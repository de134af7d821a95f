"""Who sells in the demo."""

from __future__ import annotations

from storefront.bootstrap import Shop
from storefront.receipts.seller import find_seller
from storefront.sandbox.seed.people import OWNER
from storefront.sandbox.seed.seller import SELLER, seed_seller
from tests.storefront.receipts.refunding import register_seller
from tests.support.factories import Factory


def test_the_demo_has_a_seller_once_and_keeps_one_that_staff_wrote(
    shop: Shop, make: Factory
) -> None:
    owner = make.user(discord_id=OWNER.discord_id, role="admin")
    for _ in range(2):
        seed_seller(shop)
    with shop.database.reading() as session:
        seeded = find_seller(session)
    assert seeded is not None
    assert (seeded.tax_id, seeded.vat_on, seeded.revision) == (SELLER.tax_id, True, 1)

    register_seller(shop, owner, revision=1)
    seed_seller(shop)

    with shop.database.reading() as session:
        kept = find_seller(session)
    assert kept is not None
    assert kept.name_en == "QR Studio Co., Ltd."
