"""Reading the form of a flash sale, and saying in words what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from storefront.catalog.flash_sales.queries import SaleDetail
from storefront.catalog.flash_sales.rules import (
    MOST_ITEMS,
    Fault,
    ItemDraft,
    KeptItem,
    Problem,
    SaleDraft,
    TierFacts,
    struck_price,
)
from storefront.i18n import current_locale
from storefront.kit.clock import SHOP_ZONE, in_shop_zone
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.language import money_text, text_of
from storefront.wallet.forms import baht_text, parse_baht

FIRST_YEAR, LAST_YEAR = 2000, 2199
LONGEST_TEXT: Final = 200
_THAI_DIGITS: Final = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")

_NO_START: Final = _("Choose a day and a time, or leave the start empty.")
_NO_END: Final = _("Choose the day and the time at which the sale ends.")
_NO_PRICE: Final = _("Write the sale price in baht, like 250 or 250.50.")
_NO_UNITS: Final = _("Write the units as a whole number, or leave them empty for no limit.")
_NO_ENGLISH_NAME: Final = (Fault.NAME_MISSING, "name_en")
_ENGLISH_NAME: Final = _("Give the sale an English name.")
_SALE_WORDS: Final = {
    Fault.NAME_MISSING: _("Give the sale a Thai name."),
    Fault.NAME_TOO_LONG: _("A name has at most %(limit)s characters."),
    Fault.START_PAST: _("The start has passed. Leave it empty to start right away."),
    Fault.START_FIXED: _("The sale runs already, so its start stays."),
    Fault.END_BEFORE_START: _("The end must come after the start."),
    Fault.END_PAST: _("The end has passed. Use “End now” to end the sale."),
    Fault.WINDOW_TOO_LONG: _("A flash sale lasts at most %(limit)s days."),
    Fault.NO_ITEMS: _("Add at least one product."),
    Fault.TOO_MANY_ITEMS: _("A flash sale holds at most %(limit)s products."),
}
_NO_LIMIT: Final = _("it runs without a limit, so it stays without one.")
_ITEM_WORDS: Final = {
    Fault.ITEM_TWICE: _("it is in the list twice."),
    Fault.ITEM_UNKNOWN: _("it does not exist any more. Remove it."),
    Fault.ITEM_NOT_SHOWN: _("it is a draft or archived. Publish it first, or remove it."),
    Fault.ITEM_FIXED: _("it is on sale now, so it cannot be removed."),
    Fault.PRICE_NEGATIVE: _("a price cannot be below zero."),
    Fault.PRICE_NOT_BELOW: _("the sale price must be below the current price of %(price)s."),
    Fault.PRICE_FIXED: _("it is on sale now, so its price stays."),
    Fault.UNITS_OUT_OF_RANGE: _("choose between 1 and %(limit)s units."),
    Fault.UNITS_BEYOND_STOCK: _("only %(limit)s units are left, so no more can be offered."),
    Fault.UNITS_FEWER: _("shoppers were promised %(limit)s units; there can only be more."),
    Fault.OVERLAPS: _("it is in the sale “%(other)s” at that time already."),
}

# The id of the control, and the sentence.
FieldError = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ItemFields:
    """One tier in the form, as it was typed."""

    variant_id: UUID
    price: str = ""
    units: str = ""


@dataclass(frozen=True, slots=True)
class SaleFields:
    """The form as it was typed. Times are on the shop's wall clock."""

    name_th: str = ""
    name_en: str = ""
    starts_at: str = ""
    ends_at: str = ""
    find: str = ""
    revision: str = "1"
    items: tuple[ItemFields, ...] = ()

    def with_item(self, variant_id: UUID | None) -> SaleFields:
        """With one more tier; one that is there already is not added again."""
        there = {item.variant_id for item in self.items}
        if variant_id is None or variant_id in there or len(there) >= MOST_ITEMS:
            return self
        return replace(self, items=(*self.items, ItemFields(variant_id)))

    def without_item(self, variant_id: UUID | None) -> SaleFields:
        """With one tier less."""
        return replace(
            self, items=tuple(item for item in self.items if item.variant_id != variant_id)
        )


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One tier in the form, beside what is known of it. `kept` is set in a running sale, where
    price and presence are fixed."""

    fields: ItemFields
    tier: TierFacts | None
    kept: KeptItem | None

    @property
    def price(self) -> Money | None:
        """The sale price, where it can be read."""
        return parse_baht(self.fields.price)

    @property
    def lowest(self) -> Money | None:
        """The lowest price of the 30 days before the sale."""
        if self.kept is not None:
            return self.kept.reference
        return self.tier.lowest if self.tier else None

    @property
    def struck(self) -> Money | None:
        """What may be struck out beside the sale price."""
        return struck_price(self.price, self.lowest) if self.price is not None else None

    @property
    def percent(self) -> int:
        """Whole percent off what may be struck out; 0 when nothing may."""
        if self.price is None or self.struck is None:
            return 0
        return (self.struck.satang - self.price.satang) * 100 // self.struck.satang


def read_fields(form: MultiDict[str, str]) -> SaleFields:
    """What was typed; too much of anything is cut."""

    def text(name: str) -> str:
        return form.get(name, "").replace("\0", "").strip()[:LONGEST_TEXT]

    ids = [found for found in map(parse_id, form.getlist("item")[: MOST_ITEMS + 1]) if found]
    return SaleFields(
        name_th=text("name_th"),
        name_en=text("name_en"),
        starts_at=text("starts_at"),
        ends_at=text("ends_at"),
        find=text("find"),
        revision=text("revision"),
        items=tuple(
            ItemFields(variant_id, text(f"price-{variant_id}"), text(f"units-{variant_id}"))
            for variant_id in dict.fromkeys(ids)
        ),
    )


def fields_of(sale: SaleDetail) -> SaleFields:
    """A sale as the form shows it."""
    return SaleFields(
        name_th=sale.name_th,
        name_en=sale.name_en,
        starts_at=local_text(sale.starts_at),
        ends_at=local_text(sale.ends_at),
        revision=str(sale.revision),
        items=tuple(
            ItemFields(
                item.variant_id,
                baht_text(item.price),
                "" if item.units is None else str(item.units),
            )
            for item in sale.items
        ),
    )


def copy_of(sale: SaleDetail) -> SaleFields:
    """The same names, items and prices for a new sale; the times are to be chosen anew."""
    return replace(fields_of(sale), starts_at="", ends_at="", revision="1")


def read_draft(fields: SaleFields) -> tuple[SaleDraft | None, list[FieldError]]:
    """The sale that was typed, or everything in it that cannot be read."""
    errors: list[FieldError] = []
    starts_at = parse_local(fields.starts_at)
    ends_at = parse_local(fields.ends_at)
    if not fields.name_th:
        errors.append(("name_th", str(_SALE_WORDS[Fault.NAME_MISSING])))
    if not fields.name_en:
        errors.append(("name_en", str(_ENGLISH_NAME)))
    if fields.starts_at and starts_at is None:
        errors.append(("starts_at", str(_NO_START)))
    if ends_at is None:
        errors.append(("ends_at", str(_NO_END)))
    items = [_read_item(item, errors) for item in fields.items]
    if errors or ends_at is None:
        return None, errors
    return (
        SaleDraft(
            name_th=fields.name_th,
            name_en=fields.name_en,
            starts_at=starts_at,
            ends_at=ends_at,
            items=tuple(item for item in items if item is not None),
        ),
        errors,
    )


def errors_of(problems: Iterable[Problem], tiers: Mapping[UUID, TierFacts]) -> list[FieldError]:
    """What the rules refused, at the control it is about. Words name the tier, because the list
    on top of the form stands alone."""
    return [(_control_of(problem), _sentence(problem, tiers)) for problem in problems]


def parse_local(text: str) -> datetime | None:
    """A time from a datetime-local control, in UTC; None for what is none."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    if local.tzinfo is not None or not FIRST_YEAR <= local.year <= LAST_YEAR:
        return None
    return local.replace(tzinfo=SHOP_ZONE).astimezone(UTC)


