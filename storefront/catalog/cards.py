"""Product cards: the few columns a list shows, read together with the tier whose price it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from storefront.catalog.models import UNLIMITED, Product, ProductStatus, Variant
from storefront.kit.money import Money

NEW_FOR: Final = timedelta(days=30)
SHOWN: Final = (ProductStatus.PUBLISHED, ProductStatus.COMING_SOON)


@dataclass(frozen=True, slots=True)
class Card:
    """A product as a card shows it: with the first of its tiers that can still be had."""

    slug: str
    name_th: str
    name_en: str
    summary_th: str
    summary_en: str
    cover: str | None
    frameworks: Sequence[str]
    status: str
    published_at: datetime
    variant_id: UUID | None
    price: Money | None
    original_price: Money | None
    is_sold_out: bool
    tiers: int
    is_lowest: bool
    is_new: bool

    @property
    def is_coming_soon(self) -> bool:
        """Announced, not for sale yet."""
        return self.status == ProductStatus.COMING_SOON or self.price is None

    @property
    def is_from(self) -> bool:
        """Whether the price is the lowest of several, so "from" is true."""
        return self.tiers > 1 and self.is_lowest

    @property
    def can_add(self) -> bool:
        """Whether one click can put it into the cart: a single tier that is available."""
        return self.tiers == 1 and not self.is_sold_out and not self.is_coming_soon

    @property
    def discount_percent(self) -> int:
        """Whole percent off the earlier price, rounded down; 0 when not on sale."""
        if self.price is None or not self.original_price:
            return 0
        return (self.original_price.satang - self.price.satang) * 100 // self.original_price.satang


def find_cards(
    session: Session, wanted: Any, *, order: Any, now: datetime, limit: int
) -> list[Card]:
    return first_cards(
        session,
        shown_offer(),
        [is_shown(), wanted],
        order=order,
        now=now,
        limit=limit,
    )


def first_cards(
    session: Session,
    offer: LateralFromClause,
    wanted: list[Any],
    *,
    order: Any,
    now: datetime,
    limit: int,
) -> list[Card]:
    orders = order if isinstance(order, tuple) else (order,)
    query = with_offer(card_columns(offer, Product.sold_count.expression), offer, wanted)
    rows = session.execute(query.order_by(*orders, Product.id.desc()).limit(limit))
    return [card_from(row, now) for row in rows]


def shown_offer() -> LateralFromClause:
    """Per product the tier a card shows: in the seller's order the first that can be had."""
    sold_out = (Variant.stock != UNLIMITED) & (Variant.sold + Variant.held >= Variant.stock)
    return (
        select(
            Variant.id.label("variant_id"),
            Variant.price_satang.label("price"),
            Variant.original_price_satang.label("original"),
            sold_out.label("sold_out"),
            func.count().over().label("tiers"),
            (Variant.price_satang == func.min(Variant.price_satang).over()).label("lowest"),
        )
        .where(Variant.product_id == Product.id)
        .order_by(sold_out, Variant.position, Variant.price_satang)
        .limit(1)
        .lateral("offer")
    )


def card_columns(offer: LateralFromClause, key: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    return select(
        Product.id,
        Product.slug,
        Product.name_th,
        Product.name_en,
        Product.summary_th,
        Product.summary_en,
        Product.cover,
        Product.frameworks,
        Product.status,
        Product.published_at,
        offer.c.variant_id,
        offer.c.price,
        offer.c.original,
        offer.c.sold_out,
        offer.c.tiers,
        offer.c.lowest,
        key.label("sort_key"),
    )


def with_offer(
    query: Select[*tuple[Any, ...]], offer: LateralFromClause, wanted: list[Any]
) -> Select[*tuple[Any, ...]]:
    # Outer: a product that is only announced may have no tier yet.
    return query.select_from(Product).outerjoin(offer, literal(True)).where(*wanted)


def card_from(row: Any, now: datetime) -> Card:
    return Card(
        slug=row.slug,
        name_th=row.name_th,
        name_en=row.name_en,
        summary_th=row.summary_th,
        summary_en=row.summary_en,
        cover=row.cover,
        frameworks=tuple(row.frameworks),
        status=row.status,
        published_at=row.published_at,
        variant_id=row.variant_id,
        price=None if row.price is None else Money(row.price),
        original_price=None if row.original is None else Money(row.original),
        is_sold_out=bool(row.sold_out),
        tiers=row.tiers or 0,
        is_lowest=bool(row.lowest),
        is_new=now - row.published_at < NEW_FOR,
    )


def is_shown() -> ColumnElement[bool]:
    return Product.status.in_(SHOWN)
