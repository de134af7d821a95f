"""From rows to products: reading what stands in each cell. No database."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from storefront.catalog.csv_files.reading import Row
from storefront.catalog.csv_files.rules import (
    PRODUCT_COLUMNS,
    TIER_COLUMNS,
    CsvFault,
    Finding,
)
from storefront.catalog.models import UNLIMITED, ProductStatus
from storefront.kit.money import MINOR_UNITS, Money

T = TypeVar("T")

_PRICE: Final = re.compile(r"(?P<baht>[0-9]{1,9})(?:\.(?P<satang>[0-9]{1,2}))?")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_MILLISECONDS: Final = re.compile(r"(?P<whole>[0-9]{1,6})(?:\.(?P<part>[0-9]{1,3}))?")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_YES: Final = frozenset({"yes", "true", "1", "ใช่"})
_NO: Final = frozenset({"no", "false", "0", "", "ไม่", "ไม่ใช่"})
_UNLIMITED: Final = frozenset({"", "-1", "unlimited"})
_LONGEST_SHOWN: Final = 60
_WORD_LISTS: Final = ("tags", "dependencies", "frameworks")
_DEFAULT_SLOTS: Final = 2


@dataclass(frozen=True, slots=True)
class FileTier:
    """A licence tier as a row of the file has it."""

    line: int
    code: str
    name_th: str
    name_en: str
    price: Money
    original: Money | None
    stock: int
    slots: int
    duration_days: int | None


@dataclass(frozen=True, slots=True)
class FileProduct:
    """A product as its rows have it. `lines` says in which line each of its cells stands."""

    line: int
    lines: Mapping[str, int]
    slug: str
    status: ProductStatus
    category: str
    texts: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    delivery: str
    resource_cost_us: int
    featured: bool
    tiers: tuple[FileTier, ...]


class _Sheet:
    """Collects what is wrong while cells are read one by one."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def note(self, line: int, column: str, fault: str, value: str = "", limit: int = 0) -> None:
        self.findings.append(Finding(line, column, fault, value[:_LONGEST_SHOWN], limit))

    def read(
        self, row: Row, column: str, reading: Callable[[str], T | CsvFault], *, otherwise: T
    ) -> T:
        """The value of a cell; `otherwise` stands in while the rest is looked at."""
        value = reading(row.cells[column])
        if isinstance(value, CsvFault):
            self.note(row.line, column, value, row.cells[column])
            return otherwise
        return value


def draft_products(rows: Sequence[Row]) -> tuple[list[FileProduct], list[Finding]]:
    """The products of the file in the order of their first rows, and everything that cannot be
    read. Rows with the same slug make one product: what stands in one of them counts for all."""
    sheet = _Sheet()
    by_slug: dict[str, list[Row]] = {}
    for row in rows:
        slug = row.cells["slug"].lower()
        if slug:
            by_slug.setdefault(slug, []).append(row)
        else:
            sheet.note(row.line, "slug", CsvFault.SLUG_MISSING)
    products = [_product(slug, of_product, sheet) for slug, of_product in by_slug.items()]
    return products, sheet.findings


def _product(slug: str, rows: Sequence[Row], sheet: _Sheet) -> FileProduct:
    joined = _joined(rows, sheet)
    cells = joined.cells
    return FileProduct(
        line=rows[0].line,
        lines=joined.lines,
        slug=slug,
        status=sheet.read(joined.row("status"), "status", _status, otherwise=ProductStatus.DRAFT),
        category=cells["category"].lower(),
        texts={
            name: cells[name]
            for name in (
                *("name_th", "name_en", "summary_th", "summary_en"),
                *("description_th", "description_en", "docs_url", "video_url"),
            )
        },
        lists={
            **{name: _entries(cells[name], "\n") for name in ("features_th", "features_en")},
            **{name: _entries(cells[name], ",\n") for name in _WORD_LISTS},
        },
        delivery=cells["delivery"].lower(),
        resource_cost_us=sheet.read(
            joined.row("resource_cost_ms"), "resource_cost_ms", _microseconds, otherwise=0
        ),
        featured=sheet.read(joined.row("featured"), "featured", _yes_or_no, otherwise=False),
        tiers=_tiers(rows, sheet),
    )


