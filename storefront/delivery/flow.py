"""Handing out files."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import Release
from storefront.delivery.models import Download
from storefront.errors import Conflict, NotFound
from storefront.licenses.models import License, LicenseStatus

LINK_LIFETIME = timedelta(minutes=10)


def create_download_link(
    shop: Shop, *, license_id: UUID, release_id: UUID, user_id: UUID, address: str
) -> str:
    """A signed link to a release for the owner of a good licence; the download is recorded.

    Asks the store whether the file is there before the promise is made. Raises NotFound for
    anybody else's licence or another product's release, Conflict `license_not_active` or
    `release_not_available`, FilesUnavailable.
    """
    with shop.database.reading() as reader:
        release = _get_release(
            reader, license_id=license_id, release_id=release_id, user_id=user_id, now=shop.clock()
        )
    if not shop.files.has(release.file_key):
        raise NotFound("file")
    with shop.database.transaction() as session:
        session.add(
            Download(license_id=license_id, release_id=release_id, user_id=user_id, address=address)
        )
    return shop.files.signed_link(
        release.file_key, file_name=release.file_name, lifetime=LINK_LIFETIME
    )


def _get_release(
    session: Session, *, license_id: UUID, release_id: UUID, user_id: UUID, now: datetime
) -> Release:
    license = session.scalar(
        select(License).where(License.id == license_id, License.user_id == user_id)
    )
    if license is None:
        raise NotFound("license")
    release = session.scalar(
        select(Release).where(Release.id == release_id, Release.product_id == license.product_id)
    )
    if release is None:
        raise NotFound("release")
    if license.effective_status(now) is not LicenseStatus.ACTIVE:
        raise Conflict("license_not_active")
    if release.published_at is None or release.published_at > now or release.yanked_at:
        raise Conflict("release_not_available")
    return release
