"""Reading the form of a product: what was typed is kept, whatever is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from admin.product_words import FIELD_NAMES, sentence_of
from storefront.catalog.editing import Problem, ProductDraft, TierDraft, slug_from
from storefront.catalog.editing.rules import MOST_CONTENTS, MOST_TIERS
from storefront.catalog.models import UNLIMITED
from storefront.kit.ids import parse_id
from storefront.wallet.forms import baht_text, parse_baht

LONGEST_TEXT: Final = 25_000
_THAI_DIGITS: Final = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")
_DECIMAL: Final = re.compile(r"(?P<ms>[0-9]{1,6})(?:\.(?P<rest>[0-9]{1,3}))?")

_NO_PRICE: Final = _("write the amount in baht, like 250 or 250.50.")
_NO_COUNT: Final = _("write a whole number.")
_NO_MS: Final = _("write milliseconds with at most three decimals, like 0.04.")
_NO_CATEGORY: Final = _("choose a category.")
_NO_PRODUCT: Final = _("there is no such product.")

# The id of the control, and the sentence.
FieldError = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TierFields:
    """One tier as it was typed. `id` is empty for a new one."""

    id: str = ""
    code: str = ""
    name_th: str = ""
    name_en: str = ""
    price: str = ""
    original: str = ""
    stock: str = ""
    slots: str = "2"
    days: str = ""
    is_removed: bool = False

    @property
    def is_blank(self) -> bool:
        """A row that was offered and not used."""
        typed = (self.code, self.name_th, self.name_en, self.price, self.original, self.stock)
        return not self.id and not any(typed)


@dataclass(frozen=True, slots=True)
class ProductFields:
    """The form as it was typed."""

    slug: str = ""
    category_id: str = ""
    name_th: str = ""
    name_en: str = ""
    summary_th: str = ""
    summary_en: str = ""
    description_th: str = ""
    description_en: str = ""
    features_th: str = ""
    features_en: str = ""
    tags: str = ""
    frameworks: tuple[str, ...] = ()
    dependencies: str = ""
    delivery: str = "open_source"
    resource_cost: str = "0"
    docs_url: str = ""
    video_url: str = ""
    featured: bool = False
    tiers: tuple[TierFields, ...] = (TierFields(),)
    contents: tuple[str, ...] = ()
    revision: str = "0"

    def with_tier(self) -> ProductFields:
        """With one more empty tier."""
        return replace(self, tiers=(*self.tiers, TierFields())[:MOST_TIERS])

    def with_part(self) -> ProductFields:
        """With one more empty line for a product in the bundle."""
        return replace(self, contents=(*self.contents, "")[:MOST_CONTENTS])


_SIMPLE: Final = (
    *("slug", "category_id", "name_th", "name_en", "summary_th", "summary_en"),
    *("description_th", "description_en", "features_th", "features_en", "tags"),
    *("dependencies", "delivery", "resource_cost", "docs_url", "video_url", "revision"),
)
_OF_TIER: Final = (
    "id",
    "code",
    "name_th",
    "name_en",
    "price",
    "original",
    "stock",
    "slots",
    "days",
)
_CONTROLS: Final = {"resource_cost_us": "resource_cost", "duration_days": "days"}


def read_fields(form: MultiDict[str, str]) -> ProductFields:
    """What was typed; too much of anything is cut. Only named fields are looked at, so no other
    column of a product can be set (A3)."""

    def text(name: str) -> str:
        return form.get(name, "").replace("\0", "")[:LONGEST_TEXT].strip()

    count = text("tier_count")
    rows = range(min(int(count), MOST_TIERS + 1) if _is_count(count) else 0)
    return ProductFields(
        **{name: text(name) for name in _SIMPLE},
        frameworks=tuple(form.getlist("frameworks")[:20]),
        featured=form.get("featured") == "1",
        tiers=tuple(
            TierFields(
                **{name: text(f"tier-{row}-{name}") for name in _OF_TIER},
                is_removed=form.get(f"tier-{row}-remove") == "1",
            )
            for row in rows
        ),
        contents=tuple(
            slug.replace("\0", "").strip()[:100]
            for slug in form.getlist("content")[: MOST_CONTENTS + 1]
        ),
    )


def fields_of(draft: ProductDraft, *, slugs: Mapping[UUID, str], revision: int) -> ProductFields:
    """A product as the form shows it."""
    return ProductFields(
        slug=draft.slug,
        category_id=str(draft.category_id),
        name_th=draft.name_th,
        name_en=draft.name_en,
        summary_th=draft.summary_th,
        summary_en=draft.summary_en,
        description_th=draft.description_th,
        description_en=draft.description_en,
        features_th="\n".join(draft.features_th),
        features_en="\n".join(draft.features_en),
        tags=", ".join(draft.tags),
        frameworks=draft.frameworks,
        dependencies=", ".join(draft.dependencies),
        delivery=draft.delivery,
        resource_cost=milliseconds_text(draft.resource_cost_us),
        docs_url=draft.docs_url or "",
        video_url=draft.video_url or "",
        featured=draft.featured,
        tiers=tuple(_fields_of_tier(tier) for tier in draft.tiers),
        contents=tuple(slugs.get(part, str(part)) for part in draft.contents),
        revision=str(revision),
    )


def read_draft(
    fields: ProductFields, *, products: Mapping[str, UUID]
) -> tuple[ProductDraft | None, list[FieldError]]:
    """The product that was typed, or everything in it that cannot be read. `products` are those
    whose addresses stand in the bundle's lines."""
    errors: list[FieldError] = []
    category_id = parse_id(fields.category_id)
    if category_id is None:
        errors.append(_error("category_id", "field-category_id", _NO_CATEGORY))
    cost = parse_milliseconds(fields.resource_cost or "0")
    if cost is None:
        errors.append(_error("resource_cost_us", "field-resource_cost", _NO_MS))
    tiers = [_read_tier(tier, row, errors) for row, tier in _used(fields)]
    for row, slug in enumerate(fields.contents):
        if slug and slug not in products:
            errors.append(_error("contents", f"content-{row}", _NO_PRODUCT))
    if errors or category_id is None or cost is None:
        return None, errors
    draft = ProductDraft(
        slug=fields.slug or slug_from(fields.name_en),
        category_id=category_id,
        name_th=fields.name_th,
        name_en=fields.name_en,
        summary_th=fields.summary_th,
        summary_en=fields.summary_en,
        description_th=fields.description_th,
        description_en=fields.description_en,
        features_th=tuple(fields.features_th.splitlines()),
        features_en=tuple(fields.features_en.splitlines()),
        tags=_list(fields.tags),
        frameworks=fields.frameworks,
        dependencies=_list(fields.dependencies),
        delivery=fields.delivery,
        resource_cost_us=cost,
        docs_url=fields.docs_url or None,
        video_url=fields.video_url or None,
        featured=fields.featured,
        tiers=tuple(tier for tier in tiers if tier is not None),
        contents=tuple(products[slug] for slug in fields.contents if slug),
    )
    return draft, errors


