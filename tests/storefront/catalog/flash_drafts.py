"""Flash sales as tests write them down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from storefront.catalog.flash_sales import (
    ItemDraft,
    SaleDraft,
    SaleRefused,
)
from storefront.catalog.models import Product
from storefront.catalog.price_models import FlashSaleItem
from storefront.db import Database
from storefront.kit.money import Money

# Ahead of the real clock for as long as the longest run of tests: what a factory makes lies before.
NOW = datetime.now(UTC) + timedelta(hours=2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def draft_of(*items: ItemDraft, **changes: Any) -> SaleDraft:
    return SaleDraft(
        **{
            "name_th": "ลดกลางปี",
            "name_en": "Mid-year sale",
            "starts_at": NOW + HOUR,
            "ends_at": NOW + DAY,
            "items": items,
            **changes,
        }
    )


def item_of(product: Product, price: Money, units: int | None = None) -> ItemDraft:
    return ItemDraft(product.variants[0].id, price, units)


def faults_of(refusal: pytest.ExceptionInfo[SaleRefused]) -> list[tuple[str, str]]:
    return [(one.fault.value, one.field) for one in refusal.value.problems]


def items_of(database: Database, sale_id: UUID) -> dict[UUID, FlashSaleItem]:
    with database.reading() as session:
        rows = session.scalars(select(FlashSaleItem).where(FlashSaleItem.sale_id == sale_id))
        return {row.variant_id: row for row in rows}


def backdate(database: Database, product: Product, *prices: tuple[int, Money]) -> None:
    """The price history of the product's tier: (days before now, price)."""
    variant_id = product.variants[0].id
    with database.transaction() as session:
        session.execute(
            text("DELETE FROM price_changes WHERE variant_id = :variant"), {"variant": variant_id}
        )
        for days, price in prices:
            session.execute(
                text(
                    "INSERT INTO price_changes (variant_id, began_at, price_satang)"
                    " VALUES (:variant, :at, :price)"
                ),
                {"variant": variant_id, "at": NOW - days * DAY, "price": price.satang},
            )
