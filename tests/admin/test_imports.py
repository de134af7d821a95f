"""The catalogue as CSV: out, in again, and every way in which a file can be wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import BytesIO, StringIO

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.catalog.csv_files.rules import COLUMNS, MOST_BYTES
from storefront.catalog.csv_files.service import forget_stale_files
from storefront.catalog.models import CatalogImport, Category, Product, Variant
from storefront.kit.csv_text import csv_lines, guard, unguard
from tests.storefront.orders.purchases import counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

PAGE = "/en/admin/imports"
EXPORT = f"{PAGE}/products.csv"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
Row = dict[str, str]


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """A browser in which an admin is signed in."""
    sign_in(client, make.user(role="admin", display_name="Mali"))
    return client


@pytest.fixture
def shelf(make: Factory) -> Category:
    """The category of the files below."""
    return make.category("scripts")


def row(**cells: str) -> Row:
    """A row that is fine."""
    values = dict.fromkeys(COLUMNS, "") | {
        "slug": "night-garage",
        "status": "published",
        "category": "scripts",
        "name_th": "โรงรถกลางคืน",
        "name_en": "Night garage",
        "summary_th": "เก็บรถ",
        "summary_en": "Stores cars",
        "description_th": "ยาว",
        "description_en": "Long",
        "delivery": "protected",
        "resource_cost_ms": "0.01",
        "featured": "no",
        "tier_code": "standard",
        "tier_name_th": "มาตรฐาน",
        "tier_name_en": "Standard",
        "tier_price": "990",
    }
    assert cells.keys() <= values.keys(), cells
    return values | cells


def tier(slug: str = "night-garage", **cells: str) -> Row:
    """A further row of a product: only its tier."""
    names = {"tier_code": "studio", "tier_name_th": "สตูดิโอ", "tier_name_en": "Studio"}
    return dict.fromkeys(COLUMNS, "") | {"slug": slug, **names, "tier_price": "1990"} | cells


def file_of(*rows: Row, columns: Iterable[str] = COLUMNS) -> bytes:
    """A file as a spreadsheet saves it."""
    text = StringIO()
    writer = csv.writer(text)
    names = list(columns)
    writer.writerow(names)
    writer.writerows([one.get(name, "") for name in names] for one in rows)
    return text.getvalue().encode()


def upload(staff: FlaskClient, body: bytes, name: str = "products.csv") -> TestResponse:
    return staff.post(PAGE, data={"file": (BytesIO(body), name)})


def run(staff: FlaskClient, body: bytes) -> TestResponse:
    """Check and import; the page that stands at the end."""
    checked = upload(staff, body)
    assert checked.status_code == 303, text_of_page(checked)
    page = staff.get(checked.location)
    done = submit(staff, page, "/execution")
    return staff.get(done.location) if done.status_code == 303 else done


def cells_of(page: TestResponse) -> list[tuple[str, str, str]]:
    """The findings on a page: line, column, words."""
    text = page.text.partition('id="findings"')[2].partition("</table>")[0]
    found = []
    for part in text.split("<tr>")[2:]:
        cells = [
            cell.partition(">")[2].partition("</td>")[0].replace("&#39;", "'")
            for cell in part.split("<td")[1:]
        ]
        plain = [c.replace('<code translate="no">', "").replace("</code>", "") for c in cells]
        found.append((plain[0].strip(), plain[1].strip(), plain[2].strip()))
    return found


def counts(shop: Shop) -> tuple[int, int, int]:
    """Products, tiers and kept files."""
    with shop.database.reading() as session:
        return tuple(  # type: ignore[return-value]
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Product, Variant, CatalogImport)
        )


def test_only_who_manages_the_catalogue_gets_in(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="moderator"))
    for path in (PAGE, EXPORT, f"{PAGE}/template.csv", f"{PAGE}/x"):
        assert client.get(path).status_code == 404
    for path in (PAGE, f"{PAGE}/x/execution"):
        assert client.post(path).status_code == 404


def test_a_file_is_checked_first_and_imported_on_request(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    body = file_of(row(), tier(tier_stock="5", tier_days="30", tier_slots="10"))

    checked = upload(staff, body, "เดือนนี้.csv")
    page = staff.get(checked.location)

    assert "Would be created 1" in text_of_page(page)
    assert "เดือนนี้.csv" in page.text
    assert counts(shop) == (0, 0, 1)
    done = staff.get(submit(staff, page, "/execution").location)
    assert "Imported: 1 created, 0 changed, 0 unchanged." in text_of_page(done)
    with shop.database.reading() as session:
        product = session.scalars(select(Product)).one()
        tiers = session.scalars(select(Variant).order_by(Variant.position)).all()
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "import_catalog")
        ).one()
    assert (product.status, product.name_th, product.resource_cost_us) == (
        "published",
        "โรงรถกลางคืน",
        10,
    )
    assert [(one.code, one.price_satang, one.stock) for one in tiers] == [
        ("standard", 99_000, -1),
        ("studio", 199_000, 5),
    ]
    assert (tiers[1].duration_days, tiers[1].slots) == (30, 10)
    assert entry.detail["created"] == 1


def test_the_same_file_twice_changes_nothing(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    body = file_of(row(tags="Garage, cars", features_en="Fast\nSafe"), tier())
    run(staff, body)
    with shop.database.reading() as session:
        before = session.scalars(select(Product)).one()

    again = staff.get(upload(staff, body).location)

    text = text_of_page(again)
    assert "Would be changed 0 Stay as they are 1" in text
    assert "Nothing to do" in text
    with shop.database.reading() as session:
        after = session.scalars(select(Product)).one()
    assert (after.revision, after.features_en) == (before.revision, ["Fast", "Safe"])


def test_what_was_exported_is_imported_without_a_change(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    first = make.product(
        description_en='=SUM(A1)\n- list; with, all "kinds"\n\'=quoted',
        name_th="@ร้าน",
        features_th=["+เร็ว", "ดี"],
        tags=["one", "two"],
        frameworks=["esx", "qbcore", "standalone"],
        dependencies=["ox_lib", "oxmysql"],
        resource_cost_us=1_230,
        docs_url="https://docs.example.com",
    )
    make.product(status="draft", stock=7, duration_days=30)
    make.bundle(first, make.product())

    body = staff.get(EXPORT).data

    assert body.startswith("\ufeff".encode())
    assert b"'=SUM(A1)" in body
    assert b"'@" in body
    checked = upload(staff, body)
    assert checked.status_code == 303, text_of_page(checked)
    assert "Would be changed 0 Stay as they are 4" in text_of_page(staff.get(checked.location))


def test_a_changed_price_is_named_and_nothing_else_is_touched(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product, other = make.product(), make.product()
    lines = list(csv.DictReader(StringIO(staff.get(EXPORT).data.decode("utf-8-sig"))))
    changed = [
        one | ({"tier_price": "1,290.50"} if one["slug"] == product.slug else {}) for one in lines
    ]

    page = staff.get(upload(staff, file_of(*changed)).location)

    assert "standard.tier_price" in page.text
    assert "Would be changed 1 Stay as they are 1" in text_of_page(page)
    submit(staff, page, "/execution")
    with shop.database.reading() as session:
        assert session.get_one(Variant, product.variants[0].id).price_satang == 129_050
        assert session.get_one(Product, product.id).revision == 2
        assert session.get_one(Product, other.id).revision == 1


def test_tiers_that_are_not_in_the_file_stay(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row(), tier()))
    run(staff, file_of(row(tier_code="studio", tier_name_en="Studio", tier_price="5")))
    with shop.database.reading() as session:
        tiers = session.scalars(select(Variant).order_by(Variant.position)).all()
    assert [(one.code, one.price_satang) for one in tiers] == [
        ("standard", 99_000),
        ("studio", 500),
    ]


def test_texts_may_stand_in_any_row_of_a_product(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    assert upload(staff, file_of(tier(), row())).status_code == 303


def test_a_product_can_be_taken_off_the_shelves_and_emptied_at_once(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row()))
    page = run(staff, file_of(row(status="archived", description_th="", summary_en="")))
    assert "0 created, 1 changed" in text_of_page(page)
    with shop.database.reading() as session:
        assert session.scalars(select(Product.status)).one() == "archived"


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


def test_a_product_changed_since_the_check_stops_the_whole_import(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row(), row(slug="other")))
    wanted = file_of(row(name_en="Mine"), row(slug="other", name_en="Mine too"))
    page = staff.get(upload(staff, wanted).location)
    with shop.database.transaction() as session:
        session.execute(
            update(Product)
            .where(Product.slug == "other")
            .values(name_en="Theirs", updated_at=shop.clock(), revision=Product.revision + 1)
        )

    refused = submit(staff, page, "/execution")

    assert refused.status_code == 409
    ((line, column, words),) = cells_of(refused)
    assert (line, column) == ("3", "slug")
    assert "Somebody changed “other” after this file was checked." in words
    with shop.database.reading() as session:
        names = set(session.scalars(select(Product.name_en)))
    assert names == {"Night garage", "Theirs"}


def test_a_category_gone_since_the_check_stops_the_import(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    page = staff.get(upload(staff, file_of(row())).location)
    with shop.database.transaction() as session:
        session.execute(update(Category).values(slug="renamed"))
    assert submit(staff, page, "/execution").status_code == 409
    assert counts(shop) == (0, 0, 1)


def test_a_file_is_imported_once(staff: FlaskClient, shop: Shop, shelf: Category) -> None:
    page = staff.get(upload(staff, file_of(row())).location)
    assert submit(staff, page, "/execution").status_code == 303
    again = submit(staff, page, "/execution")
    assert again.status_code == 409
    assert "This file was imported already." in again.text
    assert counts(shop) == (1, 1, 1)


def test_the_template_is_a_file_that_only_lacks_its_category(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    answer = staff.get(f"{PAGE}/template.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert upload(staff, answer.data).status_code == 303


def test_an_export_follows_status_and_category(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    shown, hidden = make.product(), make.product(status="draft")

    def slugs(query: str) -> list[str]:
        text = staff.get(f"{EXPORT}?{query}").data.decode("utf-8-sig")
        return [one["slug"] for one in csv.DictReader(StringIO(text))]

    assert slugs("") == [shown.slug, hidden.slug]
    assert slugs("status=draft") == [hidden.slug]
    assert slugs(f"category={shown.category_id}") == [shown.slug]
    assert slugs("status=nonsense&category=nonsense") == [shown.slug, hidden.slug]


def test_checking_costs_no_queries_per_product_that_stays(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    shelf = make.category()

    def cost() -> int:
        body = staff.get(EXPORT).data
        with counted_queries(shop.database.engine) as queries:
            assert upload(staff, body).status_code == 303
        return len(queries)

    make.product(category_id=shelf.id)
    few = cost()
    for _ in range(30):
        make.product(category_id=shelf.id)
    assert cost() == few


def test_files_never_imported_are_forgotten_after_a_week(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row()))
    upload(staff, file_of(row(slug="other")))
    with shop.database.transaction() as session:
        session.execute(
            update(CatalogImport).values(created_at=func.now() - func.make_interval(0, 0, 0, 8))
        )
        forget_stale_files(session, now=shop.clock())
        left = session.scalars(select(CatalogImport.applied_at)).all()
    assert len(left) == 1
    assert left[0] is not None


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
