"""Reads about what an owner can download."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from storefront.catalog.models import Product, Release
from storefront.delivery.models import Download
from storefront.licenses.models import License, LicenseStatus

_NEVER_ENDS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One version an owner can get."""

    id: UUID
    version: str
    channel: str
    published_at: datetime
    changelog_th: str
    changelog_en: str
    file_name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OwnedProduct:
    """A bought product with its releases, highest version first, and the best licence for it.

    `last_version` is the highest version this person took, None before the first download.
    """

    product_id: UUID
    slug: str
    name_th: str
    name_en: str
    cover: str | None
    dependencies: tuple[str, ...]
    docs_url: str | None
    license_id: UUID
    status: LicenseStatus
    expires_at: datetime | None
    releases: tuple[ReleaseRow, ...]
    last_version: str | None

    @property
    def is_available(self) -> bool:
        """Whether the licence lets its owner download now."""
        return self.status == LicenseStatus.ACTIVE

    @property
    def has_update(self) -> bool:
        """Whether something newer than the last download is out."""
        return bool(
            self.releases
            and self.last_version is not None
            and self.last_version != self.releases[0].version
        )


def list_downloads(session: Session, user_id: UUID, *, now: datetime) -> tuple[OwnedProduct, ...]:
    """Everything this person owns, last bought first, in three queries. Yanked releases and those
    not yet published are left out; a product whose licences are all bad is kept and says why."""
    found = session.execute(
        select(License, Product)
        .join(Product, Product.id == License.product_id)
        .where(License.user_id == user_id)
        .order_by(License.id.desc())
    ).all()
    licenses: dict[UUID, list[License]] = defaultdict(list)
    for row in found:
        licenses[row.Product.id].append(row.License)
    products = {row.Product.id: row.Product for row in found}
    releases = _releases(session, products, now)
    taken = _last_versions(session, [row.License.id for row in found])
    return tuple(
        _owned(product, _best(licenses[id], now), releases.get(id, ()), taken.get(id), now)
        for id, product in products.items()
    )


def _best(licenses: Sequence[License], now: datetime) -> License:
    # Any good licence opens the files, so a lost one must not hide another that is good.
    return max(
        licenses,
        key=lambda license: (
            license.effective_status(now) == LicenseStatus.ACTIVE,
            license.expires_at or _NEVER_ENDS,
            license.id,
        ),
    )


def _owned(
    product: Product,
    license: License,
    releases: tuple[ReleaseRow, ...],
    last_version: str | None,
    now: datetime,
) -> OwnedProduct:
    return OwnedProduct(
        product_id=product.id,
        slug=product.slug,
        name_th=product.name_th,
        name_en=product.name_en,
        cover=product.cover,
        dependencies=tuple(product.dependencies),
        docs_url=product.docs_url,
        license_id=license.id,
        status=license.effective_status(now),
        expires_at=license.expires_at,
        releases=releases,
        last_version=last_version,
    )


def _releases(
    session: Session, product_ids: Iterable[UUID], now: datetime
) -> Mapping[UUID, tuple[ReleaseRow, ...]]:
    by_product: dict[UUID, list[ReleaseRow]] = defaultdict(list)
    wanted = list(product_ids)
    if not wanted:
        return {}
    for release in session.scalars(
        select(Release)
        .where(
            Release.product_id.in_(wanted),
            Release.published_at <= now,
            Release.yanked_at.is_(None),
        )
        .order_by(Release.version_key.desc())
    ):
        by_product[release.product_id].append(_release_row(release, now))
    return {id: tuple(rows) for id, rows in by_product.items()}


def _release_row(release: Release, now: datetime) -> ReleaseRow:
    return ReleaseRow(
        id=release.id,
        version=release.version,
        channel=release.channel,
        published_at=release.published_at or now,
        changelog_th=release.changelog_th,
        changelog_en=release.changelog_en,
        file_name=release.file_name,
        size_bytes=release.size_bytes,
        sha256=release.sha256,
    )


def _last_versions(session: Session, license_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The highest version that was downloaded under these licences, by product id."""
    if not license_ids:
        return {}
    rows = session.execute(
        select(Release.product_id, Release.version)
        .ext(distinct_on(Release.product_id))
        .join(Download, Download.release_id == Release.id)
        .where(Download.license_id.in_(license_ids))
        .order_by(Release.product_id, Release.version_key.desc())
    )
    return {row.product_id: row.version for row in rows}