def local_text(moment: datetime) -> str:
    """A time as a datetime-local control wants it, in whole minutes."""
    return in_shop_zone(moment).strftime("%Y-%m-%dT%H:%M")


def _read_item(item: ItemFields, errors: list[FieldError]) -> ItemDraft | None:
    price = parse_baht(item.price)
    if price is None:
        errors.append((f"price-{item.variant_id}", str(_NO_PRICE)))
    units = item.units.translate(_THAI_DIGITS)
    is_number = units.isascii() and units.isdigit()
    if units and not is_number:
        errors.append((f"units-{item.variant_id}", str(_NO_UNITS)))
    if price is None or (units and not is_number):
        return None
    return ItemDraft(item.variant_id, price, int(units) if units else None)


def _control_of(problem: Problem) -> str:
    if problem.variant_id is None:
        return problem.field
    place = "item" if problem.field == "items" else problem.field
    return f"{place}-{problem.variant_id}"


def _sentence(problem: Problem, tiers: Mapping[UUID, TierFacts]) -> str:
    words = {
        "limit": f"{problem.limit:,}",
        "price": money_text(Money(problem.limit)),
        "other": text_of(problem, "other", current_locale()),
    }
    if problem.variant_id is None:
        about = problem.fault, problem.field
        return (
            str(_ENGLISH_NAME if about == _NO_ENGLISH_NAME else _SALE_WORDS[problem.fault]) % words
        )
    is_endless = problem.fault is Fault.UNITS_FEWER and not problem.limit
    sentence = str(_NO_LIMIT if is_endless else _ITEM_WORDS[problem.fault]) % words
    return f"{_name_of(problem, tiers)}: {sentence}"


def _name_of(problem: Problem, tiers: Mapping[UUID, TierFacts]) -> str:
    tier = tiers.get(problem.variant_id) if problem.variant_id else None
    if tier is None:
        return str(_("A product"))
    locale = current_locale()
    return f"{text_of(tier, 'name', locale)} ({text_of(tier, 'tier', locale)})"
