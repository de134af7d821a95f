"""The sale, end to end: sign in, buy, get a key and a file, and the key is good."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storefront.kit.money import baht
from tests.journeys.visitor import Visit

KEY = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b")
Begin = Callable[..., Visit]


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
@pytest.mark.parametrize(
    ("locale", "buyer", "method", "slug"),
    [
        ("th", "somchai", "balance", "qr-weather"),
        ("en", "anna", "stripe", "qr-minimap"),
    ],
)
def test_a_script_is_bought_and_its_key_is_good(
    visit: Begin, locale: str, buyer: str, method: str, slug: str, javascript: bool
) -> None:
    visitor = visit(locale=locale, javascript=javascript)
    visitor.sign_in(buyer)
    mails_before = len(visitor.mails_to(f"{buyer}@example.com", least=0))

    visitor.fill_wallet(buyer, baht(1_000))
    visitor.add_to_cart(slug)
    visitor.place(method)
    if method == "stripe":
        visitor.page.locator("#pay").click()
    expect(visitor.page).to_have_url(re.compile(r"/checkout/orders/[0-9a-f-]{36}"))
    expect(visitor.page.locator("main")).to_contain_text(re.compile(r"QR-\d{6}"))
    order_number = re.search(r"QR-\d{6}", visitor.page.locator("main").inner_text())
    assert order_number

    key = reveal_newest_key(visitor, slug)
    verdict = visitor.verify(key, product=slug)
    assert (verdict["valid"], verdict["code"]) == (True, "VALID")
    assert verdict["license"]["user"] == buyer
    assert visitor.verify(key, product="qr-garage")["code"] == "PRODUCT_MISMATCH"

    archive = download(visitor, slug)
    assert any(name.endswith("fxmanifest.lua") for name in archive.namelist())

    mails = visitor.mails_to(f"{buyer}@example.com", least=mails_before + 1)
    mine = [mail for mail in mails if order_number.group() in mail["subject"] + mail["text"]]
    assert len(mine) == 1
    thai_letters = re.search(r"[\u0e00-\u0e7f]", mine[0]["subject"])
    assert bool(thai_letters) == (locale == "th")
    assert key not in mine[0]["text"] + mine[0]["html"]


def test_a_declined_card_buys_nothing_and_can_be_tried_again(visit: Begin) -> None:
    visitor = visit(locale="en")
    visitor.sign_in("anna")
    visitor.add_to_cart("qr-queue")
    visitor.place("stripe")
    visitor.page.locator("#decline").click()
    visitor.page.locator("#pay").click()

    expect(visitor.page).to_have_url(re.compile(r"/checkout/orders/"))
    expect(visitor.page.locator("h1")).to_contain_text("Your order is complete")


def test_who_comes_back_without_paying_resumes_or_cancels(visit: Begin) -> None:
    visitor = visit(locale="en")
    visitor.sign_in("anna")
    visitor.add_to_cart("qr-scoreboard")
    visitor.place("stripe")
    visitor.page.locator("#back").click()
    expect(visitor.page).to_have_url(re.compile(r"/checkout/orders/"))
    waiting = visitor.page.url

    visitor.press("form[action$='/payments'] button")
    visitor.page.locator("#back").click()
    expect(visitor.page).to_have_url(waiting)
    visitor.press("form[action$='/cancellation'] button")

    visitor.go("/cart")
    expect(visitor.page.locator("main")).to_contain_text("Scoreboard")


def test_a_page_that_expired_at_the_gateway_says_so(visit: Begin) -> None:
    visitor = visit(locale="en", javascript=False)
    visitor.sign_in("anna")
    visitor.add_to_cart("qr-radial")
    visitor.place("stripe")
    visitor.page.locator("#expire").click()
    visitor.go("/account/orders")
    visitor.page.locator("main a:has-text('QR-')").first.click()
    # The gateway's word comes by webhook and is applied by the worker.
    visitor.reload_until("Time to pay ran out")


def test_a_reload_and_the_back_button_make_no_second_order(visit: Begin) -> None:
    visitor = visit(locale="th")
    visitor.sign_in("somchai")
    before = order_numbers(visitor)
    visitor.fill_wallet("somchai", baht(1_000))
    visitor.add_to_cart("qr-notify")
    visitor.place("balance")
    expect(visitor.page).to_have_url(re.compile(r"/checkout/orders/"))
    visitor.page.reload()
    visitor.page.go_back()
    visitor.page.reload()

    assert len(order_numbers(visitor) - before) == 1


def test_a_guest_keeps_the_cart_through_the_sign_in(visit: Begin) -> None:
    visitor = visit(locale="en", javascript=False)
    visitor.add_to_cart("qr-inventory")
    visitor.go("/checkout")
    visitor.press("#sign-in-instead")
    expect(visitor.page).to_have_url(re.compile(r"/en/sign-in\?next="))
    visitor.press("form[action$='/sign-in/discord'] button[type=submit]")
    visitor.page.locator("#user-somchai").click()

    expect(visitor.page).to_have_url(visitor.url("/checkout"))
    expect(visitor.page.locator("main")).to_contain_text("Inventory")


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
def test_a_top_up_by_card_lands_in_the_wallet(visit: Begin, javascript: bool) -> None:
    visitor = visit(locale="en", javascript=javascript)
    visitor.sign_in("anna", path="/account/wallet")
    before = balance_of(visitor.page)
    form = visitor.page.locator("form[action$='/wallet/topups']")
    # So small an amount brings no bonus.
    form.locator("[name=amount]").fill("120")
    form.locator("label:has([name=pay_by][value=card])").click()
    form.locator("button[type=submit]").click()
    visitor.page.locator("#pay").click()
    expect(visitor.page).to_have_url(re.compile(r"/account/wallet/topups/"))
    visitor.go("/account/wallet")

    assert balance_of(visitor.page) == before + 120


def test_a_cancelled_sign_in_says_so_and_signs_nobody_in(visit: Begin) -> None:
    visitor = visit(locale="th", javascript=False)
    visitor.go("/sign-in")
    visitor.press("form[action$='/sign-in/discord'] button[type=submit]")
    visitor.page.locator("#cancel").click()

    expect(visitor.page.locator("main")).to_be_visible()
    visitor.go("/account")
    expect(visitor.page).to_have_url(re.compile(r"/sign-in\?next="))


def test_the_owner_sees_the_order_with_its_money_and_events(visit: Begin) -> None:
    owner = visit(locale="en")
    owner.sign_in("mali", path="/admin")
    owner.go("/admin/orders?q=100003")
    owner.page.locator("main a:has-text('QR-100003')").first.click()

    main = owner.page.locator("main")
    expect(main).to_contain_text("QR-100003")
    expect(main).to_contain_text("somchai")
    expect(main).to_contain_text("QR Garage")


def test_a_customer_finds_no_back_office(visit: Begin) -> None:
    visitor = visit(locale="en")
    visitor.sign_in("anna")

    assert visitor.go("/admin").status == 404
    assert visitor.go("/admin/orders").status == 404


def order_numbers(visitor: Visit) -> set[str]:
    """The numbers on the first page of one's orders; new ones come first."""
    visitor.go("/account/orders")
    return set(re.findall(r"QR-\d{6}", visitor.page.locator("main").inner_text()))


def reveal_newest_key(visitor: Visit, slug: str) -> str:
    """From the licences page to the newest licence of this product; there press 'show'."""
    visitor.go("/account/licenses")
    tile = visitor.page.locator(f"li[id^='license-']:has(a[href$='#product-{slug}'])").first
    tile.locator("a.tile__name").click()
    visitor.press("form[action*='/key'] button")
    shown = visitor.page.locator("#license-key")
    expect(shown).to_contain_text(KEY)
    found = KEY.search(shown.inner_text())
    assert found, shown.inner_text()
    return found.group()


def download(visitor: Visit, slug: str) -> zipfile.ZipFile:
    """From the downloads page: the newest release of this product, whose copy the worker makes."""
    visitor.go("/account/downloads")
    visitor.press(f"#product-{slug} form[action$='/downloads'] button")
    ready = visitor.page.locator("#copy .result--success form[action$='/downloads'] button")
    ready.wait_for()
    with visitor.page.expect_download() as started:
        ready.click()
    return zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes()))


def balance_of(page: Page) -> int:
    """Baht in the wallet, read from the wallet page."""
    found = re.search(r"฿([\d,]+)", page.locator("main").inner_text())
    assert found
    return int(found.group(1).replace(",", ""))
