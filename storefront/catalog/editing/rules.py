"""What a product may be. Values in, problems out; no database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from storefront.catalog.filters import DELIVERIES, FRAMEWORKS
from storefront.catalog.models import UNLIMITED, ProductStatus
from storefront.errors import Invalid
from storefront.kit.money import Money, baht

LONGEST: Final = {
    "slug": 80,
    "name_th": 120,
    "name_en": 120,
    "summary_th": 300,
    "summary_en": 300,
    "description_th": 20_000,
    "description_en": 20_000,
    "docs_url": 300,
    "video_url": 300,
}
LONGEST_TIER: Final = {"code": 40, "name_th": 80, "name_en": 80}
# How many entries a list may have, and how long each.
LISTS: Final = {
    "features_th": (30, 200),
    "features_en": (30, 200),
    "tags": (20, 40),
    "dependencies": (20, 60),
}
MOST_TIERS: Final = 20
MOST_CONTENTS: Final = 24
MOST_SLOTS: Final = 1_000
MOST_STOCK: Final = 1_000_000
MOST_DAYS: Final = 3_650
MOST_MICROSECONDS: Final = 1_000_000
HIGHEST_PRICE: Final = baht(1_000_000)
VIDEO_HOSTS: Final = frozenset(
    {
        *("youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"),
        *("vimeo.com", "www.vimeo.com", "streamable.com", "www.streamable.com"),
        *("medal.tv", "www.medal.tv"),
    }
)
SHOWN: Final = (ProductStatus.PUBLISHED, ProductStatus.COMING_SOON)
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LANGUAGES: Final = ("th", "en")


class Fault(StrEnum):
    """What can be wrong with a product."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    ENTRY_TOO_LONG = "entry_too_long"
    BAD_SLUG = "bad_slug"
    SLUG_TAKEN = "slug_taken"
    UNKNOWN_CATEGORY = "unknown_category"
    UNKNOWN_DELIVERY = "unknown_delivery"
    UNKNOWN_FRAMEWORK = "unknown_framework"
    BAD_LINK = "bad_link"
    VIDEO_NOT_KNOWN = "video_not_known"
    OUT_OF_RANGE = "out_of_range"
    NO_TIER = "no_tier"
    UNKNOWN_TIER = "unknown_tier"
    CODE_TAKEN = "code_taken"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    STRUCK_NOT_ABOVE = "struck_not_above"
    STRUCK_TOO_HIGH = "struck_too_high"
    STRUCK_WITHOUT_HISTORY = "struck_without_history"
    STOCK_BELOW_SOLD = "stock_below_sold"
    TIER_HELD = "tier_held"
    TIER_ON_SALE = "tier_on_sale"
    CONTENT_UNKNOWN = "content_unknown"
    CONTENT_TWICE = "content_twice"
    CONTENT_ITSELF = "content_itself"
    CONTENT_IS_BUNDLE = "content_is_bundle"
    CONTENT_NOT_SOLD = "content_not_sold"
    INSIDE_A_BUNDLE = "inside_a_bundle"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `field` is the draft's name of it, with `tiers.` before that of a
    tier; `row` is which tier or bundle part. `limit` is the number that was passed: characters,
    entries, units, or satang where the fault is about a price."""

    fault: Fault
    field: str
    row: int | None = None
    limit: int = 0


class DraftRefused(Invalid):
    """The product breaks rules; `problems` names all of them at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "product_refused", ", ".join(f"{p.field} {p.fault}" for p in self.problems)
        )


