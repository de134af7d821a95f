"""What a flash sale may be. Values in, problems out; no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from storefront.catalog.models import ProductStatus
from storefront.errors import Invalid
from storefront.kit.money import Money

LONGEST_WINDOW: Final = timedelta(days=31)
LONGEST_NAME: Final = 80
MOST_ITEMS: Final = 50
MOST_UNITS: Final = 1_000_000
# Browsers send whole minutes: the minute that is running now still counts as now.
GRACE: Final = timedelta(minutes=1)
_FOR_SALE: Final = (ProductStatus.PUBLISHED, ProductStatus.COMING_SOON)


class Phase(StrEnum):
    """Where a sale stands on the clock. Never stored: it follows from the time."""

    PLANNED = "planned"
    RUNNING = "running"
    ENDED = "ended"


class Fault(StrEnum):
    """What can be wrong with a sale."""

    NAME_MISSING = "name_missing"
    NAME_TOO_LONG = "name_too_long"
    START_PAST = "start_past"
    START_FIXED = "start_fixed"
    END_BEFORE_START = "end_before_start"
    END_PAST = "end_past"
    WINDOW_TOO_LONG = "window_too_long"
    NO_ITEMS = "no_items"
    TOO_MANY_ITEMS = "too_many_items"
    ITEM_TWICE = "item_twice"
    ITEM_UNKNOWN = "item_unknown"
    ITEM_NOT_SHOWN = "item_not_shown"
    ITEM_FIXED = "item_fixed"
    PRICE_NEGATIVE = "price_negative"
    PRICE_NOT_BELOW = "price_not_below"
    PRICE_FIXED = "price_fixed"
    UNITS_OUT_OF_RANGE = "units_out_of_range"
    UNITS_BEYOND_STOCK = "units_beyond_stock"
    UNITS_FEWER = "units_fewer"
    OVERLAPS = "overlaps"


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """A tier that is to be in a sale; `units` None means as many as there are."""

    variant_id: UUID
    price: Money
    units: int | None = None


@dataclass(frozen=True, slots=True)
class SaleDraft:
    """A sale as staff wrote it down. `starts_at` None means right away; for a running sale it
    means: as it was."""

    name_th: str
    name_en: str
    starts_at: datetime | None
    ends_at: datetime
    items: tuple[ItemDraft, ...]


@dataclass(frozen=True, slots=True)
class TierFacts:
    """What has to be known of a tier to put it on sale. `lowest` is the lowest price charged in
    the 30 days before the sale; `available` None means there is no limit."""

    variant_id: UUID
    product_id: UUID
    slug: str
    code: str
    name_th: str
    name_en: str
    tier_th: str
    tier_en: str
    status: str
    price: Money
    available: int | None
    lowest: Money | None

    @property
    def label(self) -> str:
        """How logs and the audit name the tier."""
        return f"{self.slug}/{self.code}"


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item of a sale as it stands: what it was sold at and how often."""

    id: UUID
    variant_id: UUID
    price: Money
    reference: Money | None
    units: int | None
    sold: int
    held: int

    @property
    def taken(self) -> int:
        """Units sold at this price or set aside for an open payment."""
        return self.sold + self.held

    @property
    def units_left(self) -> int | None:
        """Units still to be had at this price; None when there is no limit."""
        return None if self.units is None else self.units - self.taken


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and which tier it is about. `other_*` names the sale that is in
    the way; `limit` is the number that was passed."""

    fault: Fault
    field: str
    variant_id: UUID | None = None
    limit: int = 0
    other_th: str = ""
    other_en: str = ""


class SaleRefused(Invalid):
    """The sale breaks rules; `problems` names all of them at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("flash_sale_refused", ", ".join(one.fault for one in problems))
        self.problems = tuple(problems)


def phase_at(starts_at: datetime, ends_at: datetime, now: datetime) -> Phase:
    """Where a sale stands at `now`: it runs from its start until, not including, its end."""
    if now < starts_at:
        return Phase.PLANNED
    return Phase.RUNNING if now < ends_at else Phase.ENDED


def start_of(draft: SaleDraft, now: datetime) -> datetime:
    """When the drafted sale would begin: right away where no start, or one in this very minute,
    was written."""
    if draft.starts_at is None or now - GRACE < draft.starts_at < now:
        return now
    return draft.starts_at


def struck_price(price: Money, lowest: Money | None) -> Money | None:
    """The earlier price that may be struck out beside a sale price; None when the sale price is
    not below the lowest of the 30 days before."""
    return lowest if lowest is not None and lowest > price else None


