"""Who sells in the demo, so that its receipts look like those of a company."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.receipts.seller import NEVER_SAVED, SellerDraft, change_seller, find_seller
from storefront.sandbox.seed.people import OWNER

# The tax id is made up; only its check digit is right.
SELLER: Final = SellerDraft(
    name_th="บริษัท คิวอาร์ สตูดิโอ จำกัด",
    name_en="QR Studios Co., Ltd.",
    address_th="99/9 ถนนนิมมานเหมินท์ ตำบลสุเทพ\nอำเภอเมืองเชียงใหม่ จังหวัดเชียงใหม่ 50200",
    address_en="99/9 Nimmanhaemin Road, Suthep\nMueang Chiang Mai, Chiang Mai 50200",
    tax_id="0999999999991",
    phone="053 000 000",
    email="billing@example.com",
    vat_on=True,
)


def seed_seller(shop: Shop) -> None:
    """As the owner would write it; a shop whose staff have done so keeps theirs."""
    with shop.database.transaction() as session:
        if find_seller(session) is not None:
            return
        owner = session.scalars(select(User.id).where(User.discord_id == OWNER.discord_id)).one()
        change_seller(session, SELLER, revision=NEVER_SAVED, actor_id=owner)
