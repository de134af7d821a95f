"""CSV that spreadsheets open without harm: RFC 4180, with a mark that says UTF-8 (else they show
Thai as noise) and without cells that they would run as formulas (OWASP, "CSV Injection")."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"
MIMETYPE: Final = "text/csv; charset=utf-8"

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_GUARDED: Final = re.compile(r"'+[=+\-@\t\r]")


def guard(cell: str) -> str:
    """The cell as text for a spreadsheet: what it would take for a formula gets a ' before it."""
    return "'" + cell if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """The cell as it was before `guard`."""
    return cell[1:] if _GUARDED.match(cell) else cell


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The file line by line, so that a long one is never held in memory as a whole."""
    yield BYTE_ORDER_MARK + _line(header)
    for row in rows:
        yield _line([guard(cell) for cell in row])


def _line(cells: Sequence[str]) -> str:
    buffer = StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
