"""A seller puts products on flash sale, changes prices by file, and reads it all in the audit."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from playwright.sync_api import Page, expect

from storefront.kit.clock import in_shop_zone
from tests.journeys.test_pages import VIEWS, examine
from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]


def tomorrow() -> str:
    """As a browser sends it from a datetime-local control."""
    return in_shop_zone(datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")


def plan_sale(visitor: Visit, slug: str, price: str) -> None:
    """Fill the form in by hand: search, add, price, end, save."""
    page = visitor.page
    visitor.go("/admin/flash-sales/new")
    page.fill("#name_th", "คืนเดียว")
    page.fill("#name_en", "One night")
    page.fill("#find", slug)
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator(".sale-found button").first.click()
    page.locator("input[name^=price-]").fill(price)
    page.fill("#ends_at", tomorrow())
    page.get_by_role("button", name="Update preview").last.click()
    expect(page.locator("#preview")).to_contain_text(f"฿{price}")
    page.get_by_role("button", name="Save flash sale").click()
    expect(page.locator(".flashes")).to_contain_text("The flash sale is saved.")


def price_on_page(page: Page) -> str:
    """The price in the box of the product's page."""
    return page.locator(".price__now").first.inner_text()


@pytest.mark.parametrize(("javascript", "slug"), [(True, "qr-shops"), (False, "qr-farming")])
def test_a_seller_starts_a_sale_sees_the_price_fall_and_ends_it(
    visit: Begin, javascript: bool, slug: str
) -> None:
    visitor = visit(locale="en", javascript=javascript)
    page = visitor.page
    visitor.sign_in("mali")
    visitor.go(f"/products/{slug}")
    before = price_on_page(page)

    plan_sale(visitor, slug, "99")
    sale = page.url.removeprefix(visitor.url(""))
    visitor.go(f"/products/{slug}")
    assert price_on_page(page) == "฿99"
    expect(page.locator(".price__was").first).to_contain_text(before)

    visitor.go(sale)
    page.locator("#end summary").click()
    page.get_by_role("button", name="End the sale now").click()
    expect(page.locator(".flashes")).to_contain_text("Prices are back to normal.")
    visitor.go(f"/products/{slug}")
    assert price_on_page(page) == before

    visitor.go("/admin/audit?subject=flash_sale")
    expect(page.locator("main")).to_contain_text("Ended a flash sale")


def test_a_seller_changes_a_price_by_file(visit: Begin) -> None:
    visitor = visit(locale="en", javascript=False)
    page = visitor.page
    visitor.sign_in("mali")
    body = page.request.get(visitor.url("/admin/imports/products.csv")).text()
    rows = list(csv.DictReader(StringIO(body.removeprefix("\ufeff"))))
    for row in rows:
        if (row["slug"], row["tier_code"]) == ("qr-loading", "studio"):
            row["tier_price"] = "495"
    text = StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)

    visitor.go("/admin/imports")
    page.set_input_files(
        "#field-file",
        {"name": "prices.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()},
    )
    page.get_by_role("button", name="Check the file").click()
    expect(page.locator("#plan")).to_contain_text("studio.tier_price")
    assert page.locator("#plan tbody tr").count() == 1
    page.get_by_role("button", name="Import now").click()

    expect(page.locator(".flashes")).to_contain_text("0 created, 1 changed")
    visitor.go("/admin/audit?action=change_product")
    expect(page.locator("main")).to_contain_text(re.compile(r"studio: Price.*฿490.*฿495", re.S))


@pytest.mark.parametrize(("locale", "width", "theme"), VIEWS)
def test_sales_files_and_audit_fit_and_are_accessible(
    visit: Begin, locale: str, width: int, theme: str
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    visitor.sign_in("mali")
    for path in (
        "/admin/flash-sales",
        "/admin/flash-sales/new",
        "/admin/imports",
        "/admin/audit",
        "/admin/audit?action=none",
    ):
        assert visitor.go(path).status == 200
        examine(visitor, path)
    visitor.go("/admin/flash-sales")
    visitor.page.locator("main th a").first.click()
    examine(visitor, "a running sale")
    visitor.go("/admin/flash-sales/new")
    visitor.page.locator("button[name=save]").click()
    visitor.page.locator("[role=alert]").first.wait_for()
    examine(visitor, "a refused sale")