def errors_of(problems: Iterable[Problem], fields: ProductFields) -> list[FieldError]:
    """What the rules refused, at the control it is about."""
    tier_rows = [row for row, _tier in _used(fields)]
    part_rows = [row for row, slug in enumerate(fields.contents) if slug]
    found = []
    for problem in problems:
        rows = tier_rows if problem.field.startswith("tiers") else part_rows
        row = rows[problem.row] if problem.row is not None else None
        found.append((_control_of(problem.field, row), sentence_of(problem, row=row)))
    return found


def parse_milliseconds(text: str) -> int | None:
    """Read milliseconds as people write them, 0.04 or 1.5, into microseconds. None for everything
    else: negative numbers, exponents, more than three decimals."""
    match = _DECIMAL.fullmatch(text.strip().translate(_THAI_DIGITS))
    if match is None:
        return None
    return int(match["ms"]) * 1000 + int((match["rest"] or "").ljust(3, "0"))


def milliseconds_text(microseconds: int) -> str:
    """Microseconds as they are put into the field: 0.04 or 12."""
    whole, rest = divmod(microseconds, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def _used(fields: ProductFields) -> list[tuple[int, TierFields]]:
    """The tiers that are meant to stand, with the rows they were typed in."""
    return [
        (row, tier)
        for row, tier in enumerate(fields.tiers)
        if not tier.is_blank and not tier.is_removed
    ]


def _read_tier(tier: TierFields, row: int, errors: list[FieldError]) -> TierDraft | None:
    price = parse_baht(tier.price)
    original = parse_baht(tier.original) if tier.original else None
    if price is None:
        errors.append(_tier_error("price", row, _NO_PRICE))
    if tier.original and original is None:
        errors.append(_tier_error("original", row, _NO_PRICE))
    counts: dict[str, int | None] = {}
    for name, text in (("stock", tier.stock), ("slots", tier.slots), ("days", tier.days)):
        plain = text.replace(",", "").translate(_THAI_DIGITS)
        counts[name] = int(plain) if _is_count(plain) else None
        if counts[name] is None and (text or name == "slots"):
            errors.append(_tier_error(name, row, _NO_COUNT))
    tier_id = parse_id(tier.id) if tier.id else None
    if price is None or counts["slots"] is None:
        return None
    stock = counts["stock"]
    return TierDraft(
        id=tier_id,
        code=tier.code or slug_from(tier.name_en),
        name_th=tier.name_th,
        name_en=tier.name_en,
        price=price,
        original=original,
        stock=UNLIMITED if stock is None else stock,
        slots=counts["slots"],
        duration_days=counts["days"],
    )


def _fields_of_tier(tier: TierDraft) -> TierFields:
    return TierFields(
        id=str(tier.id),
        code=tier.code,
        name_th=tier.name_th,
        name_en=tier.name_en,
        price=baht_text(tier.price),
        original=baht_text(tier.original) if tier.original else "",
        stock="" if tier.stock == UNLIMITED else str(tier.stock),
        slots=str(tier.slots),
        days=str(tier.duration_days or ""),
    )


def _control_of(field: str, row: int | None) -> str:
    name = field.removeprefix("tiers.")
    name = _CONTROLS.get(name, name)
    if field.startswith("tiers."):
        return f"tier-{row}-{name}"
    return f"content-{row}" if field == "contents" and row is not None else f"field-{name}"


def _error(field: str, control: str, words: object) -> FieldError:
    return control, f"{FIELD_NAMES[field]}: {words}"


def _tier_error(name: str, row: int, words: object) -> FieldError:
    field = {"days": "tiers.duration_days"}.get(name, f"tiers.{name}")
    label = _("Tier %(number)s, %(field)s", number=row + 1, field=FIELD_NAMES[field])
    return f"tier-{row}-{name}", f"{label}: {words}"


def _list(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[,\n]", text))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9
