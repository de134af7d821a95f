"""Reads about what an owner can download."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ScalarSelect, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from storefront.catalog.models import Product, Release
from storefront.catalog.versions import version_key
from storefront.delivery.models import CopyState, Download, DownloadMark
from storefront.errors import Invalid
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.usage_models import LicenseSlot

MOST_HISTORY: Final = 20

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
    is_beta: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One download: what, when, with which checksum. Before there were marks nobody kept one."""

    name_th: str
    name_en: str
    slug: str
    version: str
    at: datetime
    sha256: str | None


@dataclass(frozen=True, slots=True)
class OwnedProduct:
    """A bought product with its releases, highest version first, and the best licence for it.

    `last_version` is the highest version this person took, None before the first download;
    `running_version` what a server of the newest licence runs that has one. `checksums` are those
    of copies that wait for this licence, by release.
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
    running_version: str | None
    checksums: Mapping[UUID, str]

    @property
    def stable(self) -> tuple[ReleaseRow, ...]:
        """What everybody should run; everything where there is nothing but betas."""
        return tuple(one for one in self.releases if not one.is_beta) or self.releases

    @property
    def betas(self) -> tuple[ReleaseRow, ...]:
        """What is still being tried, newer than the newest stable version or not."""
        return tuple(one for one in self.releases if one not in self.stable)

    @property
    def known_version(self) -> str | None:
        """What this owner has: what runs, else what was taken."""
        return self.running_version or self.last_version

    @property
    def changes(self) -> tuple[ReleaseRow, ...]:
        """The stable versions above the one this owner has, the highest first."""
        if self.known_version is None:
            return ()
        known = version_key(self.known_version)
        return tuple(one for one in self.stable if version_key(one.version) > known)

    @property
    def is_available(self) -> bool:
        """Whether the licence lets its owner download now."""
        return self.status == LicenseStatus.ACTIVE

    @property
    def has_update(self) -> bool:
        """Whether something newer than what this owner has is out."""
        return bool(self.changes)


def list_downloads(session: Session, user_id: UUID, *, now: datetime) -> tuple[OwnedProduct, ...]:
    """Everything this person owns, last bought first, in four queries. Yanked releases and those
    not yet published are left out; a product whose licences are all bad is kept and says why."""
    found = session.execute(
        select(License, Product, _running_version().label("running"))
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
    running = {
        row.Product.id: row.running
        for row in reversed(found)
        if row.running is not None and _is_version(row.running)
    }
    checksums = _checksums(session, [row.License.id for row in found], now)
    return tuple(
        _owned(
            product,
            _best(licenses[id], now),
            releases.get(id, ()),
            (taken.get(id), running.get(id)),
            checksums,
            now,
        )
        for id, product in products.items()
    )


def list_history(session: Session, user_id: UUID) -> tuple[HistoryRow, ...]:
    """What this person downloaded last, the newest first."""
    rows = session.execute(
        select(
            *(Product.name_th, Product.name_en, Product.slug),
            *(Release.version, Download.created_at, Download.sha256),
        )
        .join(Release, Release.id == Download.release_id)
        .join(Product, Product.id == Release.product_id)
        .where(Download.user_id == user_id)
        .order_by(Download.id.desc())
        .limit(MOST_HISTORY)
    )
    return tuple(HistoryRow(*row) for row in rows)


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
    versions: tuple[str | None, str | None],
    checksums: Mapping[tuple[UUID, UUID], str],
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
        last_version=versions[0],
        running_version=versions[1],
        checksums={
            one.id: checksums[license.id, one.id]
            for one in releases
            if (license.id, one.id) in checksums
        },
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
        is_beta=release.channel == "beta",
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


def _running_version() -> ScalarSelect[str]:
    """What the server of a licence runs: the one heard of last, where it said a version at all."""
    return (
        select(LicenseSlot.version)
        .where(LicenseSlot.license_id == License.id, LicenseSlot.version != "")
        .order_by(LicenseSlot.last_seen_at.desc())
        .limit(1)
        .correlate(License)
        .scalar_subquery()
    )


def _is_version(text: str) -> bool:
    """Servers say what stands in the resource's manifest, which may be anything."""
    try:
        version_key(text)
    except Invalid:
        return False
    return True


def _checksums(
    session: Session, license_ids: Sequence[UUID], now: datetime
) -> dict[tuple[UUID, UUID], str]:
    """The SHA-256 of copies that are ready, by licence and release."""
    if not license_ids:
        return {}
    rows = session.execute(
        select(DownloadMark.license_id, DownloadMark.release_id, DownloadMark.sha256).where(
            DownloadMark.license_id.in_(license_ids),
            DownloadMark.state == CopyState.READY,
            DownloadMark.expires_at > now,
        )
    )
    return {(row.license_id, row.release_id): row.sha256 or "" for row in rows}
