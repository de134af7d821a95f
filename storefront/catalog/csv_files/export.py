"""The catalogue as a file that can be imported again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from storefront.catalog.csv_files.rules import COLUMNS, PRODUCT_COLUMNS
from storefront.catalog.models import UNLIMITED, Category, Product, Variant
from storefront.kit.money import MINOR_UNITS

BATCH: Final = 200

EXAMPLE: Final = (
    *("night-garage", "draft", "scripts", "โรงรถกลางคืน", "Night garage"),
    *("เก็บและเรียกรถได้ทุกที่", "Store and call cars anywhere"),
    *("## จุดเด่น\n\n- เปิดเร็ว", "## Highlights\n\n- Opens fast"),
    *("เร็ว\nรองรับทุกรถ", "Fast\nEvery vehicle", "garage, vehicles", "esx, qbox"),
    *("ox_lib, oxmysql", "protected", "0.01", "https://docs.example.com/garage", "", "no"),
    *("standard", "มาตรฐาน", "Standard", "990", "", "", "2", ""),
)


def export_rows(
    session: Session, *, status: str = "", category_id: UUID | None = None
) -> Iterator[list[str]]:
    """One row per tier, products by address; texts of a product only in its first row. Read in
    batches, so that a large catalogue is never held as a whole."""
    after = ""
    while True:
        query = _products(status, category_id).where(Product.slug > after).limit(BATCH)
        products = session.execute(query).all()
        if not products:
            return
        tiers = _tiers_of(session, [product.id for product in products])
        for product in products:
            yield from _rows(product, tiers.get(product.id, []))
        after = products[-1].slug


def _products(status: str, category_id: UUID | None) -> Select[*tuple[Any, ...]]:
    query = (
        select(
            Product.id,
            Product.slug,
            Product.status,
            Category.slug.label("category"),
            Product.name_th,
            Product.name_en,
            Product.summary_th,
            Product.summary_en,
            Product.description_th,
            Product.description_en,
            Product.features_th,
            Product.features_en,
            Product.tags,
            Product.frameworks,
            Product.dependencies,
            Product.delivery,
            Product.resource_cost_us,
            Product.docs_url,
            Product.video_url,
            Product.featured,
        )
        .join(Category, Category.id == Product.category_id)
        .order_by(Product.slug)
    )
    if status:
        query = query.where(Product.status == status)
    if category_id is not None:
        query = query.where(Product.category_id == category_id)
    return query


def _tiers_of(session: Session, product_ids: list[UUID]) -> dict[UUID, list[Any]]:
    tiers: dict[UUID, list[Any]] = {}
    columns = (
        *(Variant.product_id, Variant.code, Variant.name_th, Variant.name_en),
        *(Variant.price_satang, Variant.original_price_satang),
        *(Variant.stock, Variant.slots, Variant.duration_days),
    )
    for row in session.execute(
        select(*columns)
        .where(Variant.product_id.in_(product_ids))
        .order_by(Variant.product_id, Variant.position, Variant.id)
    ):
        tiers.setdefault(row.product_id, []).append(row)
    return tiers


def _rows(product: Any, tiers: list[Any]) -> Iterator[list[str]]:
    whole = _product_cells(product)
    if not tiers:
        yield [*whole, *[""] * (len(COLUMNS) - len(PRODUCT_COLUMNS))]
    for place, tier in enumerate(tiers):
        cells = whole if place == 0 else [product.slug, *[""] * (len(PRODUCT_COLUMNS) - 1)]
        yield [*cells, *_tier_cells(tier)]


def _product_cells(product: Any) -> list[str]:
    return [
        product.slug,
        product.status,
        product.category,
        product.name_th,
        product.name_en,
        product.summary_th,
        product.summary_en,
        product.description_th,
        product.description_en,
        "\n".join(product.features_th),
        "\n".join(product.features_en),
        ", ".join(product.tags),
        ", ".join(product.frameworks),
        ", ".join(product.dependencies),
        product.delivery,
        _decimal(product.resource_cost_us, 3),
        product.docs_url or "",
        product.video_url or "",
        "yes" if product.featured else "no",
    ]


def _tier_cells(tier: Any) -> list[str]:
    original = tier.original_price_satang
    return [
        tier.code,
        tier.name_th,
        tier.name_en,
        _baht(tier.price_satang),
        "" if original is None else _baht(original),
        "" if tier.stock == UNLIMITED else str(tier.stock),
        str(tier.slots),
        "" if tier.duration_days is None else str(tier.duration_days),
    ]


def _baht(satang: int) -> str:
    whole, rest = divmod(satang, MINOR_UNITS)
    return f"{whole}.{rest:02d}" if rest else str(whole)


def _decimal(number: int, places: int) -> str:
    whole, rest = divmod(number, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")
