"""Putting the demo catalogue on the shelves: what is known about each product."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import BundleItem, Category, Product, Release, Variant
from storefront.catalog.search.models import SearchWord, WordOrigin
from storefront.catalog.search.service import enqueue_stale
from storefront.kit.ids import new_id
from storefront.sandbox.seed.content import (
    SeedProduct,
    SeedRelease,
    SeedVariant,
    categories,
    products,
)
from storefront.sandbox.seed.files import release_key

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


def seed_catalog(shop: Shop, archives: Mapping[str, bytes], *, now: datetime) -> None:
    """Categories, products, releases of these archives. What is there already (by slug) stays as
    it is, so a demo that people have played with keeps their changes."""
    with shop.database.transaction() as session:
        # By the worker, because loading the Thai dictionary would keep the first visitor waiting;
        # and as the first of its tasks.
        enqueue_stale(session)
        _seed_products(session, archives, _seed_categories(session), now=now)
        _seed_words(session)


def _seed_categories(session: Session) -> Mapping[str, UUID]:
    shelves = dict(session.execute(select(Category.slug, Category.id)).all())
    for category in categories():
        if category.slug in shelves:
            continue
        shelves[category.slug] = new_id()
        session.add(
            Category(
                id=shelves[category.slug],
                slug=category.slug,
                parent_id=shelves[category.parent] if category.parent else None,
                name_th=category.name_th,
                name_en=category.name_en,
                position=category.position,
            )
        )
    session.flush()
    return shelves


def _seed_products(
    session: Session,
    archives: Mapping[str, bytes],
    shelves: Mapping[str, UUID],
    *,
    now: datetime,
) -> None:
    """All at once: row by row it takes three times as long."""
    known = dict(session.execute(select(Product.slug, Product.id)).all())
    ids = dict(known)
    contents: list[BundleItem] = []
    for seed in products():
        if seed.slug in known:
            continue
        product = _product(seed, archives, shelves, now=now)
        session.add(product)
        ids[seed.slug] = product.id
        contents += [
            BundleItem(bundle_id=product.id, product_id=ids[slug], position=position)
            for position, slug in enumerate(seed.contains)
        ]
    session.flush()
    session.add_all(contents)


def _product(
    seed: SeedProduct,
    archives: Mapping[str, bytes],
    shelves: Mapping[str, UUID],
    *,
    now: datetime,
) -> Product:
    return Product(
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
        variants=[_variant(variant, n) for n, variant in enumerate(seed.variants)],
        releases=[
            _release(seed, release, archives[release_key(seed, release)], now=now)
            for release in seed.releases
        ],
    )


def _seed_words(session: Session) -> None:
    session.execute(
        insert(SearchWord).on_conflict_do_nothing(index_elements=["word"]),
        [
            {"id": new_id(), "word": word, "same_as": same_as, "origin": WordOrigin.STAFF}
            for word, same_as in WORDS.items()
        ],
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
