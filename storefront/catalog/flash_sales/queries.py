"""Reads about flash sales for staff."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from storefront.catalog.flash_sales.rules import KeptItem, Phase, TierFacts, phase_at
from storefront.catalog.models import UNLIMITED, Product, Variant
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor

PAGE_SIZE: Final = 20
MOST_OPEN: Final = 100
MOST_FOUND: Final = 12
MOST_SUGGESTED: Final = 6
_FOR_SALE: Final = ("published", "coming_soon")


@dataclass(frozen=True, slots=True)
class SaleRow:
    """A sale in a list. `units` and `units_left` count the items with a limit and are None when
    there is none; `is_open_ended` says that some have no limit. `sold` counts what was paid for
    at its prices."""

    id: UUID
    name_th: str
    name_en: str
    starts_at: datetime
    ends_at: datetime
    phase: Phase
    items: int
    sold: int
    held: int
    units: int | None
    units_left: int | None
    is_open_ended: bool


@dataclass(frozen=True, slots=True)
class SaleDetail:
    """One sale with its items, as staff edit it."""

    id: UUID
    name_th: str
    name_en: str
    starts_at: datetime
    ends_at: datetime
    revision: int
    phase: Phase
    items: Sequence[KeptItem]


def list_open_sales(session: Session, *, now: datetime) -> list[SaleRow]:
    """Sales that run or are planned, the one that begins first at the top; at most 100."""
    query = _rows([FlashSale.ends_at > now]).order_by(FlashSale.starts_at, FlashSale.id)
    return [_row(row, now) for row in session.execute(query.limit(MOST_OPEN))]


def list_ended_sales(
    session: Session, *, now: datetime, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[SaleRow]:
    """Sales that are over, the latest first; a page is found by the last row seen."""
    wanted: list[ColumnElement[bool]] = [FlashSale.ends_at <= now]
    after = _read_cursor(cursor)
    if after is not None:
        wanted.append(tuple_(FlashSale.ends_at, FlashSale.id) < tuple_(*after))
    query = _rows(wanted).order_by(FlashSale.ends_at.desc(), FlashSale.id.desc())
    rows = [_row(row, now) for row in session.execute(query.limit(limit + 1))]
    last = rows[limit - 1] if len(rows) > limit else None
    cursor_of_next = encode_cursor(last.ends_at.isoformat(), str(last.id)) if last else None
    return Page(rows[:limit], cursor_of_next)


def get_sale(session: Session, sale_id: UUID, *, now: datetime) -> SaleDetail:
    """One sale with its items: 2 queries. Raises NotFound."""
    sale = session.execute(
        select(
            FlashSale.id,
            FlashSale.name_th,
            FlashSale.name_en,
            FlashSale.starts_at,
            FlashSale.ends_at,
            FlashSale.revision,
        ).where(FlashSale.id == sale_id)
    ).one_or_none()
    if sale is None:
        raise NotFound("flash_sale")
    return SaleDetail(
        id=sale.id,
        name_th=sale.name_th,
        name_en=sale.name_en,
        starts_at=sale.starts_at,
        ends_at=sale.ends_at,
        revision=sale.revision,
        phase=phase_at(sale.starts_at, sale.ends_at, now),
        items=find_items(session, sale_id),
    )


def find_items(session: Session, sale_id: UUID) -> list[KeptItem]:
    """The items of a sale in the order in which they were added."""
    rows = session.execute(
        select(
            FlashSaleItem.id,
            FlashSaleItem.variant_id,
            FlashSaleItem.price_satang,
            FlashSaleItem.reference_satang,
            FlashSaleItem.units,
            FlashSaleItem.sold,
            FlashSaleItem.held,
        )
        .where(FlashSaleItem.sale_id == sale_id)
        .order_by(FlashSaleItem.id)
    )
    return [
        KeptItem(
            id=row.id,
            variant_id=row.variant_id,
            price=Money(row.price_satang),
            reference=None if row.reference_satang is None else Money(row.reference_satang),
            units=row.units,
            sold=row.sold,
            held=row.held,
        )
        for row in rows
    ]


def find_tiers(
    session: Session, variant_ids: Collection[UUID], *, at: datetime
) -> Mapping[UUID, TierFacts]:
    """Facts about these tiers for a sale that begins at `at`; unknown ids are left out."""
    if not variant_ids:
        return {}
    rows = session.execute(_tiers(at).where(Variant.id.in_(variant_ids)))
    return {row.variant_id: _tier(row) for row in rows}


def search_tiers(session: Session, phrase: str, *, at: datetime) -> list[TierFacts]:
    """Up to 12 tiers of products on the shelves whose name or address contains the phrase, the
    most bought products first; without a phrase 6 of any."""
    words = phrase.strip()
    query = (
        _tiers(at)
        .where(Product.status.in_(_FOR_SALE))
        .order_by(Product.sold_count.desc(), Product.id, Variant.position)
        .limit(MOST_FOUND if words else MOST_SUGGESTED)
    )
    if words:
        query = query.where(
            Product.name_th.icontains(words, autoescape=True)
            | Product.name_en.icontains(words, autoescape=True)
            | Product.slug.icontains(words, autoescape=True)
        )
    return [_tier(row) for row in session.execute(query)]


def _rows(wanted: Sequence[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    left = FlashSaleItem.units - FlashSaleItem.sold - FlashSaleItem.held
    return (
        select(
            FlashSale.id,
            FlashSale.name_th,
            FlashSale.name_en,
            FlashSale.starts_at,
            FlashSale.ends_at,
            func.count(FlashSaleItem.id).label("items"),
            func.coalesce(func.sum(FlashSaleItem.sold), 0).label("sold"),
            func.coalesce(func.sum(FlashSaleItem.held), 0).label("held"),
            func.sum(FlashSaleItem.units).label("units"),
            func.sum(left).label("units_left"),
            func.coalesce(func.bool_or(FlashSaleItem.units.is_(None)), False).label("open_ended"),
        )
        .outerjoin(FlashSaleItem, FlashSaleItem.sale_id == FlashSale.id)
        .where(*wanted)
        .group_by(FlashSale.id)
    )


def _row(row: Any, now: datetime) -> SaleRow:
    return SaleRow(
        id=row.id,
        name_th=row.name_th,
        name_en=row.name_en,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        phase=phase_at(row.starts_at, row.ends_at, now),
        items=row.items,
        sold=int(row.sold),
        held=int(row.held),
        units=None if row.units is None else int(row.units),
        units_left=None if row.units_left is None else int(row.units_left),
        is_open_ended=row.open_ended,
    )


def _tiers(at: datetime) -> Select[*tuple[Any, ...]]:
    return select(
        Variant.id.label("variant_id"),
        Variant.product_id,
        Product.slug,
        Variant.code,
        Product.name_th,
        Product.name_en,
        Variant.name_th.label("tier_th"),
        Variant.name_en.label("tier_en"),
        Product.status,
        Variant.price_satang,
        Variant.stock,
        Variant.sold,
        Variant.held,
        func.lowest_price(Variant.id, at).label("lowest"),
    ).join(Product, Product.id == Variant.product_id)


def _tier(row: Any) -> TierFacts:
    return TierFacts(
        variant_id=row.variant_id,
        product_id=row.product_id,
        slug=row.slug,
        code=row.code,
        name_th=row.name_th,
        name_en=row.name_en,
        tier_th=row.tier_th,
        tier_en=row.tier_en,
        status=row.status,
        price=Money(row.price_satang),
        available=None if row.stock == UNLIMITED else row.stock - row.sold - row.held,
        lowest=None if row.lowest is None else Money(int(row.lowest)),
    )


def _read_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    last = decode_cursor(cursor, str, str)
    if last is None:
        return None
    sale_id = parse_id(str(last[1]))
    try:
        ends_at = datetime.fromisoformat(str(last[0]))
    except ValueError:
        return None
    return None if sale_id is None or ends_at.tzinfo is None else (ends_at, sale_id)
