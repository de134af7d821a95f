"""The columns of a catalogue file, and what can be wrong with one. No database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storefront.errors import Invalid

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_ROWS: Final = 5_000
# An import is one transaction inside a request, about 30 ms per product that changes; buyers of
# those products wait for it.
MOST_CHANGED: Final = 300
# Nobody reads more; the first ones usually explain the rest.
MOST_FINDINGS: Final = 200

PRODUCT_COLUMNS: Final = (
    *("slug", "status", "category", "name_th", "name_en", "summary_th", "summary_en"),
    *("description_th", "description_en", "features_th", "features_en", "tags", "frameworks"),
    *("dependencies", "delivery", "resource_cost_ms", "docs_url", "video_url", "featured"),
)
TIER_COLUMNS: Final = (
    *("tier_code", "tier_name_th", "tier_name_en", "tier_price", "tier_original_price"),
    *("tier_stock", "tier_slots", "tier_days"),
)
COLUMNS: Final = PRODUCT_COLUMNS + TIER_COLUMNS


class CsvFault(StrEnum):
    """What can be wrong with a file beside what can be wrong with a product."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    WORKBOOK = "workbook"
    BINARY = "binary"
    UTF16 = "utf16"
    NOT_UTF8 = "not_utf8"
    BAD_QUOTES = "bad_quotes"
    CELL_TOO_LONG = "cell_too_long"
    COLUMN_MISSING = "column_missing"
    COLUMN_UNKNOWN = "column_unknown"
    COLUMN_TWICE = "column_twice"
    WRONG_CELLS = "wrong_cells"
    TOO_MANY_ROWS = "too_many_rows"
    NO_ROWS = "no_rows"
    TOO_MANY_CHANGES = "too_many_changes"
    FORMULA = "formula"
    SLUG_MISSING = "slug_missing"
    ROWS_DIFFER = "rows_differ"
    TIER_TWICE = "tier_twice"
    TIER_WITHOUT_CODE = "tier_without_code"
    NOT_A_STATUS = "not_a_status"
    NOT_A_PRICE = "not_a_price"
    PRICE_NEGATIVE = "price_negative"
    PRICE_DECIMALS = "price_decimals"
    PRICE_MISSING = "price_missing"
    NOT_A_NUMBER = "not_a_number"
    NOT_YES_OR_NO = "not_yes_or_no"
    CATEGORY_UNKNOWN = "category_unknown"
    CHANGED_SINCE = "changed_since"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in which line of the file (1 is the header, 0 the file as a
    whole), in which column, and what. `fault` is a CsvFault or a Fault of editing; `value` is
    what stands there, `limit` the number that was passed."""

    line: int
    column: str
    fault: str
    value: str = ""
    limit: int = 0


class ImportRefused(Invalid):
    """The file cannot be imported; nothing of it was."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(
            sorted(set(findings), key=lambda one: (one.line, one.column, one.fault))
        )
        super().__init__("import_refused", f"{len(self.findings)} findings")
