"""Every way in which a catalogue file can be wrong, and the cells of one."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from storefront.bootstrap import Shop
from storefront.catalog.csv_files.rules import COLUMNS, MOST_BYTES
from storefront.catalog.models import Category
from storefront.kit.csv_text import csv_lines, guard, unguard
from tests.admin.csv_uploads import (
    PAGE,
    PNG,
    Row,
    cells_of,
    counts,
    file_of,
    row,
    upload,
)
from tests.storefront.orders.purchases import counted_queries
from tests.support.browser import text_of_page


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"tier_price": "12.345"}, "tier_price", "“12.345” has more than two decimals."),
        ({"tier_price": "-5"}, "tier_price", "“-5” is below zero."),
        ({"tier_price": "cheap"}, "tier_price", "“cheap” is no price."),
        ({"tier_price": ""}, "tier_price", "A tier needs a price"),
        ({"tier_price": "99999999"}, "tier_price", "between ฿0 and ฿1,000,000"),
        ({"tier_original_price": "1990"}, "tier_original_price", "no earlier price"),
        ({"tier_stock": "1.5"}, "tier_stock", "“1.5” is not a number"),
        ({"tier_slots": "0"}, "tier_slots", "at most 1,000"),
        ({"tier_code": ""}, "tier_code", "has no code"),
        ({"tier_name_th": ""}, "tier_name_th", "This is missing."),
        ({"status": "draft", "name_th": "", "name_en": ""}, "name_th", "This is missing."),
        ({"name_en": ""}, "name_en", "This is missing."),
        ({"name_en": "x" * 121}, "name_en", "At most 120 characters."),
        ({"category": "nowhere"}, "category", "no category with the address “nowhere”"),
        ({"category": ""}, "category", "no category with the address"),
        ({"slug": "Night Garage!"}, "slug", "Small letters a to z"),
        ({"slug": ""}, "slug", "Every row needs the address"),
        ({"status": "sold"}, "status", "“sold” is none of: draft"),
        ({"status": ""}, "status", "is none of"),
        ({"delivery": "post"}, "delivery", "open_source or protected"),
        ({"frameworks": "esx, vrp"}, "frameworks", "Known frameworks"),
        ({"docs_url": "javascript:alert(1)"}, "docs_url", "begins with https://"),
        ({"featured": "maybe"}, "featured", "neither yes nor no"),
        ({"resource_cost_ms": "fast"}, "resource_cost_ms", "“fast” is not a number"),
        ({"name_en": "=HYPERLINK(1)"}, "name_en", "would run as a formula"),
        ({"summary_en": "@SUM(A1)"}, "summary_en", "would run as a formula"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column_and_nothing_is_kept(
    staff: FlaskClient, shop: Shop, shelf: Category, cells: Row, column: str, words: str
) -> None:
    good = row(slug="fine", description_en="three\nlines\nlong")
    page = upload(staff, file_of(good, row(**cells)))

    assert page.status_code == 422
    ((line, where, text),) = cells_of(page)
    assert (line, where) == ("5", column)
    assert words in text
    assert "Nothing was imported." in page.text
    assert counts(shop) == (0, 0, 0)


def test_every_bad_row_is_listed(staff: FlaskClient, shop: Shop, shelf: Category) -> None:
    rows = [row(slug=f"p-{n}", tier_price="x", featured="?") for n in range(3)]
    page = upload(staff, file_of(*rows))
    assert [(line, column) for line, column, _ in cells_of(page)] == [
        ("2", "featured"),
        ("2", "tier_price"),
        ("3", "featured"),
        ("3", "tier_price"),
        ("4", "featured"),
        ("4", "tier_price"),
    ]


def test_rows_of_one_product_that_disagree_and_tiers_twice_are_named(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    page = upload(staff, file_of(row(), row(name_en="Other", tier_code="studio"), row()))
    assert [(line, column) for line, column, _ in cells_of(page)] == [
        ("3", "name_en"),
        ("4", "tier_code"),
    ]
    assert "differs from line 2" in page.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The file is empty."),
        (file_of(), "There are no rows below the header."),
        (file_of(row()).decode().encode("cp874"), "not in UTF-8"),
        (file_of(row()).decode().encode("utf-16"), "UTF-16"),
        (file_of(row(name_en="a\0b")), "not a text file"),
        (PNG, "not a text file"),
        (b"PK\x03\x04 a workbook", "a spreadsheet, not a CSV"),
        (file_of(row()) + b'"never closed', "quotation marks"),
        (file_of(row()) + b'"a"b,c\n', "quotation marks"),
        (file_of(row(description_en="x" * 140_000)), "longer than 131,072"),
        (file_of(row()) + b"one,two\n", "This row has 2 cells; the header has 27."),
        (file_of(row(), columns=COLUMNS[:-1]), "This column is missing."),
        (file_of(row(), columns=(*COLUMNS, "colour")), "There is no such column."),
        (file_of(row(), columns=(*COLUMNS, "slug")), "This column is there twice."),
        (b"<html><body>not a csv</body></html>", "There is no such column."),
        (file_of(*[row(slug=f"p-{n}") for n in range(5_001)])[: MOST_BYTES - 1], "5,000 rows"),
        (b"x" * (MOST_BYTES + 1), "larger than 5 MB"),
    ],
)
def test_a_file_that_is_none_is_told_why(
    staff: FlaskClient, shop: Shop, shelf: Category, body: bytes, words: str
) -> None:
    page = upload(staff, body, "picture.png.csv")
    assert page.status_code == 422
    assert words in text_of_page(page)
    assert counts(shop) == (0, 0, 0)


def test_a_hundred_thousand_rows_are_refused_at_once(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    with counted_queries(shop.database.engine) as queries:
        page = upload(staff, file_of() + b",\n" * 3 + b"a,b\n" * 100_000)
    assert page.status_code == 422
    assert "at most 5,000 rows" in page.text
    assert len(queries) < 10


def test_a_file_far_too_large_never_reaches_the_shop(staff: FlaskClient, shop: Shop) -> None:
    assert upload(staff, b"x" * (MOST_BYTES + 1024 * 1024)).status_code == 413


def test_more_changes_than_one_request_can_carry_are_refused(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    page = upload(staff, file_of(*[row(slug=f"p-{n}") for n in range(301)]))
    assert page.status_code == 422
    assert "301 products would be created or changed; at most 300" in text_of_page(page)


def test_no_file_is_told_so(staff: FlaskClient, shop: Shop) -> None:
    page = staff.post(PAGE, data={})
    assert page.status_code == 422
    assert "Choose a file first." in page.text


def test_columns_may_stand_in_any_order_and_semicolons_do(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    turned = file_of(row(), columns=COLUMNS[::-1])
    assert upload(staff, turned).status_code == 303
    semicolons = "\r\n".join(
        ";".join(cells) for cells in (COLUMNS, [row()[name] for name in COLUMNS])
    )
    assert upload(staff, semicolons.encode()).status_code == 303


@given(st.text())
@example("=1")
@example("'=1")
@example("''@x")
@example("'")
@example("\t=")
def test_guarding_a_cell_can_be_undone_and_leaves_no_formula(cell: str) -> None:
    guarded = guard(cell)
    assert unguard(guarded) == cell
    assert not guarded.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2
        )
    )
)
def test_every_line_of_a_written_file_is_read_back(rows: list[list[str]]) -> None:
    text = "".join(csv_lines(("a", "b"), rows)).removeprefix("\ufeff")
    read = list(csv.reader(StringIO(text, newline="")))
    assert [[unguard(cell) for cell in one] for one in read[1:]] == rows
