"""The statements that read a page of the list: each follows an index, or finds few products and
then orders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    bindparam,
    cast,
    func,
    literal_column,
    not_,
    select,
    tuple_,
    union_all,
)

from storefront.catalog.cards import (
    OFFER,
    PRODUCTS,
    CardQuery,
    card_columns,
    is_shown,
    with_offer,
)
from storefront.catalog.filters import ABOUT_OFFERS, PLAIN, Sort, conditions, in_flash_sale
from storefront.catalog.models import RATING, STANDING, Product
from storefront.catalog.search.matching import (
    candidates,
    found_best_ids,
    found_ids,
    is_found,
    is_found_below_the_best,
    rank,
)

PAGE_SIZE: Final = 24
LARGEST_KEY: Final = 2**53

_WITHOUT_PRICE: Final = {Sort.PRICE_ASC: LARGEST_KEY, Sort.PRICE_DESC: -1}
_BY_PRICE: Final = frozenset(_WITHOUT_PRICE)


class Plan(Enum):
    """How the rows of a page are found."""

    COLLECT = auto()
    """Find all matches, then order them: for few."""
    BEST = auto()
    """The same among the best sellers alone."""
    WALK = auto()
    """Follow the index of the order and take what matches: for many."""
    WALK_REST = auto()
    """The same, leaving out the best sellers."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a statement is built from."""

    names: frozenset[str]
    sort: Sort
    has_words: bool


@lru_cache(maxsize=256)
def statement_for(asked: Question, plan: Plan, continued: bool) -> CardQuery:
    """The statement that reads a page. Kept, because building one costs more than running it: it
    holds the question, never an answer."""
    falls = asked.sort is not Sort.PRICE_ASC
    # Each stream is cut to a page along its own index before they are put together.
    pages = [_cut(stream, falls=falls, continued=continued) for stream in _streams(asked, plan)]
    page = _together(pages, falls=falls).subquery("page")
    turn = _turn(page.c.sort_key, page.c.id, falls=falls)
    return with_offer(card_columns(page.c.sort_key), [PRODUCTS.id == page.c.id]).order_by(*turn)


@dataclass(frozen=True, slots=True)
class _Stream:
    """Products with the number they are ordered by. Fenced: they are all found before they are
    ordered, because a planner that hopes to meet them early on the way along an index may have to
    walk to its end."""

    rows: CardQuery
    key: ColumnElement[Any]
    is_fenced: bool


def _streams(asked: Question, plan: Plan) -> list[_Stream]:
    """Where prices or stock matter, what is in a running flash sale comes in a stream of its own:
    a few products of which the sales are looked up. All others go by their own row, and so along
    its indexes."""
    fenced = plan in (Plan.COLLECT, Plan.BEST)
    matters = bool(asked.names & ABOUT_OFFERS) or asked.sort in _BY_PRICE
    wanted, key = _wanted(asked, plan, PLAIN)
    if not matters:
        return [_plain(wanted, key, is_fenced=fenced)]
    in_sale, sale_key = _wanted(asked, plan, OFFER)
    flash = with_offer(select(PRODUCTS.id, sale_key.label("sort_key")), [in_flash_sale(), *in_sale])
    streams, wanted = [_Stream(flash, sale_key, True)], [not_(in_flash_sale()), *wanted]
    if fenced or asked.sort not in _BY_PRICE:
        return [*streams, _plain(wanted, key, is_fenced=fenced)]
    # The index of prices, and behind it what has none.
    has_price = PLAIN.price.is_not(None)
    last = cast(_WITHOUT_PRICE[asked.sort], BigInteger)
    return [
        *streams,
        _plain([*wanted, has_price], PLAIN.price, is_fenced=False),
        _plain([*wanted, not_(has_price)], last, is_fenced=False),
    ]


def _plain(
    wanted: Sequence[ColumnElement[bool]], key: ColumnElement[Any], *, is_fenced: bool
) -> _Stream:
    rows = select(PRODUCTS.id, key.label("sort_key")).select_from(Product.__table__)
    return _Stream(rows.where(*wanted), key, is_fenced)


def _wanted(
    asked: Question, plan: Plan, offer: type[Any]
) -> tuple[list[ColumnElement[bool]], ColumnElement[Any]]:
    """The conditions of a list and the number it is ordered by."""
    wanted = [is_shown(), *conditions(asked.names, offer=offer)]
    if not asked.has_words:
        return wanted, _order(asked.sort, offer)
    if plan is Plan.WALK:
        return [*wanted, is_found(PRODUCTS.id)], _order(asked.sort, offer)
    if plan is Plan.WALK_REST:
        return [*wanted, is_found_below_the_best(PRODUCTS.id)], PRODUCTS.sold_count
    ids = found_best_ids() if plan is Plan.BEST else found_ids()
    if asked.sort is not Sort.RELEVANCE:
        return [*wanted, PRODUCTS.id == ids], _order(asked.sort, offer)
    found = candidates(ids)
    return [*wanted, PRODUCTS.id == found.product_id], rank(found)


def _order(sort: Sort, offer: type[Any]) -> ColumnElement[Any]:
    """The number a list without a phrase is ordered by; products without a price come last."""
    match sort:
        case Sort.RELEVANCE:
            return literal_column(f"({STANDING})", BigInteger)
        case Sort.POPULAR:
            return PRODUCTS.sold_count
        case Sort.RATING:
            return literal_column(f"({RATING})", BigInteger)
        case Sort.PRICE_ASC | Sort.PRICE_DESC:
            return func.coalesce(offer.price, _WITHOUT_PRICE[sort])
        case Sort.NEWEST:
            return PRODUCTS.published_at


def _cut(stream: _Stream, *, falls: bool, continued: bool) -> CardQuery:
    """The first rows of a stream behind the last one seen, in its order."""
    rows, key, row_id = stream.rows, stream.key, PRODUCTS.id
    if stream.is_fenced:
        # OFFSET 0 is the fence: PostgreSQL never moves conditions or orders across it.
        found = rows.offset(literal_column("0")).subquery()
        rows, key, row_id = select(found.c.id, found.c.sort_key), found.c.sort_key, found.c.id
    if continued:
        seen = tuple_(key, row_id)
        after = tuple_(
            bindparam("after_key", type_=key.type), bindparam("after_id", type_=PRODUCTS.id.type)
        )
        rows = rows.where(seen < after if falls else seen > after)
    return rows.order_by(*_turn(key, row_id, falls=falls)).limit(PAGE_SIZE + 1)


def _together(pages: Sequence[CardQuery], *, falls: bool) -> CardQuery:
    """The first rows of several streams as one."""
    if len(pages) == 1:
        return pages[0]
    both = union_all(*(select(*page.subquery().c) for page in pages)).subquery()
    turn = _turn(both.c.sort_key, both.c.id, falls=falls)
    return select(both.c.id, both.c.sort_key).order_by(*turn).limit(PAGE_SIZE + 1)


def _turn(
    key: ColumnElement[Any], row_id: ColumnElement[Any], *, falls: bool
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return (key.desc(), row_id.desc()) if falls else (key.asc(), row_id.asc())
