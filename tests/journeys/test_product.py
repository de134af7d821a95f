"""A product's page in all its states, looked at and used: on a phone and on a desk, in both
languages, with JavaScript and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from jobs.alerts import tell_who_waits
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.db import Database
from storefront.kit.money import baht
from tests.journeys.test_pages import VIEWS, check
from tests.journeys.visitor import Visit
from tests.storefront.catalog.rows import add_image, add_tier, set_stock
from tests.support.factories import Factory

Begin = Callable[..., Visit]
VIDEO = "https://www.youtube.com/watch?v=example"
MEMBERS_STATES = ("owned", "partly-owned", "all-owned")


@dataclass(frozen=True, slots=True)
class Shelf:
    """The shop behind the stack, and a product in each state, by the state's name."""

    shop: Shop
    products: dict[str, Product]

    def path(self, state: str) -> str:
        """Where it is shown."""
        return f"/products/{self.products[state].slug}"


@pytest.fixture(scope="module")
def shelf(backstage: Shop) -> Shelf:
    """Products of these tests alone, beside those the demo is filled with. somchai owns QR Garage
    there."""
    return Shelf(backstage, _products(backstage.database, Factory(backstage.database)))


def _products(database: Database, make: Factory) -> dict[str, Product]:
    shelf_id = make.category("journeys").id
    with database.reading() as session:
        garage = session.scalars(select(Product).where(Product.slug == "qr-garage")).one()

    def product(state: str, *, stock: int = -1, **values: object) -> Product:
        return make.product(
            slug=f"journey-{state}",
            name_en=f"Journey {state}",
            name_th=f"ทดลอง {state}",
            category_id=shelf_id,
            price=baht(1_000),
            stock=stock,
            **values,
        )

    found = {
        "plain": product("plain"),
        "flash": product("flash"),
        "tiers": product("tiers", stock=3),
        "pictures": product("pictures", video_url=VIDEO, cover="covers/qr-hud"),
        "sold-out": product("sold-out", stock=0),
        "all-tiers-sold-out": product("all-tiers-sold-out", stock=0),
        "soon": product("soon", status="coming_soon"),
        "owned": garage,
    }
    make.flash_sale(found["flash"], price=baht(700), units=3)
    add_tier(database, found["tiers"], price=baht(1_900))
    add_tier(database, found["tiers"], price=baht(3_900), stock=0, code="network", position=2)
    add_tier(database, found["all-tiers-sold-out"], price=baht(1_900), stock=0)
    for position, stem in enumerate(("covers/qr-hud", "covers/qr-banking", "covers/qr-weather")):
        add_image(database, found["pictures"], position, stem=stem)
    found["bundle"] = make.bundle(found["plain"], found["flash"], price=baht(1_500))
    found["partly-owned"] = make.bundle(garage, found["plain"], price=baht(1_200))
    found["all-owned"] = make.bundle(garage, price=baht(500))
    return found


@pytest.mark.parametrize(("locale", "width", "theme"), VIEWS)
def test_every_state_fits_and_is_accessible(
    visit: Begin, shelf: Shelf, locale: str, width: int, theme: str
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    for state in shelf.products:
        if state not in MEMBERS_STATES:
            check(visitor, shelf.path(state))
    visitor.sign_in("somchai")
    for state in shelf.products:
        check(visitor, shelf.path(state))
    check(visitor, "/products?category=journeys")


@pytest.mark.parametrize("locale", ["th", "en"])
@pytest.mark.parametrize("javascript", [True, False])
def test_the_chosen_tier_is_the_one_in_the_cart(
    visit: Begin, shelf: Shelf, javascript: bool, locale: str
) -> None:
    visitor = visit(locale=locale, javascript=javascript)
    page = visitor.page
    visitor.go(shelf.path("tiers"))
    page.locator("a.tier").nth(1).click()
    expect(page.locator("a.tier[aria-current]")).to_contain_text("1,900")
    expect(page.locator(".buy__price")).to_contain_text("1,900")
    assert "tier=" in page.url
    if javascript:
        assert page.evaluate("document.activeElement.className") == "tier"
    with page.expect_response(re.compile(r"/cart/lines$")):
        page.locator("#buy-button").click()
    page.wait_for_load_state()
    visitor.go("/cart")
    expect(page.locator("main")).to_contain_text("1,900")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("javascript", [True, False])
def test_pictures_are_turned_by_mouse_and_by_keyboard(
    visit: Begin, shelf: Shelf, javascript: bool, width: int
) -> None:
    visitor = visit(locale="en", javascript=javascript, width=width)
    page = visitor.page
    visitor.go(shelf.path("pictures"))
    page.locator("#gallery-next").click()
    expect(page.locator(".gallery__count")).to_have_text("2 / 3")
    page.locator("#thumb-3").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".gallery__count")).to_have_text("3 / 3")
    assert "qr-weather" in (page.locator(".gallery__front img").get_attribute("src") or "")
    if javascript:
        assert page.evaluate("document.activeElement.id") == "thumb-3"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("javascript", [True, False])
