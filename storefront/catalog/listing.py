"""The product list: what matches, in which order, in keyset pages. The cost of a page grows neither
with its depth nor, beyond a thousand matches, with their number (docs/decisions/0007-search.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.catalog.cards import Card, card_from
from storefront.catalog.counts import CountCache, Cube, Options, count_products
from storefront.catalog.filters import Filters, Sort, names_of, values_of
from storefront.catalog.models import Category
from storefront.catalog.plans import LARGEST_KEY, PAGE_SIZE, Plan, Question, statement_for
from storefront.catalog.search.matching import TOP_STEP
from storefront.catalog.search.matching import values as search_values
from storefront.catalog.search.reading import Reading, read_phrase
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, decode_cursor, encode_cursor

FEW: Final = 1_000
"""Up to so many matches are all read and ordered; beyond, the order of an index is followed."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A category of the tree."""

    id: UUID
    parent_id: UUID | None
    slug: str
    name_th: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category as a choice: how deep it stands and how many results it would leave, with those
    of everything below it."""

    branch: Branch
    depth: int
    products: int


@dataclass(frozen=True, slots=True)
class ProductList:
    """One page of the list, and the number of products behind it and beside each filter.
    `has_every_word` is false where no product has all words of the phrase and those with some are
    shown."""

    page: Page[Card]
    options: Options
    reading: Reading
    branches: Sequence[Branch]
    has_every_word: bool = True

    @property
    def total(self) -> int:
        """Products behind all pages."""
        return self.options.total

    @property
    def shelves(self) -> list[Shelf]:
        """Every category, parents directly before their children."""
        return _shelves(self.branches, self.options.categories, None, 0)

    def branch(self, slug: str | None) -> Branch | None:
        """The category of this name."""
        return next((branch for branch in self.branches if branch.slug == slug), None)


def list_products(
    session: Session,
    filters: Filters,
    sort: Sort,
    *,
    cursor: str | None,
    now: datetime,
    counts: CountCache,
) -> ProductList:
    """One page of the list: 2 queries, 1 more with a phrase, 1 more where `counts` has no count
    of it.

    A cursor that is forged or belongs to another order starts at page one.
    Raises NotFound when the category does not exist.
    """
    branches = list_branches(session)
    inside = _inside(branches, filters.category)
    reading = read_phrase(session, filters.phrase) if filters.phrase else Reading()
    search, options = _count(session, filters, reading, inside, counts, now=now)
    values = {**values_of(filters, inside), **(search or {}), "now": now}
    asked = Question(names_of(filters), sort, has_words=search is not None)
    rows = _read(session, asked, values, options, _after(cursor, sort)) if options.total else []
    every = search is None or not search["each"]
    return ProductList(_page(rows, sort, now), options, reading, branches, every)


def find_best(
    session: Session, search: Mapping[str, Any], *, total: int, now: datetime
) -> Sequence[Any]:
    """The first rows for a phrase, without filters: `search` are the values of its condition,
    `total` its matches as far as they were counted. 1 query."""
    asked = Question(frozenset(), Sort.RELEVANCE, has_words=True)
    plan = Plan.COLLECT if total <= FEW else Plan.BEST
    found = session.execute(statement_for(asked, plan, False), {**search, "now": now}).all()
    if found or plan is Plan.COLLECT:
        return found
    # Nothing of it among the best sellers: a rare case, and worth the longer way.
    return session.execute(statement_for(asked, Plan.COLLECT, False), {**search, "now": now}).all()


def list_branches(session: Session) -> list[Branch]:
    """All categories, in the order in which they are shown."""
    return [Branch(*row) for row in session.execute(_TREE)]


def _count(
    session: Session,
    filters: Filters,
    reading: Reading,
    inside: list[UUID],
    counts: CountCache,
    *,
    now: datetime,
) -> tuple[Mapping[str, Any] | None, Options]:
    """The values of the phrase's condition, and how many products there are. Where no product has
    every word, those with any of them are looked for."""

    def count(search: Mapping[str, Any] | None, filters: Filters) -> Cube:
        key = (search and search["found"], filters.price_from, filters.price_to)
        return counts.get(key, lambda: count_products(session, filters, search, now=now))

    if reading.is_hopeless:
        return None, Cube([]).options(filters, inside)
    if not reading.words:
        return None, count(None, filters).options(filters, inside)
    search = search_values(reading, every=True)
    cube = count(search, filters)
    if cube.is_empty and len(reading.words) > 1 and count(search, Filters()).is_empty:
        search = search_values(reading, every=False)
        cube = count(search, filters)
    return search, cube.options(filters, inside)


def _read(
    session: Session,
    asked: Question,
    values: Mapping[str, Any],
    options: Options,
    after: Mapping[str, Any] | None,
) -> Sequence[Any]:
    """The rows of a page and one more, by the plan that suits their number."""

    def run(plan: Plan, after: Mapping[str, Any] | None) -> Sequence[Any]:
        statement = statement_for(asked, plan, after is not None)
        return session.execute(statement, {**values, **(after or {})}).all()

    if options.total <= FEW and (asked.has_words or asked.names):
        return run(Plan.COLLECT, after)
    if not (asked.has_words and asked.sort is Sort.RELEVANCE):
        return run(Plan.WALK, after)
    if after and after["after_key"] < TOP_STEP:
        return run(Plan.WALK_REST, after)
    best = run(Plan.BEST, after)
    return best if len(best) > PAGE_SIZE else [*best, *run(Plan.WALK_REST, None)][: PAGE_SIZE + 1]


def _shelves(
    branches: Sequence[Branch], products: Mapping[UUID, int], parent: UUID | None, depth: int
) -> list[Shelf]:
    result: list[Shelf] = []
    for branch in (one for one in branches if one.parent_id == parent):
        below = _shelves(branches, products, branch.id, depth + 1)
        total = products.get(branch.id, 0)
        total += sum(shelf.products for shelf in below if shelf.depth == depth + 1)
        result += [Shelf(branch, depth, total), *below]
    return result


def _inside(branches: Sequence[Branch], slug: str | None) -> list[UUID]:
    """The category and everything below it; nothing without one."""
    if slug is None:
        return []
    root = next((branch.id for branch in branches if branch.slug == slug), None)
    if root is None:
        raise NotFound("category")
    inside = [root]
    # Grows while it is read: each category brings those directly below it.
    for one in inside:
        inside += [branch.id for branch in branches if branch.parent_id == one]
    return inside


def _after(cursor: str | None, sort: Sort) -> dict[str, Any] | None:
    """Where the last page ended."""
    parts = decode_cursor(cursor, str, int, str)
    if parts is None or parts[0] != sort.value:
        return None
    key, row_id = int(parts[1]), parse_id(str(parts[2]))
    if row_id is None or not 0 <= key + 1 <= LARGEST_KEY + 1:
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


_SHELVES: Final = Category.__table__.c
_TREE: Final = select(
    _SHELVES.id, _SHELVES.parent_id, _SHELVES.slug, _SHELVES.name_th, _SHELVES.name_en
).order_by(_SHELVES.position, _SHELVES.slug)
