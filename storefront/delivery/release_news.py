"""Telling owners that an update is out."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import exists, or_, select, true
from sqlalchemy.orm import Session, aliased

from storefront.accounts.models import User
from storefront.catalog.models import Product, Release
from storefront.licenses.models import License, LicenseStatus
from storefront.notifications.service import notify

EVENT: Final = "release_published"
BATCH: Final = 200


def tell_owners(
    session: Session,
    release_id: UUID,
    *,
    after: UUID | None,
    now: datetime,
    batch: int = BATCH,
) -> UUID | None:
    """Put a notice of this version into the lists of up to `batch` owners with a good licence, in
    the order of their ids after `after`; the last of them, None when nobody is left.

    Idempotent by the notice's key: once per version and person. Nobody is told of betas, of what
    was taken back, and of a version below another that is out.
    """
    news = _find_news(session, release_id)
    if news is None:
        return None
    release, product = news
    owners = session.scalars(
        select(User.id)
        .where(
            exists().where(
                License.user_id == User.id,
                License.product_id == product.id,
                License.status == LicenseStatus.ACTIVE,
                or_(License.expires_at.is_(None), License.expires_at > now),
            ),
            User.banned_at.is_(None),
            User.id > after if after else true(),
        )
        .order_by(User.id)
        .limit(batch)
    ).all()
    for user_id in owners:
        notify(
            session,
            user_id,
            type="update",
            event=EVENT,
            context={
                "name_th": product.name_th,
                "name_en": product.name_en,
                "version": release.version,
            },
            path=f"/account/downloads#product-{product.slug}",
            dedupe_key=f"{EVENT}:{release.id}:{user_id}",
            now=now,
        )
    return owners[-1] if owners else None


def _find_news(session: Session, release_id: UUID) -> tuple[Release, Product] | None:
    later = aliased(Release)
    found = session.execute(
        select(Release, Product)
        .join(Product, Product.id == Release.product_id)
        .where(
            Release.id == release_id,
            Release.channel == "stable",
            Release.published_at.is_not(None),
            Release.yanked_at.is_(None),
            ~exists().where(
                later.product_id == Release.product_id,
                later.channel == "stable",
                later.published_at.is_not(None),
                later.yanked_at.is_(None),
                later.version_key > Release.version_key,
            ),
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])
