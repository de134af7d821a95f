"""How many products there would be under each filter, from one count of the whole list.

The count is a cube: a number for every combination of category, frameworks, delivery, sale and
stock that occurs. From it comes every number beside every filter, whichever of them are on, so one
statement serves all visitors of a phrase for half a minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from threading import Condition, Lock
from typing import Any, Final, NamedTuple
from uuid import UUID

from cachetools import TTLCache
from sqlalchemy import CompoundSelect, Select, func, not_, select, text, union_all
from sqlalchemy.orm import Session

from storefront.catalog.cards import OFFER, PRODUCTS, is_shown, with_offer
from storefront.catalog.filters import (
    CATEGORY,
    DELIVERY,
    FRAMEWORK,
    IN_STOCK,
    ON_SALE,
    PLAIN,
    PRICE_FROM,
    PRICE_TO,
    Filters,
    conditions,
    in_flash_sale,
    is_in_stock,
    is_on_sale,
    names_of,
    values_of,
)
from storefront.catalog.models import Product
from storefront.catalog.search.matching import found_ids, is_found

KEPT_SECONDS: Final = 30
KEPT_COUNTS: Final = 256

_ANY: Final = None
_TOTAL: Final = "total"


class Cell(NamedTuple):
    """One combination that occurs, and by how many products."""

    category_id: UUID
    frameworks: tuple[str, ...]
    delivery: str
    on_sale: bool
    in_stock: bool
    is_rated: bool
    products: int


@dataclass(frozen=True, slots=True)
class Options:
    """The number of results each choice would leave with the other filters kept. `categories`
    counts each shelf alone, without what stands below it; `any_*` are without that filter."""

    total: int
    categories: Mapping[UUID, int]
    frameworks: Mapping[str, int]
    deliveries: Mapping[str, int]
    any_category: int
    any_framework: int
    any_delivery: int
    on_sale: int
    in_stock: int
    has_ratings: bool


@dataclass(frozen=True)
class Cube:
    """The count of a list."""

    cells: Sequence[Cell]
    _known: dict[Any, Options] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no filter could show anything."""
        return not self.cells

    def options(self, filters: Filters, categories: Iterable[UUID]) -> Options:
        """The numbers beside the filters; `categories` are the chosen one and all below it."""
        inside = frozenset(categories)
        asked = (inside, filters.framework, filters.delivery, filters.on_sale, filters.in_stock)
        if asked not in self._known:
            self._known[asked] = _count(self.cells, filters, inside)
        return self._known[asked]


class CountCache:
    """The cubes of the last half minute in this process. Whoever asks for one that is just being
    counted waits for it, so that a crowd counts once."""

    def __init__(self) -> None:
        self._kept: TTLCache[Any, Cube] = TTLCache(KEPT_COUNTS, KEPT_SECONDS)
        self._pending: set[Any] = set()
        self._turn = Condition(Lock())

    def get(self, key: Any, count: Callable[[], Cube]) -> Cube:
        """The cube kept under this key, else the one `count` returns."""
        with self._turn:
            self._turn.wait_for(lambda: key not in self._pending)
            if (kept := self._kept.get(key)) is not None:
                return kept
            self._pending.add(key)
        try:
            cube = count()
            # Nothing is counted quickly, and may be something in a moment.
            if not cube.is_empty:
                with self._turn:
                    self._kept[key] = cube
            return cube
        finally:
            with self._turn:
                self._pending.discard(key)
                self._turn.notify_all()

    def forget(self) -> None:
        """Count anew from now on."""
        with self._turn:
            self._kept.clear()


def count_products(
    session: Session, filters: Filters, search: Mapping[str, Any] | None, *, now: datetime
) -> Cube:
    """Count the list of a phrase (`search` are the values of its condition) within a price range;
    the other filters are left to the cube. Reads every product that matches."""
    names = names_of(filters) & {PRICE_FROM, PRICE_TO}
    values = {**values_of(filters, []), **(search or {}), "now": now}
    rows = session.execute(_statement(names, search is not None), values)
    return Cube([Cell(row[0], tuple(row[1]), *row[2:]) for row in rows])


def _count(cells: Iterable[Cell], filters: Filters, inside: frozenset[UUID]) -> Options:
    tallies: dict[str, Counter[Any]] = {name: Counter() for name in (*_CHOICES, _TOTAL)}
    has_ratings = False
    for cell in cells:
        fails = _fails(cell, filters, inside)
        if not fails:
            tallies[_TOTAL][_TOTAL] += cell.products
            has_ratings |= cell.is_rated
        # What fails one filter alone still counts for the other choices of that filter.
        for name in fails or _CHOICES if len(fails) < 2 else ():
            for choice in {*_CHOICES[name](cell), _ANY}:
                tallies[name][choice] += cell.products
    any_of = {name: tally.pop(_ANY, 0) for name, tally in tallies.items()}
    return Options(
        total=tallies[_TOTAL][_TOTAL],
        categories=tallies[CATEGORY],
        frameworks=tallies[FRAMEWORK],
        deliveries=tallies[DELIVERY],
        any_category=any_of[CATEGORY],
        any_framework=any_of[FRAMEWORK],
        any_delivery=any_of[DELIVERY],
        on_sale=tallies[ON_SALE][True],
        in_stock=tallies[IN_STOCK][True],
        has_ratings=has_ratings,
    )


def _fails(cell: Cell, filters: Filters, inside: frozenset[UUID]) -> list[str]:
    """The filters that leave a cell out."""
    fits = {
        CATEGORY: not filters.category or cell.category_id in inside,
        FRAMEWORK: not filters.framework or filters.framework in cell.frameworks,
        DELIVERY: not filters.delivery or filters.delivery == cell.delivery,
        ON_SALE: not filters.on_sale or cell.on_sale,
        IN_STOCK: not filters.in_stock or cell.in_stock,
    }
    return [name for name, does in fits.items() if not does]


@lru_cache(maxsize=16)
def _statement(names: frozenset[str], has_phrase: bool) -> CompoundSelect[*tuple[Any, ...]]:
    # Products in a flash sale apart: only for them another table has to be looked at.
    plain = _cells(PLAIN).select_from(Product.__table__).where(not_(in_flash_sale()))
    plain = plain.where(is_shown(), *conditions(names, offer=PLAIN))
    flash = with_offer(
        _cells(OFFER), [in_flash_sale(), is_shown(), *conditions(names, offer=OFFER)]
    )
    if has_phrase:
        plain = plain.where(PRODUCTS.id == found_ids())
        flash = flash.where(is_found(PRODUCTS.id))
    return union_all(plain, flash)


def _cells(offer: type[Any]) -> Select[*tuple[Any, ...]]:
    columns = (
        PRODUCTS.category_id,
        PRODUCTS.frameworks,
        PRODUCTS.delivery,
        is_on_sale(offer).label("on_sale"),
        is_in_stock(offer).label("in_stock"),
        (PRODUCTS.rating_count > 0).label("is_rated"),
    )
    # By place, because the conditions hold parameters: the same text twice is not the same then.
    return select(*columns, func.count()).group_by(text("1, 2, 3, 4, 5, 6"))


# The choices of each filter under which a cell is found.
_CHOICES: Final[Mapping[str, Callable[[Cell], Iterable[Any]]]] = {
    CATEGORY: lambda cell: (cell.category_id,),
    FRAMEWORK: lambda cell: cell.frameworks,
    DELIVERY: lambda cell: (cell.delivery,),
    ON_SALE: lambda cell: (cell.on_sale,),
    IN_STOCK: lambda cell: (cell.in_stock,),
}
