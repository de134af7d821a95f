"""Reading the forms of promo codes, and saying in words what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from admin.flash_sale_form import FieldError, local_text, parse_local
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.percent import parse_percent, percent_text
from storefront.language import money_text
from storefront.promos.drafting import MOST_CHOSEN, Fault, Problem, PromoDraft
from storefront.promos.models import PromoKind
from storefront.promos.reports import PromoRow
from storefront.wallet.forms import baht_text, parse_baht

LONGEST_TEXT: Final = 300
_THAI_DIGITS: Final = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")
_COUNT: Final = re.compile(r"[0-9]{1,12}")

_NO_PERCENT: Final = _("Write the percentage like 10 or 12.5, with at most two decimals.")
_NO_AMOUNT: Final = _("Write the amount in baht, like 100 or 99.50.")
_NO_COUNT: Final = _("Write a whole number, or leave it empty for no limit.")
_NO_CODES: Final = _("Write how many codes to make, as a whole number.")
_NO_TIME: Final = _("Choose a day and a time, or leave it empty.")
_WORDS: Final[Mapping[Fault, object]] = {
    Fault.CODE_FORM: _("A code has 3 to 40 letters A–Z, digits and dashes."),
    Fault.CODE_TAKEN: _("This code exists already. Choose another."),
    Fault.CODE_FIXED: _("This code was used, so its letters stay: receipts name it."),
    Fault.NOTE_LONG: _("A note has at most %(limit)s characters."),
    Fault.PERCENT_RANGE: _("A percentage lies between 0.01 and 100."),
    Fault.AMOUNT_RANGE: _("The amount lies between ฿0.01 and %(amount)s."),
    Fault.MINIMUM_RANGE: _("The smallest purchase lies between ฿0 and %(amount)s."),
    Fault.MAXIMUM_RANGE: _("The largest discount lies between ฿0.01 and %(amount)s."),
    Fault.MAXIMUM_OF_FIXED: _("A largest discount is for percentages only."),
    Fault.TOTAL_RANGE: _("The uses in all lie between 1 and %(limit)s."),
    Fault.TOTAL_BELOW_USED: _("It was used %(limit)s times already, so the limit cannot be less."),
    Fault.CUSTOMER_RANGE: _("The uses per customer lie between 1 and %(limit)s."),
    Fault.END_BEFORE_START: _("The end must come after the start."),
    Fault.END_PAST: _("The end has passed. To stop a code now, switch it off."),
    Fault.NOTHING_CHOSEN: _("Choose at least one category or product, or let it cover everything."),
    Fault.TOO_MUCH_CHOSEN: _("A code covers at most %(limit)s categories and products by name."),
    Fault.CHOICE_UNKNOWN: _("A category or product was deleted meanwhile. Check what is chosen."),
    Fault.BATCH_NAME: _("Name the batch in up to %(limit)s characters."),
    Fault.BATCH_TAKEN: _("A batch of this name exists already. Nothing was made twice."),
    Fault.PREFIX_FORM: _("A prefix has up to %(limit)s letters A–Z and digits, dashes between."),
    Fault.COUNT_RANGE: _("Make between 1 and %(limit)s codes at once."),
}


@dataclass(frozen=True, slots=True)
class PromoFields:
    """The form as it was typed; that of a batch has the last three as well."""

    code: str = ""
    note: str = ""
    kind: str = PromoKind.PERCENT.value
    value: str = ""
    minimum: str = ""
    maximum: str = ""
    total_limit: str = ""
    per_customer_limit: str = "1"
    starts_at: str = ""
    ends_at: str = ""
    first_purchase_only: bool = False
    active: bool = True
    covers: str = "all"
    shelves: tuple[UUID, ...] = ()
    products: tuple[UUID, ...] = ()
    find: str = ""
    revision: str = "1"
    batch: str = ""
    prefix: str = ""
    count: str = "100"

    def with_code(self, code: str) -> PromoFields:
        """With these letters."""
        return replace(self, code=code)

    def with_product(self, product_id: UUID | None) -> PromoFields:
        """With one more product; one that is there already is not added again."""
        if product_id is None or product_id in self.products or len(self.products) >= MOST_CHOSEN:
            return self
        return replace(self, products=(*self.products, product_id))

    def without_product(self, product_id: UUID | None) -> PromoFields:
        """With one product less."""
        return replace(self, products=tuple(one for one in self.products if one != product_id))


def read_fields(form: MultiDict[str, str]) -> PromoFields:
    """What was typed; too much of anything is cut. Nothing else of the form is looked at."""

    def text(name: str) -> str:
        return form.get(name, "").replace("\0", "").strip()[:LONGEST_TEXT]

    def ids(name: str) -> tuple[UUID, ...]:
        found = filter(None, map(parse_id, form.getlist(name)[: MOST_CHOSEN + 1]))
        return tuple(dict.fromkeys(found))

    return PromoFields(
        code=text("code"),
        note=text("note"),
        kind=text("kind"),
        value=text("value"),
        minimum=text("minimum"),
        maximum=text("maximum"),
        total_limit=text("total_limit"),
        per_customer_limit=text("per_customer_limit"),
        starts_at=text("starts_at"),
        ends_at=text("ends_at"),
        first_purchase_only="first_purchase_only" in form,
        active="active" in form,
        covers="chosen" if text("covers") == "chosen" else "all",
        shelves=ids("shelf"),
        products=ids("product"),
        find=text("find"),
        revision=text("revision"),
        batch=text("batch"),
        prefix=text("prefix").upper(),
        count=text("count"),
    )


def fields_of(promo: PromoRow) -> PromoFields:
    """A code as the form shows it."""
    is_percent = promo.kind is PromoKind.PERCENT
    minimum, maximum = promo.min_subtotal, promo.max_discount
    return PromoFields(
        code=promo.code,
        note=promo.note,
        kind=promo.kind.value,
        value=percent_text(promo.value) if is_percent else baht_text(Money(promo.value)),
        minimum=baht_text(minimum) if minimum else "",
        maximum=baht_text(maximum) if maximum and is_percent else "",
        total_limit=_number_text(promo.total_limit),
        per_customer_limit=_number_text(promo.per_customer_limit),
        starts_at=_time_text(promo.starts_at),
        ends_at=_time_text(promo.ends_at),
        first_purchase_only=promo.first_purchase_only,
        active=promo.active,
        covers="all" if promo.covers_all else "chosen",
        shelves=tuple(one.id for one in promo.covered if not one.is_product),
        products=tuple(one.id for one in promo.covered if one.is_product),
        revision=str(promo.revision),
    )


def copy_of(promo: PromoRow) -> PromoFields:
    """The same terms for a new code, without its letters and times."""
    return replace(fields_of(promo), code="", starts_at="", ends_at="", revision="1", active=True)


def read_draft(
    fields: PromoFields, *, promo: PromoRow | None = None
) -> tuple[PromoDraft | None, list[FieldError]]:
    """The code that was typed, or everything in it that cannot be read. `promo` is the code it is
    to change: its times keep the seconds that the form does not show."""
    errors: list[FieldError] = []
    kind = PromoKind.FIXED if fields.kind == PromoKind.FIXED else PromoKind.PERCENT
    value = _read_value(fields.value, kind, errors)
    minimum = _read_amount("minimum", fields.minimum, errors)
    # Hidden beside a fixed amount: what is left in it does not count.
    is_percent = kind is PromoKind.PERCENT
    maximum = _read_amount("maximum", fields.maximum, errors) if is_percent else None
    total = _read_count("total_limit", fields.total_limit, errors)
    each = _read_count("per_customer_limit", fields.per_customer_limit, errors)
    starts_at = _read_time(
        "starts_at", fields.starts_at, promo.starts_at if promo else None, errors
    )
    ends_at = _read_time("ends_at", fields.ends_at, promo.ends_at if promo else None, errors)
    if errors or value is None:
        return None, errors
    covers_all = fields.covers == "all"
    draft = PromoDraft(
        code=fields.code,
        kind=kind,
        value=value,
        note=fields.note,
        min_subtotal=minimum or Money(0),
        max_discount=maximum,
        total_limit=total,
        per_customer_limit=each,
        starts_at=starts_at,
        ends_at=ends_at,
        first_purchase_only=fields.first_purchase_only,
        active=fields.active,
        covers_all=covers_all,
        product_ids=() if covers_all else fields.products,
        category_ids=() if covers_all else fields.shelves,
    )
    return draft, errors


def read_batch_count(fields: PromoFields) -> tuple[int, list[FieldError]]:
    """How many codes to make; with words when that is no number."""
    text = fields.count.replace(",", "").translate(_THAI_DIGITS)
    return (int(text), []) if _COUNT.fullmatch(text) else (0, [("count", str(_NO_CODES))])


def errors_of(problems: Iterable[Problem]) -> list[FieldError]:
    """What the rules refused, at the control it is about."""
    return [
        (
            one.field,
            str(_WORDS[one.fault])
            % {"limit": f"{one.limit:,}", "amount": money_text(Money(one.limit))},
        )
        for one in problems
    ]


def _read_value(text: str, kind: PromoKind, errors: list[FieldError]) -> int | None:
    if kind is PromoKind.FIXED:
        amount = parse_baht(text)
        if amount is None:
            errors.append(("value", str(_NO_AMOUNT)))
        return None if amount is None else amount.satang
    basis_points = parse_percent(text)
    if basis_points is None:
        errors.append(("value", str(_NO_PERCENT)))
    return basis_points


def _read_amount(name: str, text: str, errors: list[FieldError]) -> Money | None:
    amount = parse_baht(text) if text else None
    if text and amount is None:
        errors.append((name, str(_NO_AMOUNT)))
    return amount


def _read_count(name: str, text: str, errors: list[FieldError]) -> int | None:
    plain = text.replace(",", "").translate(_THAI_DIGITS)
    if not plain:
        return None
    if not _COUNT.fullmatch(plain):
        errors.append((name, str(_NO_COUNT)))
        return None
    return int(plain)


def _read_time(
    name: str, text: str, before: datetime | None, errors: list[FieldError]
) -> datetime | None:
    if not text:
        return None
    if before is not None and text == local_text(before):
        return before
    moment = parse_local(text)
    if moment is None:
        errors.append((name, str(_NO_TIME)))
    return moment


def _number_text(number: int | None) -> str:
    return "" if number is None else str(number)


def _time_text(moment: datetime | None) -> str:
    return "" if moment is None else local_text(moment)
