"""What is wrong with a catalogue file, in words; and what its columns are for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from flask_babel import lazy_gettext as _

from admin.product_words import words_for
from storefront.catalog.csv_files.rules import CsvFault, Finding
from storefront.catalog.editing import Fault

_STATUSES: Final = "draft, published, coming_soon, archived"

_WORDS: Final = {
    CsvFault.EMPTY: _("The file is empty."),
    CsvFault.TOO_LARGE: _("The file is larger than %(limit)s MB."),
    CsvFault.WORKBOOK: _("This is a spreadsheet, not a CSV. Save it as “CSV UTF-8” first."),
    CsvFault.BINARY: _("This is not a text file: it contains a NUL byte."),
    CsvFault.UTF16: _("The file is in UTF-16. Save it as “CSV UTF-8”."),
    CsvFault.NOT_UTF8: _("The file is not in UTF-8 from this line on. Save it as “CSV UTF-8”."),
    CsvFault.BAD_QUOTES: _("The quotation marks of the row that begins here do not match."),
    CsvFault.CELL_TOO_LONG: _("A cell of the row that begins here is longer than %(limit)s."),
    CsvFault.COLUMN_MISSING: _("This column is missing."),
    CsvFault.COLUMN_UNKNOWN: _("There is no such column. Remove it, or correct its name."),
    CsvFault.COLUMN_TWICE: _("This column is there twice."),
    CsvFault.WRONG_CELLS: _("This row has %(value)s cells; the header has %(limit)s."),
    CsvFault.TOO_MANY_ROWS: _("A file holds at most %(limit)s rows. Split it."),
    CsvFault.NO_ROWS: _("There are no rows below the header."),
    CsvFault.TOO_MANY_CHANGES: _(
        "%(value)s products would be created or changed; at most %(limit)s can be at once. Split"
        " the file."
    ),
    CsvFault.FORMULA: _("“%(value)s” would run as a formula. Put a ' before it, or remove it."),
    CsvFault.SLUG_MISSING: _("Every row needs the address of its product."),
    CsvFault.ROWS_DIFFER: _("This differs from line %(limit)s of the same product."),
    CsvFault.TIER_TWICE: _("The tier “%(value)s” stands in line %(limit)s already."),
    CsvFault.TIER_WITHOUT_CODE: _("This row describes a tier, but has no code for it."),
    CsvFault.NOT_A_STATUS: _("“%(value)s” is none of: %(statuses)s."),
    CsvFault.NOT_A_PRICE: _("“%(value)s” is no price. Write it like 990 or 990.50."),
    CsvFault.PRICE_NEGATIVE: _("“%(value)s” is below zero."),
    CsvFault.PRICE_DECIMALS: _("“%(value)s” has more than two decimals."),
    CsvFault.PRICE_MISSING: _("A tier needs a price; 0 makes it free."),
    CsvFault.NOT_A_NUMBER: _("“%(value)s” is not a number that fits here."),
    CsvFault.NOT_YES_OR_NO: _("“%(value)s” is neither yes nor no."),
    CsvFault.CATEGORY_UNKNOWN: _("There is no category with the address “%(value)s”."),
    CsvFault.CHANGED_SINCE: _("Somebody changed “%(value)s” after this file was checked."),
    # Where a file says it otherwise than a form.
    Fault.UNKNOWN_DELIVERY: _("This must be open_source or protected."),
    Fault.UNKNOWN_FRAMEWORK: _("Known frameworks are esx, qbcore, qbox and standalone."),
    Fault.CONTENT_NOT_SOLD: _("A product of this bundle is not published yet."),
}
_WORDS_BY_NAME: Final = {str(fault): words for fault, words in _WORDS.items()}

# What stands in each column: read by people who fill the file by hand.
GUIDE: Final = (
    ("slug", _("Address of the product, like night-garage. It says which product a row is about.")),
    ("status", _("draft, published, coming_soon or archived.")),
    ("category", _("Address of a category, like scripts.")),
    ("name_th, name_en", _("Name in both languages.")),
    ("summary_th, summary_en", _("One sentence for cards, at most 300 characters.")),
    ("description_th, description_en", _("The long text, in Markdown.")),
    ("features_th, features_en", _("One feature per line inside the cell.")),
    ("tags, frameworks, dependencies", _("Words with commas between them.")),
    ("delivery", _("open_source or protected.")),
    ("resource_cost_ms", _("Milliseconds per frame, like 0.01.")),
    ("docs_url, video_url", _("An https address, or empty.")),
    ("featured", _("yes or no.")),
    ("tier_code", _("Which licence tier the row is about, like standard.")),
    ("tier_name_th, tier_name_en", _("Name of the tier in both languages.")),
    ("tier_price, tier_original_price", _("Baht, like 990 or 990.50; the earlier one or empty.")),
    ("tier_stock", _("Units ever offered, those sold included. Empty: no limit.")),
    ("tier_slots", _("On how many servers one licence runs. Empty: 2.")),
    ("tier_days", _("How many days it lasts. Empty: for ever.")),
)


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding in the reader's language; `line` None is about the file as a whole."""

    line: int | None
    column: str
    text: str


def findings_in_words(findings: Iterable[Finding]) -> list[ShownFinding]:
    """Findings as the report lists them."""
    return [ShownFinding(one.line or None, one.column, _sentence(one)) for one in findings]


def _sentence(finding: Finding) -> str:
    own = _WORDS_BY_NAME.get(finding.fault)
    if own is None:
        sentence = words_for(Fault(finding.fault), limit=finding.limit)
        return sentence[:1].upper() + sentence[1:]
    values = {"value": finding.value, "limit": f"{finding.limit:,}", "statuses": _STATUSES}
    return str(own) % values
