"""Catalogue files as tests write and upload them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import BytesIO, StringIO

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from storefront.bootstrap import Shop
from storefront.catalog.csv_files.rules import COLUMNS
from storefront.catalog.models import CatalogImport, Product, Variant
from tests.support.browser import submit, text_of_page

PAGE = "/en/admin/imports"
EXPORT = f"{PAGE}/products.csv"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
Row = dict[str, str]


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
