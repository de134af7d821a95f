"""Every page, in both languages, on a phone and on a desk: it answers, fits, and axe is content.

Whether a page fits is seen at both widths of every visit. axe takes ten times as long: it looks at
what everybody sees in both languages, at half of the other pages in one and at the other half in
the other; with --long at everything in both, and at both widths."""

from __future__ import annotations

import re
from collections.abc import Callable
from zlib import crc32

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from storefront.kit.money import baht
from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OTHER_WIDTH = {390: 1280, 1280: 390}
VIEWS = [("th", 390, "light"), ("en", 1280, "dark")]
PUBLIC = [
    "/",
    "/products",
    "/products?q=HUD",
    "/products?q=zzzz-nothing",
    "/products/qr-garage",
    "/products/qr-racing",
    "/products/qr-courier",
    "/products/qr-starter-city",
    "/cart",
    "/sign-in",
    "/guest/recover",
    "/guide/licenses",
    "/guide/licenses?product=qr-garage",
    "/claim",
    "/no-such-page",
]
MEMBER = [
    "/account",
    "/account/orders",
    "/account/licenses",
    "/account/downloads",
    "/account/wallet",
    "/account/wallet/statements",
    "/account/receipts",
    "/account/notifications",
    "/account/sessions",
    "/checkout",
]
# somchai's oldest licences: asked about by more servers than it has places, withdrawn, ended.
OLD_LICENSES = [f".tiles > :nth-last-child({place}) a.tile__name" for place in (3, 2, 1)]
STAFF = [
    *("/admin", "/admin/payments", "/admin/payments?q=nobody", "/admin/ledger"),
    *("/admin/ledger/accounts", "/admin/webhooks", "/admin/jobs", "/admin/jobs?state=pending"),
    *("/admin/refunds", "/admin/disputes", "/admin/receipts", "/admin/settings/seller"),
    *("/admin/licenses", "/admin/license-flags", "/admin/leaks", "/admin/outgoing/new"),
    "/admin/tebex/packages",
]
# Lists of the back office whose first row is opened as well.
STAFF_LISTS = [
    *("/admin/orders", "/admin/licenses?state=flagged", "/admin/tebex", "/admin/discord-roles"),
    *("/admin/outgoing", "/admin/outgoing/deliveries", "/admin/products"),
]
ROW = "main th a"


def check(visitor: Visit, path: str) -> None:
    answer = visitor.go(path)
    assert answer.status == (404 if path == "/no-such-page" else 200), path
    examine(visitor, path)


def follow(visitor: Visit, link: str) -> None:
    """Look at what the first such link leads to."""
    found = visitor.page.locator(link).first
    answer = visitor.page.goto(found.evaluate("(one) => one.href"))
    assert answer, link
    path = visitor.page.url.removeprefix(visitor.url(""))
    assert answer.status == 200, path
    # Ids are others in every run; what axe looks at should not be.
    examine(visitor, UUID.sub("1", path))


def examine(visitor: Visit, path: str) -> None:
    """At the width the browser has, and at the other, where it stays: to draw a page once more just
    to leave it would cost as much as to load it."""
    page = visitor.page
    assert page.locator("h1").count() == 1, path
    assert page.locator("html").get_attribute("lang") == visitor.locale
    assert_it_fits(visitor, path)
    is_turn = crc32(path.encode()) % 2 == (visitor.locale == "th")
    if visitor.is_thorough or path in PUBLIC or is_turn:
        assert_axe_is_content(visitor, path)
    size = page.viewport_size
    assert size
    page.set_viewport_size({**size, "width": OTHER_WIDTH[size["width"]]})
    assert_it_fits(visitor, path)
    if visitor.is_thorough:
        assert_axe_is_content(visitor, path)


def assert_axe_is_content(visitor: Visit, path: str) -> None:
    found = Axe().run(visitor.page)
    assert found.violations_count == 0, f"{path}\n{found.generate_report()}"


def assert_it_fits(visitor: Visit, path: str) -> None:
    wide = visitor.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, f"{path} is {wide} px too wide at {visitor.page.viewport_size}"


@pytest.mark.parametrize(("locale", "width", "theme"), VIEWS)
def test_public_pages_fit_and_are_accessible(
    visit: Begin, locale: str, width: int, theme: str
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    for path in PUBLIC:
        check(visitor, path)


@pytest.mark.parametrize(("locale", "width", "theme"), VIEWS)
def test_account_pages_fit_and_are_accessible(
    visit: Begin, locale: str, width: int, theme: str
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    visitor.sign_in("somchai")
    visitor.add_to_cart("qr-fishing")
    for path in MEMBER:
        check(visitor, path)
    # What only an order brings: the thank-you page, the order, the key that is shown.
    visitor.fill_wallet("somchai", baht(1_000))
    visitor.place("balance")
    visitor.page.wait_for_url("**/checkout/orders/*")
    placed = visitor.page.url.removeprefix(visitor.url(""))
    check(visitor, placed)
    check(visitor, placed.replace("/checkout/", "/account/"))
    for papers in ("/account/receipts", "/account/wallet/statements"):
        visitor.go(papers)
        visitor.press("main th a")
        visitor.page.locator("article.paper").wait_for()
        examine(visitor, f"a paper of {papers}")
    for license in OLD_LICENSES:
        visitor.go("/account/licenses")
        follow(visitor, license)
    visitor.go("/account/licenses")
    visitor.press("a.tile__name")
    visitor.press("form[action*='/key'] button")
    visitor.page.locator("[data-copy]").first.wait_for()
    examine(visitor, "a shown key")


@pytest.mark.parametrize(("locale", "width", "theme"), VIEWS)
def test_staff_pages_fit_and_are_accessible(
    visit: Begin, locale: str, width: int, theme: str
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    visitor.sign_in("mali")
    for path in STAFF:
        check(visitor, path)
    for path in STAFF_LISTS:
        check(visitor, path)
        follow(visitor, ROW)
    # The last of them is a product: its versions, one of them, and the upload of another.
    follow(visitor, "main a[href$='/releases']")
    versions = visitor.page.url
    follow(visitor, ROW)
    visitor.page.goto(versions)
    follow(visitor, "main a[href$='/releases/new']")


def test_the_menu_of_the_back_office_opens_on_a_phone_without_script(visit: Begin) -> None:
    visitor = visit(locale="en", width=390, javascript=False)
    visitor.go("/sign-in?next=/en/admin")
    visitor.press("form[action$='/sign-in/discord'] button[type=submit]")
    visitor.page.locator("#user-mali").click()
    link = visitor.page.get_by_role("link", name="Ledger")
    expect(link).to_have_count(0)

    visitor.press("[popovertarget=admin-menu]")
    link.click()

    expect(visitor.page).to_have_url(visitor.url("/admin/ledger"))
    expect(visitor.page.locator("#admin-menu [aria-current=page]")).to_have_text("Ledger")


def test_the_first_tab_stop_skips_to_the_content(visit: Begin) -> None:
    visitor = visit(locale="en")
    visitor.go("/")
    visitor.page.keyboard.press("Tab")
    skip = visitor.page.locator(":focus")
    assert (skip.get_attribute("href") or "").startswith("#")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("location.hash.length") > 1


def test_the_language_switch_keeps_the_page(visit: Begin) -> None:
    visitor = visit(locale="th")
    visitor.go("/products?q=HUD")
    link = visitor.page.locator("a[hreflang=en]:visible").first
    assert (link.get_attribute("href") or "").endswith("/en/products?q=HUD")
