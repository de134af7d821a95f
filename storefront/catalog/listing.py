"""The product list: filters, orders and keyset pages. The cost of a page does not grow with its
depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    case,
    cast,
    func,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from storefront.catalog.cards import (
    OFFER,
    PRODUCTS,
    Card,
    CardQuery,
    card_columns,
    card_from,
    is_shown,
    with_offer,
)
from storefront.catalog.models import Category, ProductStatus
from storefront.catalog.search import contains_every, relevance, words_of
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, decode_cursor, encode_cursor

PAGE_SIZE: Final = 24
FRAMEWORKS: Final = ("esx", "qbcore", "qbox", "standalone")
DELIVERIES: Final = ("open_source", "protected")

_LARGEST_KEY: Final = 2**53
_RANK_STEP: Final = 10**9
_CATEGORY_ID: Final = select(Category.id).where(Category.slug == bindparam("slug"))


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
    after = _after(cursor, sort)
    values = {"root": _category_id(session, filters.category)} if filters.category else {}
    count, cards = _statements(filters, sort, after is not None)
    total = session.scalar(count, values)
    rows = session.execute(cards, {**values, **(after or {})}).all()
    return ProductList(_page(rows, sort, now), total or 0)


@lru_cache(maxsize=256)
def _statements(filters: Filters, sort: Sort, continued: bool) -> tuple[CardQuery, CardQuery]:
    """The statements that count and read a list. Kept, because building them costs more than
    running them: they hold the question, never an answer."""
    wanted = _conditions(filters)
    key, descending = _order(sort, words_of(filters.phrase))
    cards = with_offer(card_columns(key.label("sort_key")), wanted)
    if continued:
        seen = tuple_(key, PRODUCTS.id)
        after = tuple_(bindparam("after_key", type_=key.type), _id_parameter("after_id"))
        cards = cards.where(seen < after if descending else seen > after)
    turn = (key.desc(), PRODUCTS.id.desc()) if descending else (key.asc(), PRODUCTS.id.asc())
    matches = with_offer(select(PRODUCTS.id), wanted).subquery()
    return select(func.count()).select_from(matches), cards.order_by(*turn).limit(PAGE_SIZE + 1)


def _category_id(session: Session, slug: str) -> UUID:
    root = session.scalar(_CATEGORY_ID, {"slug": slug})
    if root is None:
        raise NotFound("category")
    return root


def _category_ids() -> Select[tuple[UUID]]:
    """The category named `root` and everything below it."""
    tree = select(_id_parameter("root").label("id")).cte("tree", recursive=True)
    tree = tree.union(select(Category.id).join(tree, Category.parent_id == tree.c.id))
    return select(tree.c.id)


def _id_parameter(name: str) -> BindParameter[UUID]:
    return bindparam(name, type_=PRODUCTS.id.type)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [is_shown()]
    if filters.category:
        wanted.append(PRODUCTS.category_id.in_(_category_ids()))
    if filters.framework:
        wanted.append(PRODUCTS.frameworks.contains([filters.framework]))
    if filters.delivery:
        wanted.append(PRODUCTS.delivery == filters.delivery)
    if filters.on_sale:
        wanted += [OFFER.original.is_not(None), PRODUCTS.status == ProductStatus.PUBLISHED]
    if filters.in_stock:
        wanted += [
            OFFER.sold_out.is_(False),
            PRODUCTS.status == ProductStatus.PUBLISHED,
        ]
    if words := words_of(filters.phrase):
        wanted.append(contains_every(words))
    return wanted


def _order(sort: Sort, words: tuple[str, ...]) -> tuple[ColumnElement[Any], bool]:
    """The number a list is ordered by and whether it falls; products without a price come last."""
    match sort:
        case Sort.RELEVANCE:
            rank = relevance(words) if words else _standing()
            return cast(rank, BigInteger) * _RANK_STEP + PRODUCTS.sold_count, True
        case Sort.POPULAR:
            return PRODUCTS.sold_count, True
        case Sort.PRICE_ASC:
            return func.coalesce(OFFER.price, _LARGEST_KEY), False
        case Sort.PRICE_DESC:
            return func.coalesce(OFFER.price, -1), True
        case Sort.NEWEST:
            return PRODUCTS.published_at, True


def _standing() -> ColumnElement[int]:
    """Without a phrase the shop's own choice comes first, and what cannot be bought yet last."""
    return case((PRODUCTS.status == ProductStatus.COMING_SOON, 0), (PRODUCTS.featured, 2), else_=1)


def _after(cursor: str | None, sort: Sort) -> dict[str, Any] | None:
    """Where the last page ended."""
    parts = decode_cursor(cursor, str, int, str)
    if parts is None or parts[0] != sort.value:
        return None
    key, row_id = int(parts[1]), parse_id(str(parts[2]))
    if row_id is None or not 0 <= key + 1 <= _LARGEST_KEY + 1:
        return None
    return {"after_key": _moment(key) if sort is Sort.NEWEST else key, "after_id": row_id}


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