def test_what_has_just_been_sold_is_said_beside_the_button(
    visit: Begin, shelf: Shelf, javascript: bool, width: int
) -> None:
    visitor = visit(locale="en", javascript=javascript, width=width)
    product = shelf.products["tiers"]
    visitor.go(shelf.path("tiers"))
    set_stock(shelf.shop.database, product, 0)
    try:
        visitor.page.locator("#buy-button").click()
        expect(visitor.page.locator("#buy")).to_contain_text("Somebody was faster")
        assert f"/products/{product.slug}" in visitor.page.url
    finally:
        set_stock(shelf.shop.database, product, 3)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("javascript", [True, False])
def test_who_waits_is_told_here_and_by_mail(
    visit: Begin, shelf: Shelf, javascript: bool, width: int
) -> None:
    visitor = visit(locale="en", javascript=javascript, width=width)
    page, product = visitor.page, shelf.products["sold-out"]
    address = "anna@example.com"
    mails_before = len(visitor.mails_to(address, least=0))
    visitor.go(shelf.path("sold-out"))
    page.locator(".tell-me button").first.click()
    # Whoever is not signed in comes back to the page afterwards.
    visitor.press("form[action$='/sign-in/discord'] button[type=submit]")
    page.locator("#user-anna").click()
    expect(page).to_have_url(visitor.url(shelf.path("sold-out")))
    page.locator("#buy .tell-me button").click()
    expect(page.locator("#buy .tell-me")).to_contain_text("We will tell you")
    visitor.go("/account/notifications")
    expect(page.locator("#waiting")).to_contain_text(product.name_en)
    notices = page.get_by_text(f"You can buy {product.name_en} now")
    notices_before = notices.count()

    set_stock(shelf.shop.database, product, 1)
    try:
        tell_who_waits(shelf.shop)
        page.reload()
        expect(notices).to_have_count(notices_before + 1)
        expect(page.locator("#waiting")).to_have_count(0)
        mails = visitor.mails_to(address, least=mails_before + 1)
        assert len(mails) == mails_before + 1
        assert product.slug in mails[0]["text"] + mails[-1]["text"]
        notices.first.click()
        expect(page.locator("#buy-button")).to_be_visible()
    finally:
        set_stock(shelf.shop.database, product, 0)


@pytest.mark.parametrize("javascript", [True, False])
def test_an_alert_is_taken_back(visit: Begin, shelf: Shelf, javascript: bool) -> None:
    visitor = visit(locale="th", javascript=javascript)
    page = visitor.page
    visitor.sign_in("anna", path="/products?category=journeys")
    bell = page.locator(f".card:has(a[href$='{shelf.path('soon')}']) .tell-me button")
    with page.expect_response(re.compile(r"/alerts$")):
        bell.click()
    page.wait_for_load_state()
    visitor.go(shelf.path("soon"))
    kept = page.locator("#buy .tell-me__kept")
    expect(kept).to_be_visible()
    page.locator("#buy .tell-me button").click()
    expect(kept).to_have_count(0)
