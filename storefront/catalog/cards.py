"""Product cards: the few columns a list shows, read together with the tier whose price it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    String,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from storefront.catalog.models import UNLIMITED, BundleItem, Product, ProductStatus, Variant
from storefront.catalog.price_models import FlashSaleItem
from storefront.kit.money import Money

NEW_FOR: Final = timedelta(days=30)
SHOWN: Final = (ProductStatus.PUBLISHED, ProductStatus.COMING_SOON)
CardQuery = Select[*tuple[Any, ...]]

# Columns instead of mapped attributes: lists read plain rows, without the work of mapping.
PRODUCTS: Final = Product.__table__.c
NOW: Final = bindparam("now", type_=DateTime(timezone=True))


def running_items() -> tuple[ColumnElement[bool], ...]:
    """What makes a flash sale item count at `now`: its window, and units left at its price."""
    items = FlashSaleItem.__table__.c
    has_units = items.units.is_(None) | (items.sold + items.held < items.units)
    return (items.starts_at <= NOW, items.ends_at > NOW, has_units)


def _flash_offer() -> LateralFromClause:
    """Per product the cheapest tier in a running flash sale that can be had, where it beats the
    tier a card would show otherwise."""
    items, tiers = FlashSaleItem.__table__.c, Variant.__table__.c
    return (
        select(
            items.variant_id,
            items.price_satang.label("price"),
            case((items.reference_satang > items.price_satang, items.reference_satang)).label(
                "original"
            ),
            items.ends_at,
            (items.units - items.sold - items.held).label("units_left"),
        )
        .join(Variant.__table__, tiers.id == items.variant_id)
        .where(
            items.product_id == PRODUCTS.id,
            *running_items(),
            items.price_satang < tiers.price_satang,
            (tiers.stock == UNLIMITED) | (tiers.sold + tiers.held < tiers.stock),
            PRODUCTS.offer_is_sold_out | (items.price_satang < PRODUCTS.offer_price_satang),
        )
        .order_by(items.price_satang, items.id)
        .limit(1)
        .lateral("flash")
    )


_FLASH: Final = _flash_offer()
_IS_BUNDLE: Final = (
    select(literal(True)).where(BundleItem.__table__.c.bundle_id == PRODUCTS.id).exists()
)


class OFFER:
    """What a card offers at `now`: the tier kept beside the product, or one in a flash sale."""

    variant_id: Final = func.coalesce(_FLASH.c.variant_id, PRODUCTS.offer_variant_id)
    price: Final = func.coalesce(_FLASH.c.price, PRODUCTS.offer_price_satang)
    original: Final = case(
        (_FLASH.c.price.is_not(None), _FLASH.c.original), else_=PRODUCTS.offer_original_satang
    )
    sold_out: Final = _FLASH.c.price.is_(None) & PRODUCTS.offer_is_sold_out
    tiers: Final = PRODUCTS.tier_count
    lowest: Final = PRODUCTS.offer_is_lowest
    ends_at: Final = _FLASH.c.ends_at
    units_left: Final = _FLASH.c.units_left


@dataclass(frozen=True, slots=True)
class Card:
    """A product as a card shows it: with the first of its tiers that can still be had, or with
    one in a running flash sale. `flash_ends_at` and `flash_units_left` are those of that sale."""

    id: UUID
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
    is_bundle: bool
    flash_ends_at: datetime | None
    flash_units_left: int | None

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
    def is_flash(self) -> bool:
        """Whether the price is that of a running flash sale."""
        return self.flash_ends_at is not None

    @property
    def discount_percent(self) -> int:
        """Whole percent off the earlier price, rounded down; 0 when not on sale."""
        if self.price is None or not self.original_price:
            return 0
        return (self.original_price.satang - self.price.satang) * 100 // self.original_price.satang


def card_list(wanted: Sequence[Any], *, order: Sequence[Any], limit: int) -> CardQuery:
    """A short list of cards. Made once per kind of list, because building an expression costs more
    than running it."""
    turn = (*order, PRODUCTS.id.desc())
    place = func.row_number().over(order_by=turn).label("place")
    return with_offer(card_columns(place), wanted).order_by(*turn).limit(limit)


def together(**lists: CardQuery) -> CompoundSelect[*tuple[Any, ...]]:
    """Several lists of cards in one statement, so that a page asks the database once."""
    named = [
        select(literal(name, String).label("list_name"), *query.subquery().c)
        for name, query in lists.items()
    ]
    return union_all(*named).order_by("place")


def find_cards(session: Session, query: CardQuery, *, now: datetime) -> list[Card]:
    """The cards of one list."""
    return [card_from(row, now) for row in session.execute(query, {"now": now})]


def find_lists(
    session: Session, query: CompoundSelect[*tuple[Any, ...]], *, now: datetime, **values: Any
) -> defaultdict[str, list[Card]]:
    """The cards of lists joined by `together`, by the names given there; `values` are what the
    lists depend on."""
    found: defaultdict[str, list[Card]] = defaultdict(list)
    for row in session.execute(query, {**values, "now": now}):
        found[row.list_name].append(card_from(row, now))
    return found


def card_columns(*more: ColumnElement[Any]) -> CardQuery:
    """What a card is made of, and further columns."""
    return select(
        PRODUCTS.id,
        PRODUCTS.slug,
        PRODUCTS.name_th,
        PRODUCTS.name_en,
        PRODUCTS.summary_th,
        PRODUCTS.summary_en,
        PRODUCTS.cover,
        PRODUCTS.frameworks,
        PRODUCTS.status,
        PRODUCTS.published_at,
        OFFER.variant_id.label("variant_id"),
        OFFER.price.label("price"),
        OFFER.original.label("original"),
        OFFER.sold_out.label("sold_out"),
        OFFER.tiers.label("tiers"),
        OFFER.lowest.label("lowest"),
        OFFER.ends_at,
        OFFER.units_left,
        _IS_BUNDLE.label("is_bundle"),
        *more,
    )


def with_offer(query: CardQuery, wanted: Sequence[Any]) -> CardQuery:
    """Products together with what each offers at `now`."""
    return query.select_from(Product.__table__).outerjoin(_FLASH, literal(True)).where(*wanted)


def card_from(row: Any, now: datetime) -> Card:
    return Card(
        id=row.id,
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
        is_bundle=row.is_bundle,
        flash_ends_at=row.ends_at,
        flash_units_left=row.units_left,
    )


def is_shown() -> ColumnElement[bool]:
    """Whether shoppers may see the product. Written out, because a partial index is only used
    where the planner can read its condition."""
    return PRODUCTS.status.in_([literal_column(f"'{status}'") for status in SHOWN])
