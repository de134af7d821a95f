"""The list of products for staff: every status, found by name or address, in pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from storefront.catalog.models import UNLIMITED, Category, Product, ProductStatus, Variant
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor

PAGE_SIZE: Final = 30
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ListSort(StrEnum):
    """In which order staff look at products."""

    UPDATED = "updated"
    NAME = "name"
    SOLD = "sold"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show. Empty means all; `category_ids` are a category with those inside it."""

    status: ProductStatus | None = None
    search: str = ""
    category_ids: tuple[UUID, ...] = ()
    sort: ListSort = ListSort.UPDATED


@dataclass(frozen=True, slots=True)
class StaffProduct:
    """A product in the list. `left` counts units that can still be had; None means no limit."""

    id: UUID
    slug: str
    name_th: str
    name_en: str
    cover: str | None
    status: ProductStatus
    category_th: str
    category_en: str
    sold: int
    updated_at: datetime
    lowest: Money | None
    highest: Money | None
    tiers: int
    left: int | None


def list_staff_products(
    session: Session, wanted: Wanted, *, cursor: str | None = None
) -> Page[StaffProduct]:
    """One page in 2 queries, however deep. A cursor of another order starts at the beginning."""
    key, is_text, descends = _KEYS[wanted.sort]
    query = _rows().add_columns(key.label("key"))
    query = query.where(*_conditions(wanted)).limit(PAGE_SIZE + 1)
    after = _read_cursor(cursor, is_text=is_text)
    if after is not None and descends:
        query = query.where(tuple_(key, Product.id) < tuple_(*after))
    elif after is not None:
        query = query.where(tuple_(key, Product.id) > tuple_(*after))
    if descends:
        query = query.order_by(key.desc(), Product.id.desc())
    else:
        query = query.order_by(key, Product.id)
    rows = session.execute(query).all()
    shown = rows[:PAGE_SIZE]
    tiers = _tiers_of(session, [row.id for row in shown])
    next_cursor = None
    if len(rows) > PAGE_SIZE:
        next_cursor = encode_cursor(_cursor_value(shown[-1].key), str(shown[-1].id))
    return Page([_staff_product(row, tiers.get(row.id, ())) for row in shown], next_cursor)


def find_staff_products(session: Session, product_ids: Collection[UUID]) -> Sequence[StaffProduct]:
    """These products by name, in 2 queries; unknown ones are left out."""
    query = _rows().where(Product.id.in_(product_ids)).order_by(func.lower(Product.name_en))
    rows = session.execute(query).all()
    tiers = _tiers_of(session, [row.id for row in rows])
    return [_staff_product(row, tiers.get(row.id, ())) for row in rows]


def count_staff_products(session: Session, wanted: Wanted) -> Mapping[str, int]:
    """How many products of each status match, whatever status is wanted."""
    without_status = Wanted(search=wanted.search, category_ids=wanted.category_ids)
    rows = session.execute(
        select(Product.status, func.count())
        .where(*_conditions(without_status))
        .group_by(Product.status)
    )
    return {row[0]: row[1] for row in rows}


def _rows() -> Select[*tuple[Any, ...]]:
    return select(
        Product.id,
        Product.slug,
        Product.name_th,
        Product.name_en,
        Product.cover,
        Product.status,
        Category.name_th.label("category_th"),
        Category.name_en.label("category_en"),
        Product.sold_count,
        Product.updated_at,
    ).join(Category, Category.id == Product.category_id)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions.append(Product.status == wanted.status)
    if wanted.category_ids:
        conditions.append(Product.category_id.in_(wanted.category_ids))
    conditions += [
        Product.name_th.icontains(word, autoescape=True)
        | Product.name_en.icontains(word, autoescape=True)
        | Product.slug.icontains(word, autoescape=True)
        for word in wanted.search.split()
    ]
    return conditions


def _tiers_of(
    session: Session, product_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[tuple[int, int | None]]]:
    """Per product the price of each tier in satang and the units left of it."""
    found: dict[UUID, list[tuple[int, int | None]]] = {}
    for row in session.execute(
        select(
            Variant.product_id, Variant.price_satang, Variant.stock, Variant.sold, Variant.held
        ).where(Variant.product_id.in_(product_ids))
    ):
        left = None if row.stock == UNLIMITED else row.stock - row.sold - row.held
        found.setdefault(row.product_id, []).append((row.price_satang, left))
    return found


def _staff_product(row: Any, tiers: Sequence[tuple[int, int | None]]) -> StaffProduct:
    prices = [price for price, _left in tiers]
    units = [left for _price, left in tiers if left is not None]
    return StaffProduct(
        id=row.id,
        slug=row.slug,
        name_th=row.name_th,
        name_en=row.name_en,
        cover=row.cover,
        status=ProductStatus(row.status),
        category_th=row.category_th,
        category_en=row.category_en,
        sold=row.sold_count,
        updated_at=row.updated_at,
        lowest=Money(min(prices)) if prices else None,
        highest=Money(max(prices)) if prices else None,
        tiers=len(tiers),
        left=sum(units) if len(units) == len(tiers) else None,
    )


def _cursor_value(key: Any) -> str | int:
    if isinstance(key, datetime):
        return (key - _EPOCH) // timedelta(microseconds=1)
    return key if isinstance(key, str) else int(key)


def _read_cursor(cursor: str | None, *, is_text: bool | None) -> tuple[Any, UUID] | None:
    last = decode_cursor(cursor, str if is_text else int, str)
    row_id = parse_id(str(last[1])) if last else None
    if last is None or row_id is None:
        return None
    if is_text is not None:
        return last[0], row_id
    try:
        return _EPOCH + timedelta(microseconds=int(last[0])), row_id
    except OverflowError:
        return None


# The column, whether it holds text (None: a time), and whether the largest comes first.
_KEYS: Final[Mapping[ListSort, tuple[ColumnElement[Any], bool | None, bool]]] = {
    ListSort.UPDATED: (Product.updated_at.expression, None, True),
    ListSort.NAME: (func.lower(Product.name_en), True, False),
    ListSort.SOLD: (Product.sold_count.expression, False, True),
    ListSort.PRICE: (func.coalesce(Product.offer_price_satang, -1), False, False),
}
