"""A download of the demo, so that a copy with a mark exists that can be handed in as a leak."""

from __future__ import annotations

from typing import Final

from sqlalchemy import exists, select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.delivery import flow
from storefront.delivery.copies import find_copy
from storefront.delivery.flow import Wanted
from storefront.delivery.models import Download
from storefront.licenses.models import License, LicenseStatus

OWNER: Final = "somchai"
ADDRESS: Final = "203.0.113.7"


def seed_download(shop: Shop) -> None:
    """Let one owner fetch the oldest release of a script they own. Nothing if anybody has fetched
    a marked copy before."""
    wanted = _wanted(shop)
    if wanted is None or flow.create_download_link(shop, wanted, address=ADDRESS) is not None:
        return
    with shop.database.reading() as reader:
        copy = find_copy(reader, license_id=wanted.license_id, release_id=wanted.release_id)
    if copy is not None and copy.file_key is not None:
        # The worker of the demo is not there yet; it will find this done.
        flow.prepare_copy(shop, copy.file_key)
        flow.create_download_link(shop, wanted, address=ADDRESS)


def _wanted(shop: Shop) -> Wanted | None:
    with shop.database.reading() as reader:
        if reader.scalar(select(exists().where(Download.mark_id.is_not(None)))):
            return None
        found = reader.execute(
            select(License.id, Release.id, License.user_id)
            .join(User, User.id == License.user_id)
            .join(Product, Product.id == License.product_id)
            .join(Release, Release.product_id == Product.id)
            .where(
                User.username == OWNER,
                License.status == LicenseStatus.ACTIVE,
                License.expires_at.is_(None),
                Release.published_at <= shop.clock(),
                Release.yanked_at.is_(None),
            )
            .order_by(License.id, Release.version_key)
            .limit(1)
        ).one_or_none()
    return Wanted(*found) if found is not None else None
