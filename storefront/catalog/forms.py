"""What the list page may be asked for, read from a query string that anybody can write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from storefront.catalog.filters import (
    CATEGORY,
    DELIVERIES,
    DELIVERY,
    FRAMEWORK,
    FRAMEWORKS,
    IN_STOCK,
    ON_SALE,
    PRICE_FROM,
    PRICE_TO,
    Filters,
    Sort,
)
from storefront.catalog.search.text import clean_phrase, fold
from storefront.kit.money import MINOR_UNITS, Money

DEFAULT_SORT: Final = Sort.RELEVANCE
HIGHEST_PRICE: Final = Money(100_000_000 * MINOR_UNITS)
_AMOUNT: Final = re.compile(r"\d{1,12}(?:\.\d{1,2})?")


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A reading of the query string in which everything unknown has become the default.
    `unreadable` is what was typed into price fields and is no amount, by their names."""

    filters: Filters
    sort: Sort
    cursor: str | None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def query(self, **changes: str) -> dict[str, str]:
        """The same request as query arguments, with some replaced; empty ones are left out."""
        filters = self.filters
        current = {
            "q": filters.phrase,
            CATEGORY: filters.category or "",
            FRAMEWORK: filters.framework or "",
            DELIVERY: filters.delivery or "",
            PRICE_FROM: amount_text(filters.price_from),
            PRICE_TO: amount_text(filters.price_to),
            ON_SALE: "1" if filters.on_sale else "",
            IN_STOCK: "1" if filters.in_stock else "",
            "sort": "" if self.sort is DEFAULT_SORT else self.sort.value,
        }
        return {name: value for name, value in {**current, **changes}.items() if value}

    def amount(self, name: str) -> str:
        """What stands in a price field: the amount as it was understood, else what was typed."""
        return self.unreadable.get(name) or amount_text(getattr(self.filters, name))

    def without(self, *names: str) -> dict[str, str]:
        """The query arguments with these filters taken off."""
        return self.query(**dict.fromkeys(names, ""))

    def chosen(self) -> Iterator[tuple[str, ...]]:
        """The filters that are on, by the names of their fields; the price range is one."""
        filters = self.filters
        for name in (CATEGORY, FRAMEWORK, DELIVERY):
            if getattr(filters, name):
                yield (name,)
        if filters.has_price:
            yield (PRICE_FROM, PRICE_TO)
        for name in (ON_SALE, IN_STOCK):
            if getattr(filters, name):
                yield (name,)


def read_list_request(arguments: Mapping[str, str]) -> ListRequest:
    """Read the query string. Unknown sort orders, frameworks, delivery types and unreadable
    amounts fall back to the default, and a price range that is upside down is turned round; an
    unknown category stays, because it is answered with 404."""
    prices = {name: arguments.get(name, "") for name in (PRICE_FROM, PRICE_TO)}
    lowest, highest = (_amount(text) for text in prices.values())
    if lowest is not None and highest is not None and highest < lowest:
        lowest, highest = highest, lowest
    filters = Filters(
        phrase=clean_phrase(arguments.get("q", "")),
        category=arguments.get(CATEGORY, "")[:60] or None,
        framework=_one_of(arguments.get(FRAMEWORK), FRAMEWORKS),
        delivery=_one_of(arguments.get(DELIVERY), DELIVERIES),
        price_from=lowest,
        price_to=highest,
        on_sale=arguments.get(ON_SALE) == "1",
        in_stock=arguments.get(IN_STOCK) == "1",
    )
    unreadable = {
        name: clean_phrase(text)[:20]
        for name, text in prices.items()
        if text.strip() and _amount(text) is None
    }
    return ListRequest(filters, _sort(arguments.get("sort")), arguments.get("cursor"), unreadable)


def without_filters(request: ListRequest) -> ListRequest:
    """The same phrase and order with every filter cleared."""
    return replace(request, filters=Filters(phrase=request.filters.phrase), cursor=None)


def amount_text(amount: Money | None) -> str:
    """An amount as it stands in its field: baht, with satang only where there are some."""
    if amount is None:
        return ""
    baht, satang = divmod(amount.satang, MINOR_UNITS)
    return f"{baht}.{satang:02}" if satang else str(baht)


def _amount(text: str) -> Money | None:
    """An amount in baht as people write it: ฿1,290.50 in digits of either script."""
    plain = fold(text[:30]).strip().removeprefix("฿").removesuffix("บาท").replace(",", "").strip()
    if not _AMOUNT.fullmatch(plain) or not plain.isascii():
        return None
    baht, _, satang = plain.partition(".")
    amount = Money(int(baht) * MINOR_UNITS + int(satang.ljust(2, "0") or 0))
    return min(amount, HIGHEST_PRICE)


def _sort(text: str | None) -> Sort:
    known = {sort.value: sort for sort in Sort}
    return known.get(text or "", DEFAULT_SORT)


def _one_of(text: str | None, known: tuple[str, ...]) -> str | None:
    return text if text in known else None
