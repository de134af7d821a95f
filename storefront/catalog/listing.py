"""The product list: filters, orders and keyset pages. The cost of a page does not grow with its
depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from storefront.catalog.cards import (
    Card,
    card_columns,
    card_from,
    is_shown,
    shown_offer,
    with_offer,
)
from storefront.catalog.models import Category, Product, ProductStatus
from storefront.catalog.search import contains_every, relevance, words_of
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, decode_cursor, encode_cursor

PAGE_SIZE: Final = 24
FRAMEWORKS: Final = ("esx", "qbcore", "qbox", "standalone")
DELIVERIES: Final = ("open_source", "protected")

_LARGEST_KEY: Final = 2**53
_RANK_STEP: Final = 10**9


class Sort(StrEnum):
    """Orders of the list, each one number per product so that a page can be found again."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    POPULAR = "popular"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to."""

    phrase: str = ""
    category: str | None = None
    framework: str | None = None
    delivery: str | None = None
    on_sale: bool = False
    in_stock: bool = False

    @property
    def count(self) -> int:
        """How many filters are on, not counting the phrase."""
        chosen = (
            self.category,
            self.framework,
            self.delivery,
            self.on_sale,
            self.in_stock,
        )
        return sum(1 for one in chosen if one)


@dataclass(frozen=True, slots=True)
class ProductList:
    """One page of the list and the number of products behind it."""

    page: Page[Card]
    total: int


def list_products(
    session: Session, filters: Filters, sort: Sort, *, cursor: str | None, now: datetime
) -> ProductList:
    """The list page: 2 queries, 3 with a category.

    A cursor that is forged or belongs to another order starts at page one.
    Raises NotFound when the category does not exist.
    """
    offer = shown_offer()
    wanted = _conditions(filters, _category_ids(session, filters.category), offer)
    total = session.scalar(
        select(func.count()).select_from(with_offer(select(Product.id), offer, wanted).subquery())
    )
    key, descending = _order(sort, words_of(filters.phrase), offer)
    query = with_offer(card_columns(offer, key), offer, wanted)
    if (after := _after(cursor, sort)) is not None:
        seen = tuple_(key, Product.id)
        query = query.where(seen < after if descending else seen > after)
    turn = (key.desc(), Product.id.desc()) if descending else (key.asc(), Product.id.asc())
    rows = session.execute(query.order_by(*turn).limit(PAGE_SIZE + 1)).all()
    return ProductList(_page(rows, sort, now), total or 0)


def _category_ids(session: Session, slug: str | None) -> Subquery | None:
    """The category and everything below it."""
    if slug is None:
        return None
    root = session.scalar(select(Category.id).where(Category.slug == slug))
    if root is None:
        raise NotFound("category")
    tree = select(literal(root, Category.id.type).label("id")).cte("tree", recursive=True)
    tree = tree.union(select(Category.id).join(tree, Category.parent_id == tree.c.id))
    return select(tree.c.id).subquery()


def _conditions(
    filters: Filters, categories: Subquery | None, offer: LateralFromClause
) -> list[ColumnElement[bool]]:
    wanted = [is_shown()]
    if categories is not None:
        wanted.append(Product.category_id.in_(select(categories.c.id)))
    if filters.framework:
        wanted.append(Product.frameworks.contains([filters.framework]))
    if filters.delivery:
        wanted.append(Product.delivery == filters.delivery)
    if filters.on_sale:
        wanted += [offer.c.original.is_not(None), Product.status == ProductStatus.PUBLISHED]
    if filters.in_stock:
        wanted += [
            offer.c.sold_out.is_(False),
            Product.status == ProductStatus.PUBLISHED,
        ]
    if words := words_of(filters.phrase):
        wanted.append(contains_every(words))
    return wanted


def _order(
    sort: Sort, words: tuple[str, ...], offer: LateralFromClause
) -> tuple[ColumnElement[Any], bool]:
    """The number a list is ordered by and whether it falls; products without a price come last."""
    match sort:
        case Sort.RELEVANCE:
            rank = relevance(words) if words else _standing()
            return cast(rank, BigInteger) * _RANK_STEP + Product.sold_count, True
        case Sort.POPULAR:
            return Product.sold_count.expression, True
        case Sort.PRICE_ASC:
            return func.coalesce(offer.c.price, _LARGEST_KEY), False
        case Sort.PRICE_DESC:
            return func.coalesce(offer.c.price, -1), True
        case Sort.NEWEST:
            return Product.published_at.expression, True


def _standing() -> ColumnElement[int]:
    """Without a phrase the shop's own choice comes first, and what cannot be bought yet last."""
    return case((Product.status == ProductStatus.COMING_SOON, 0), (Product.featured, 2), else_=1)


def _after(cursor: str | None, sort: Sort) -> tuple[Any, UUID] | None:
    """Where the last page ended."""
    parts = decode_cursor(cursor, str, int, str)
    if parts is None or parts[0] != sort.value:
        return None
    key, row_id = int(parts[1]), parse_id(str(parts[2]))
    if row_id is None or not 0 <= key + 1 <= _LARGEST_KEY + 1:
        return None
    return (_moment(key) if sort is Sort.NEWEST else key, row_id)


def _page(rows: Sequence[Any], sort: Sort, now: datetime) -> Page[Card]:
    cards = [card_from(row, now) for row in rows[:PAGE_SIZE]]
    if len(rows) <= PAGE_SIZE:
        return Page(cards, None)
    last = rows[PAGE_SIZE - 1]
    key = _microseconds(last.sort_key) if sort is Sort.NEWEST else int(last.sort_key)
    return Page(cards, encode_cursor(sort.value, key, str(last.id)))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