@dataclass(frozen=True, slots=True)
class TierDraft:
    """A licence tier as staff wrote it down; `id` None means it is new. `stock` is the number of
    units ever offered, those sold included, or UNLIMITED; `duration_days` None means for ever."""

    id: UUID | None
    code: str
    name_th: str
    name_en: str
    price: Money
    original: Money | None = None
    stock: int = UNLIMITED
    slots: int = 2
    duration_days: int | None = None


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product as staff wrote it down: everything that can be edited, and nothing else. Tiers
    and `contents` (the products in a bundle) stand in the order they are shown in."""

    slug: str
    category_id: UUID
    name_th: str
    name_en: str
    summary_th: str = ""
    summary_en: str = ""
    description_th: str = ""
    description_en: str = ""
    features_th: tuple[str, ...] = ()
    features_en: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    delivery: str = "open_source"
    resource_cost_us: int = 0
    docs_url: str | None = None
    video_url: str | None = None
    featured: bool = False
    tiers: tuple[TierDraft, ...] = ()
    contents: tuple[UUID, ...] = ()


def slug_from(name: str) -> str:
    """An address made of a name: its Latin letters and digits; empty when it has none."""
    words = re.findall(r"[a-z0-9]+", name.lower().replace("'", ""))
    slug = "-".join(words)
    if len(slug) <= LONGEST["slug"]:
        return slug
    return slug[: LONGEST["slug"] + 1].rpartition("-")[0] or slug[: LONGEST["slug"]]


def is_slug(text: str) -> bool:
    """Whether this can stand in an address: small Latin letters, digits, single hyphens."""
    return _SLUG.fullmatch(text) is not None


def tidied(draft: ProductDraft) -> ProductDraft:
    """The same draft without white space around texts, empty or repeated list entries, control
    characters, and with one kind of line end."""
    return replace(
        draft,
        slug=draft.slug.strip(),
        name_th=_line(draft.name_th),
        name_en=_line(draft.name_en),
        summary_th=_line(draft.summary_th),
        summary_en=_line(draft.summary_en),
        description_th=_text(draft.description_th),
        description_en=_text(draft.description_en),
        features_th=_entries(draft.features_th),
        features_en=_entries(draft.features_en),
        tags=_entries(tag.lower() for tag in draft.tags),
        frameworks=tuple(one for one in FRAMEWORKS if one in draft.frameworks)
        + tuple(one for one in _entries(draft.frameworks) if one not in FRAMEWORKS),
        dependencies=_entries(draft.dependencies),
        docs_url=_line(draft.docs_url or "") or None,
        video_url=_line(draft.video_url or "") or None,
        tiers=tuple(_tidied_tier(tier) for tier in draft.tiers),
    )


def problems_of(draft: ProductDraft) -> list[Problem]:
    """Everything wrong with a tidied draft that can be seen without looking at other rows."""
    found = [
        Problem(Fault.TOO_LONG, name, limit=longest)
        for name, longest in LONGEST.items()
        if len(getattr(draft, name) or "") > longest
    ]
    if not draft.slug:
        found.append(Problem(Fault.MISSING, "slug"))
    elif not is_slug(draft.slug):
        found.append(Problem(Fault.BAD_SLUG, "slug"))
    if not draft.name_th and not draft.name_en:
        found.append(Problem(Fault.MISSING, "name_th"))
    if draft.delivery not in DELIVERIES:
        found.append(Problem(Fault.UNKNOWN_DELIVERY, "delivery"))
    if any(framework not in FRAMEWORKS for framework in draft.frameworks):
        found.append(Problem(Fault.UNKNOWN_FRAMEWORK, "frameworks"))
    if not 0 <= draft.resource_cost_us <= MOST_MICROSECONDS:
        found.append(Problem(Fault.OUT_OF_RANGE, "resource_cost_us", limit=MOST_MICROSECONDS))
    return [
        *found,
        *_list_problems(draft),
        *_link_problems(draft),
        *_tiers_problems(draft.tiers),
        *_content_problems(draft.contents),
    ]


def problems_before_showing(draft: ProductDraft, status: ProductStatus) -> list[Problem]:
    """What is missing before shoppers may see a tidied draft under this status: names and
    summaries in both languages and, to be sold, a description and a tier in both languages."""
    if status not in SHOWN:
        return []
    wanted = ["name", "summary"]
    if status is ProductStatus.PUBLISHED:
        wanted.append("description")
    found = [
        Problem(Fault.MISSING, f"{part}_{language}")
        for part in wanted
        for language in _LANGUAGES
        if not getattr(draft, f"{part}_{language}")
    ]
    if status is ProductStatus.PUBLISHED and not draft.tiers:
        found.append(Problem(Fault.NO_TIER, "tiers"))
    return found


def is_https_link(text: str) -> bool:
    """Whether this is an address on the web with TLS and without a password in it."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and "." in host and "@" not in parts.netloc and " " not in text


