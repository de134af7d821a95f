"""What the list page may be asked for, read from a query string that anybody can write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from storefront.catalog.listing import DELIVERIES, FRAMEWORKS, Filters, Sort
from storefront.catalog.search import clean_phrase

SWITCHES: Final = ("on_sale", "in_stock")
DEFAULT_SORT: Final = Sort.RELEVANCE


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A reading of the query string in which everything unknown has become the default."""

    filters: Filters
    sort: Sort
    cursor: str | None

    def query(self, **changes: str) -> dict[str, str]:
        """The same request as query arguments, with some replaced; empty ones are left out."""
        filters = self.filters
        current = {
            "q": filters.phrase,
            "category": filters.category or "",
            "framework": filters.framework or "",
            "delivery": filters.delivery or "",
            "on_sale": "1" if filters.on_sale else "",
            "in_stock": "1" if filters.in_stock else "",
            "sort": "" if self.sort is DEFAULT_SORT else self.sort.value,
        }
        return {name: value for name, value in {**current, **changes}.items() if value}


def read_list_request(arguments: Mapping[str, str]) -> ListRequest:
    """Read the query string. Unknown sort orders, frameworks and delivery types fall back to the
    default; an unknown category stays, because it is answered with 404."""
    filters = Filters(
        phrase=clean_phrase(arguments.get("q", "")),
        category=arguments.get("category", "")[:60] or None,
        framework=_one_of(arguments.get("framework"), FRAMEWORKS),
        delivery=_one_of(arguments.get("delivery"), DELIVERIES),
        **{name: arguments.get(name) == "1" for name in SWITCHES},
    )
    return ListRequest(filters, _sort(arguments.get("sort")), arguments.get("cursor"))


def without_filters(request: ListRequest) -> ListRequest:
    """The same phrase and order with every filter cleared."""
    return replace(request, filters=Filters(phrase=request.filters.phrase), cursor=None)


def _sort(text: str | None) -> Sort:
    known = {sort.value: sort for sort in Sort}
    return known.get(text or "", DEFAULT_SORT)


def _one_of(text: str | None, known: tuple[str, ...]) -> str | None:
    return text if text in known else None
