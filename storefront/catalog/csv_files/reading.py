"""From the bytes of an upload to rows with line numbers. Everything is judged by content: what a
file is called says nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from storefront.catalog.csv_files.rules import (
    COLUMNS,
    MOST_BYTES,
    MOST_ROWS,
    CsvFault,
    Finding,
    ImportRefused,
)
from storefront.kit.csv_text import BYTE_ORDER_MARK, unguard

_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LONGEST_SHOWN: Final = 60
# "-" may begin a line of a Markdown list, so it is taken as text; what is written out again is
# guarded in any case.
_FORMULAS: Final = ("=", "+", "@")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: where it begins, and its cells by column, without outer spaces."""

    line: int
    cells: Mapping[str, str]


def read_rows(body: bytes) -> list[Row]:
    """Every row that is not empty. Raises ImportRefused when the file is no CSV in UTF-8 with
    exactly the known columns, or is too large."""
    text = _text_of(body)
    records = _records(text)
    header = next(records, None)
    if header is None:
        raise ImportRefused([Finding(0, "", CsvFault.EMPTY)])
    columns = _columns_of(header[1])
    rows: list[Row] = []
    findings: list[Finding] = []
    for line, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) + len(findings) >= MOST_ROWS:
            raise ImportRefused([Finding(line, "", CsvFault.TOO_MANY_ROWS, limit=MOST_ROWS)])
        if len(cells) != len(columns):
            found = Finding(line, "", CsvFault.WRONG_CELLS, str(len(cells)), len(columns))
            findings.append(found)
            continue
        row = dict(zip(columns, cells, strict=True))
        findings += _formulas(line, row)
        rows.append(Row(line, {name: unguard(cell).strip() for name, cell in row.items()}))
    if findings:
        raise ImportRefused(findings)
    if not rows:
        raise ImportRefused([Finding(0, "", CsvFault.NO_ROWS)])
    return rows


def _text_of(body: bytes) -> str:
    if len(body) > MOST_BYTES:
        raise _refused(CsvFault.TOO_LARGE, limit=MOST_BYTES // (1024 * 1024))
    if body.startswith(_WORKBOOKS):
        raise _refused(CsvFault.WORKBOOK)
    if body.startswith(_UTF16):
        raise _refused(CsvFault.UTF16)
    if b"\0" in body:
        raise _refused(CsvFault.BINARY, line=_line_at(body, body.index(b"\0")))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(CsvFault.NOT_UTF8, line=_line_at(body, error.start)) from error
    return text.removeprefix(BYTE_ORDER_MARK)


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins in: a cell may hold several lines."""
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_long = "field limit" in str(error)
            fault = CsvFault.CELL_TOO_LONG if is_long else CsvFault.BAD_QUOTES
            raise _refused(fault, line=line, limit=csv.field_size_limit()) from error
        yield line, cells
        line = reader.line_num + 1


def _columns_of(header: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in header]
    times = Counter(columns)
    findings = [Finding(1, name, CsvFault.COLUMN_MISSING) for name in COLUMNS if name not in times]
    findings += [
        Finding(1, name[:_LONGEST_SHOWN], CsvFault.COLUMN_UNKNOWN)
        for name in times
        if name not in COLUMNS
    ]
    findings += [
        Finding(1, name, CsvFault.COLUMN_TWICE)
        for name, number in times.items()
        if number > 1 and name in COLUMNS
    ]
    if findings:
        raise ImportRefused(findings)
    return columns


def _formulas(line: int, row: Mapping[str, str]) -> Iterator[Finding]:
    for column, cell in row.items():
        if cell.startswith(_FORMULAS):
            yield Finding(line, column, CsvFault.FORMULA, cell[:_LONGEST_SHOWN])


def _line_at(body: bytes, place: int) -> int:
    return body.count(b"\n", 0, place) + 1


def _refused(fault: CsvFault, *, line: int = 0, limit: int = 0) -> ImportRefused:
    return ImportRefused([Finding(line, "", fault, limit=limit)])