def _list_problems(draft: ProductDraft) -> Iterator[Problem]:
    for name, (most, longest) in LISTS.items():
        entries: tuple[str, ...] = getattr(draft, name)
        if len(entries) > most:
            yield Problem(Fault.TOO_MANY, name, limit=most)
        if any(len(entry) > longest for entry in entries):
            yield Problem(Fault.ENTRY_TOO_LONG, name, limit=longest)


def _link_problems(draft: ProductDraft) -> Iterator[Problem]:
    if draft.docs_url and not is_https_link(draft.docs_url):
        yield Problem(Fault.BAD_LINK, "docs_url")
    if draft.video_url and not is_https_link(draft.video_url):
        yield Problem(Fault.BAD_LINK, "video_url")
    elif draft.video_url and urlsplit(draft.video_url).netloc.lower() not in VIDEO_HOSTS:
        yield Problem(Fault.VIDEO_NOT_KNOWN, "video_url")


def _tiers_problems(tiers: Sequence[TierDraft]) -> Iterator[Problem]:
    if len(tiers) > MOST_TIERS:
        yield Problem(Fault.TOO_MANY, "tiers", limit=MOST_TIERS)
    codes: set[str] = set()
    for row, tier in enumerate(tiers):
        for name, longest in LONGEST_TIER.items():
            text: str = getattr(tier, name)
            if not text:
                yield Problem(Fault.MISSING, f"tiers.{name}", row)
            elif len(text) > longest:
                yield Problem(Fault.TOO_LONG, f"tiers.{name}", row, longest)
        if tier.code and not is_slug(tier.code):
            yield Problem(Fault.BAD_SLUG, "tiers.code", row)
        if tier.code and tier.code in codes:
            yield Problem(Fault.CODE_TAKEN, "tiers.code", row)
        codes.add(tier.code)
        yield from _terms_problems(tier, row)


def _terms_problems(tier: TierDraft, row: int) -> Iterator[Problem]:
    if not Money(0) <= tier.price <= HIGHEST_PRICE:
        yield Problem(Fault.PRICE_OUT_OF_RANGE, "tiers.price", row, HIGHEST_PRICE.satang)
    if tier.original is not None:
        if tier.original > HIGHEST_PRICE:
            yield Problem(Fault.PRICE_OUT_OF_RANGE, "tiers.original", row, HIGHEST_PRICE.satang)
        elif tier.original <= tier.price:
            yield Problem(Fault.STRUCK_NOT_ABOVE, "tiers.original", row)
    if tier.stock != UNLIMITED and not 0 <= tier.stock <= MOST_STOCK:
        yield Problem(Fault.OUT_OF_RANGE, "tiers.stock", row, MOST_STOCK)
    if not 1 <= tier.slots <= MOST_SLOTS:
        yield Problem(Fault.OUT_OF_RANGE, "tiers.slots", row, MOST_SLOTS)
    if tier.duration_days is not None and not 1 <= tier.duration_days <= MOST_DAYS:
        yield Problem(Fault.OUT_OF_RANGE, "tiers.duration_days", row, MOST_DAYS)


def _content_problems(contents: Sequence[UUID]) -> Iterator[Problem]:
    if len(contents) > MOST_CONTENTS:
        yield Problem(Fault.TOO_MANY, "contents", limit=MOST_CONTENTS)
    for row, product_id in enumerate(contents):
        if product_id in contents[:row]:
            yield Problem(Fault.CONTENT_TWICE, "contents", row)


def _tidied_tier(tier: TierDraft) -> TierDraft:
    return replace(
        tier,
        code=tier.code.strip().lower(),
        name_th=_line(tier.name_th),
        name_en=_line(tier.name_en),
    )


def _line(text: str) -> str:
    return " ".join(_CONTROLS.sub(" ", text).split())


def _text(text: str) -> str:
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _entries(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry for entry in map(_line, entries) if entry))
