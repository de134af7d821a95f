"""Putting the demo catalogue on the shelves: rows into the database, files into the bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import BundleItem, Category, Product, Release, Variant
from storefront.catalog.search.models import SearchWord, WordOrigin
from storefront.catalog.search.service import enqueue_stale
from storefront.kit.ids import new_id
from storefront.sandbox.seed.archives import build_archive
from storefront.sandbox.seed.content import (
    SeedProduct,
    SeedRelease,
    SeedVariant,
    categories,
    products,
)
from storefront.sandbox.seed.covers import generate_covers

UPLOADS_AT_ONCE = 8
# What Thai buyers type for English words of the trade.
WORDS = {
    "การาจ": "garage",
    "เอทีเอ็ม": "atm",
    "เอ็มดีที": "mdt",
    "ฮัด": "hud",
    "ดีลเลอร์": "dealership",
    "แบงค์": "banking",
    "อินเวน": "inventory",
    "มินิแมพ": "minimap",
    "แก๊งค์": "gang",
    "เรดิโอ": "radio",
}
CONTENT_TYPES = {".webp": "image/webp", ".png": "image/png"}


def seed_catalog(shop: Shop, *, covers: Path, now: datetime) -> None:
    """Categories, products, releases, pictures. What is there already (by slug) stays as it is,
    so a demo that people have played with keeps their changes."""
    archives = {
        release_key(product, release): build_archive(product, release)
        for product in products()
        for release in product.releases
    }
    generate_covers(covers)
    _upload(shop, archives, covers)
    with shop.database.transaction() as session:
        # By the worker, because loading the Thai dictionary would keep the first visitor waiting;
        # and as the first of its tasks.
        enqueue_stale(session)
        shelves = _seed_categories(session)
        for product in products():
            _seed_product(session, product, archives, shelves, now=now)
        _seed_words(session)


def release_key(product: SeedProduct, release: SeedRelease) -> str:
    """Where a release's file lies in the bucket."""
    return f"releases/{product.slug}/{product.slug}-{release.version}.zip"


def _upload(shop: Shop, archives: Mapping[str, bytes], covers: Path) -> None:
    def put_archive(key: str) -> None:
        if not shop.files.has(key):
            shop.files.put(key, archives[key], content_type="application/zip")

    def put_picture(path: Path) -> None:
        key = f"covers/{path.name}"
        if not shop.files.has(key):
            shop.files.put(key, path.read_bytes(), content_type=CONTENT_TYPES[path.suffix])

    pictures = [path for path in covers.iterdir() if path.suffix in CONTENT_TYPES]
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        _finish(pool.map(put_archive, archives))
        _finish(pool.map(put_picture, pictures))


def _finish(results: Iterable[None]) -> None:
    for _ in results:
        pass


def _seed_categories(session: Session) -> Mapping[str, UUID]:
    shelves: dict[str, UUID] = {}
    for category in categories():
        session.execute(
            insert(Category)
            .values(
                id=new_id(),
                slug=category.slug,
                parent_id=shelves[category.parent] if category.parent else None,
                name_th=category.name_th,
                name_en=category.name_en,
                position=category.position,
            )
            .on_conflict_do_nothing(index_elements=["slug"])
        )
        shelves[category.slug] = session.scalars(
            select(Category.id).where(Category.slug == category.slug)
        ).one()
    return shelves


def _seed_product(
    session: Session,
    seed: SeedProduct,
    archives: Mapping[str, bytes],
    shelves: Mapping[str, UUID],
    *,
    now: datetime,
) -> None:
    if session.scalar(select(Product.id).where(Product.slug == seed.slug)) is not None:
        return
    product = Product(
        id=new_id(),
        slug=seed.slug,
        category_id=shelves[seed.category],
        status=seed.status,
        name_th=seed.name_th,
        name_en=seed.name_en,
        summary_th=seed.summary_th,
        summary_en=seed.summary_en,
        description_th=seed.description_th,
        description_en=seed.description_en,
        features_th=list(seed.features_th),
        features_en=list(seed.features_en),
        tags=list(seed.tags),
        frameworks=list(seed.frameworks),
        dependencies=list(seed.dependencies),
        delivery=seed.delivery,
        resource_cost_us=seed.resource_cost_us,
        docs_url=seed.docs_url,
        cover=f"covers/{seed.slug}",
        featured=seed.featured,
        sold_count=seed.sold_count,
        published_at=now - timedelta(days=seed.days_ago),
    )
    product.variants = [_variant(variant, n) for n, variant in enumerate(seed.variants)]
    product.releases = [
        _release(seed, release, archives[release_key(seed, release)], now=now)
        for release in seed.releases
    ]
    session.add(product)
    session.flush()
    inside = dict(
        session.execute(
            select(Product.slug, Product.id).where(Product.slug.in_(seed.contains))
        ).all()
    )
    session.add_all(
        BundleItem(bundle_id=product.id, product_id=inside[slug], position=position)
        for position, slug in enumerate(seed.contains)
    )


def _seed_words(session: Session) -> None:
    for word, same_as in WORDS.items():
        session.execute(
            insert(SearchWord)
            .values(id=new_id(), word=word, same_as=same_as, origin=WordOrigin.STAFF)
            .on_conflict_do_nothing(index_elements=["word"])
        )


def _variant(seed: SeedVariant, position: int) -> Variant:
    return Variant(
        id=new_id(),
        position=position,
        code=seed.code,
        name_th=seed.name_th,
        name_en=seed.name_en,
        price_satang=seed.price_satang,
        original_price_satang=seed.original_price_satang,
        stock=seed.stock,
        slots=seed.slots,
        duration_days=seed.duration_days,
    )


def _release(seed: SeedProduct, release: SeedRelease, archive: bytes, *, now: datetime) -> Release:
    return Release(
        id=new_id(),
        version=release.version,
        channel=release.channel,
        changelog_th=release.changelog_th,
        changelog_en=release.changelog_en,
        file_key=release_key(seed, release),
        file_name=f"{seed.slug}-{release.version}.zip",
        size_bytes=len(archive),
        sha256=sha256(archive).hexdigest(),
        published_at=now - timedelta(days=release.days_ago),
    )