@dataclass(frozen=True, slots=True)
class _Joined:
    cells: Mapping[str, str]
    lines: Mapping[str, int]

    def row(self, column: str) -> Row:
        return Row(self.lines[column], self.cells)


def _joined(rows: Sequence[Row], sheet: _Sheet) -> _Joined:
    """One row made of all rows of a product."""
    cells: dict[str, str] = {}
    lines: dict[str, int] = {}
    for column in PRODUCT_COLUMNS:
        filled = [row for row in rows if row.cells[column]]
        first = filled[0] if filled else rows[0]
        cells[column], lines[column] = first.cells[column], first.line
        if column == "slug":
            continue
        for other in filled[1:]:
            if other.cells[column] != first.cells[column]:
                sheet.note(other.line, column, CsvFault.ROWS_DIFFER, limit=first.line)
    return _Joined(cells, lines)


def _entries(cell: str, separators: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in re.split(f"[{separators}]", cell) if entry.strip())


def _tiers(rows: Sequence[Row], sheet: _Sheet) -> tuple[FileTier, ...]:
    tiers: dict[str, FileTier] = {}
    for row in rows:
        code = row.cells["tier_code"].lower()
        if not code:
            if any(row.cells[column] for column in TIER_COLUMNS):
                sheet.note(row.line, "tier_code", CsvFault.TIER_WITHOUT_CODE)
            continue
        if code in tiers:
            sheet.note(row.line, "tier_code", CsvFault.TIER_TWICE, code, tiers[code].line)
            continue
        tiers[code] = _tier(row, code, sheet)
    return tuple(tiers.values())


def _tier(row: Row, code: str, sheet: _Sheet) -> FileTier:
    if not row.cells["tier_price"]:
        sheet.note(row.line, "tier_price", CsvFault.PRICE_MISSING)
    price = sheet.read(row, "tier_price", _price_or_none, otherwise=None)
    return FileTier(
        line=row.line,
        code=code,
        name_th=row.cells["tier_name_th"],
        name_en=row.cells["tier_name_en"],
        price=price or Money(0),
        original=sheet.read(row, "tier_original_price", _price_or_none, otherwise=None),
        stock=sheet.read(row, "tier_stock", _stock, otherwise=UNLIMITED),
        slots=sheet.read(row, "tier_slots", _slots, otherwise=_DEFAULT_SLOTS),
        duration_days=sheet.read(row, "tier_days", _whole_or_none, otherwise=None),
    )


def _status(text: str) -> ProductStatus | CsvFault:
    known = text.lower().replace(" ", "_")
    return ProductStatus(known) if known in list(ProductStatus) else CsvFault.NOT_A_STATUS


def _price_or_none(text: str) -> Money | CsvFault | None:
    plain = text.removeprefix("฿").strip()
    if not plain:
        return None
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    match = _PRICE.fullmatch(plain)
    if match is not None:
        satang = int((match["satang"] or "").ljust(2, "0"))
        return Money(int(match["baht"]) * MINOR_UNITS + satang)
    if re.fullmatch(r"-[0-9.,]+", plain):
        return CsvFault.PRICE_NEGATIVE
    is_too_fine = re.fullmatch(r"[0-9]{1,9}\.[0-9]{3,}", plain) is not None
    return CsvFault.PRICE_DECIMALS if is_too_fine else CsvFault.NOT_A_PRICE


def _microseconds(text: str) -> int | CsvFault:
    match = _MILLISECONDS.fullmatch(text or "0")
    if match is None:
        return CsvFault.NOT_A_NUMBER
    return int(match["whole"]) * 1_000 + int((match["part"] or "").ljust(3, "0"))


def _yes_or_no(text: str) -> bool | CsvFault:
    word = text.lower()
    return word in _YES if word in _YES | _NO else CsvFault.NOT_YES_OR_NO


def _stock(text: str) -> int | CsvFault:
    return UNLIMITED if text.lower() in _UNLIMITED else _whole(text)


def _slots(text: str) -> int | CsvFault:
    return _whole(text) if text else _DEFAULT_SLOTS


def _whole_or_none(text: str) -> int | CsvFault | None:
    return _whole(text) if text else None


def _whole(text: str) -> int | CsvFault:
    return int(text) if _WHOLE.fullmatch(text) else CsvFault.NOT_A_NUMBER
