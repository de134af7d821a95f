"""The shapes of the demo catalogue: plain data, nothing here touches the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Channel = Literal["stable", "beta"]
Delivery = Literal["open_source", "protected"]
Status = Literal["published", "coming_soon", "draft"]
Kind = Literal["script", "ui", "bundle"]

UNLIMITED = -1


@dataclass(frozen=True)
class SeedCategory:
    """A node of the category tree; `parent` is a slug or None."""

    slug: str
    parent: str | None
    name_th: str
    name_en: str
    position: int


@dataclass(frozen=True)
class SeedVariant:
    """A licence tier. Prices in satang; stock -1 means unlimited; slots are game servers."""

    code: str
    name_th: str
    name_en: str
    price_satang: int
    original_price_satang: int | None = None
    stock: int = UNLIMITED
    slots: int = 2
    duration_days: int | None = None


@dataclass(frozen=True)
class SeedRelease:
    """A published version; `days_ago` counts back from the day the demo is seeded."""

    version: str
    channel: Channel
    changelog_th: str
    changelog_en: str
    days_ago: int


@dataclass(frozen=True)
class SeedProduct:
    """A product in both languages. `theme` picks the cover motif and the archive's code."""

    slug: str
    kind: Kind
    theme: str
    category: str
    name_th: str
    name_en: str
    summary_th: str
    summary_en: str
    description_th: str
    description_en: str
    features_th: tuple[str, ...]
    features_en: tuple[str, ...]
    tags: tuple[str, ...]
    frameworks: tuple[str, ...]
    delivery: Delivery
    dependencies: tuple[str, ...]
    resource_cost_us: int
    docs_url: str | None
    status: Status
    featured: bool
    days_ago: int
    sold_count: int
    variants: tuple[SeedVariant, ...]
    releases: tuple[SeedRelease, ...]
    contains: tuple[str, ...] = ()
