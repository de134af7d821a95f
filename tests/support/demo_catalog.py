"""The demo's products as bare rows: its words without its pictures and files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from storefront.catalog.models import Category, Product, Variant
from storefront.catalog.search.indexing import index_stale
from storefront.catalog.search.models import SearchWord
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.sandbox.seed.catalog import WORDS
from storefront.sandbox.seed.content import SeedProduct, categories, products


def fill(database: Database) -> None:
    """Put the demo's categories and products on the shelves, and index them."""
    now = datetime.now(UTC)
    shelves: dict[str, UUID] = {}
    with database.transaction() as session:
        for shelf in categories():
            shelves[shelf.slug] = new_id()
            session.add(
                Category(
                    id=shelves[shelf.slug],
                    slug=shelf.slug,
                    parent_id=shelves[shelf.parent] if shelf.parent else None,
                    name_th=shelf.name_th,
                    name_en=shelf.name_en,
                    position=shelf.position,
                )
            )
            session.flush()
        session.add_all(
            SearchWord(id=new_id(), word=word, same_as=other) for word, other in WORDS.items()
        )
        session.add_all(
            _product(seed, shelves[seed.category], now - timedelta(days=seed.days_ago))
            for seed in products()
        )
    index_stale(database)


def _product(seed: SeedProduct, category_id: UUID, published_at: datetime) -> Product:
    product = Product(
        id=new_id(),
        slug=seed.slug,
        category_id=category_id,
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
        featured=seed.featured,
        sold_count=seed.sold_count,
        published_at=published_at,
    )
    product.variants = [
        Variant(
            id=new_id(),
            code=one.code,
            position=position,
            name_th=one.name_th,
            name_en=one.name_en,
            price_satang=one.price_satang,
            original_price_satang=one.original_price_satang,
            stock=one.stock,
        )
        for position, one in enumerate(seed.variants)
    ]
    return product