def problems_of_plan(
    draft: SaleDraft, tiers: Mapping[UUID, TierFacts], *, now: datetime
) -> list[Problem]:
    """Everything wrong with a sale that has not begun."""
    start = start_of(draft, now)
    found = [*_name_problems(draft), *_window_problems(start, draft.ends_at, now)]
    if start < now:
        found.append(Problem(Fault.START_PAST, "starts_at"))
    return [*found, *_item_problems(draft.items, tiers, {})]


def problems_of_running(
    draft: SaleDraft,
    tiers: Mapping[UUID, TierFacts],
    kept: Mapping[UUID, KeptItem],
    *,
    since: datetime,
    now: datetime,
) -> list[Problem]:
    """Everything wrong with a change of a sale that runs: shoppers were promised its start, its
    items and their prices, so these stay, and there cannot be fewer units."""
    found = [*_name_problems(draft), *_window_problems(since, draft.ends_at, now)]
    if draft.starts_at not in (None, since):
        found.append(Problem(Fault.START_FIXED, "starts_at"))
    wanted = {item.variant_id: item for item in draft.items}
    for variant_id, item in kept.items():
        change = wanted.get(variant_id)
        if change is None:
            found.append(Problem(Fault.ITEM_FIXED, "items", variant_id))
        elif change.price != item.price:
            found.append(Problem(Fault.PRICE_FIXED, "price", variant_id))
        elif _is_fewer(change.units, item.units):
            found.append(Problem(Fault.UNITS_FEWER, "units", variant_id, item.units or 0))
    return [*found, *_item_problems(draft.items, tiers, kept)]


def _is_fewer(units: int | None, before: int | None) -> bool:
    return units is not None and (before is None or units < before)


def _name_problems(draft: SaleDraft) -> Iterator[Problem]:
    for field, name in (("name_th", draft.name_th), ("name_en", draft.name_en)):
        if not name.strip():
            yield Problem(Fault.NAME_MISSING, field)
        elif len(name) > LONGEST_NAME:
            yield Problem(Fault.NAME_TOO_LONG, field, limit=LONGEST_NAME)


def _window_problems(start: datetime, end: datetime, now: datetime) -> Iterator[Problem]:
    if end <= start:
        yield Problem(Fault.END_BEFORE_START, "ends_at")
    elif end <= now:
        yield Problem(Fault.END_PAST, "ends_at")
    elif end - start > LONGEST_WINDOW:
        yield Problem(Fault.WINDOW_TOO_LONG, "ends_at", limit=LONGEST_WINDOW.days)


def _item_problems(
    items: Sequence[ItemDraft], tiers: Mapping[UUID, TierFacts], kept: Mapping[UUID, KeptItem]
) -> Iterator[Problem]:
    if not items:
        yield Problem(Fault.NO_ITEMS, "items")
    if len(items) > MOST_ITEMS:
        yield Problem(Fault.TOO_MANY_ITEMS, "items", limit=MOST_ITEMS)
    for variant_id, times in Counter(item.variant_id for item in items).items():
        if times > 1:
            yield Problem(Fault.ITEM_TWICE, "items", variant_id)
    for item in items:
        tier = tiers.get(item.variant_id)
        if tier is None:
            yield Problem(Fault.ITEM_UNKNOWN, "items", item.variant_id)
        else:
            yield from _one_item_problems(item, tier, kept.get(item.variant_id))


def _one_item_problems(
    item: ItemDraft, tier: TierFacts, kept: KeptItem | None
) -> Iterator[Problem]:
    if kept is None:
        if tier.status not in _FOR_SALE:
            yield Problem(Fault.ITEM_NOT_SHOWN, "items", tier.variant_id)
        if item.price.satang < 0:
            yield Problem(Fault.PRICE_NEGATIVE, "price", tier.variant_id)
        elif item.price >= tier.price:
            yield Problem(Fault.PRICE_NOT_BELOW, "price", tier.variant_id, tier.price.satang)
    if item.units is None:
        return
    if not 1 <= item.units <= MOST_UNITS:
        yield Problem(Fault.UNITS_OUT_OF_RANGE, "units", tier.variant_id, MOST_UNITS)
        return
    # What the sale has taken already came out of the stock that was available before.
    room = None if tier.available is None else tier.available + (kept.taken if kept else 0)
    if room is not None and item.units > room and (kept is None or item.units != kept.units):
        yield Problem(Fault.UNITS_BEYOND_STOCK, "units", tier.variant_id, room)
