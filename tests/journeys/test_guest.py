"""Buying without an account, end to end: card, mail, another browser, and at last Discord."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import expect

from tests.journeys.test_pages import VIEWS, check, examine
from tests.journeys.test_sale import download, reveal_newest_key
from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]
LINK = re.compile(r"https?://\S+?(/(?:en/)?guest/[\w-]{43}\S*)")


@pytest.mark.parametrize(
    ("locale", "javascript", "slug"),
    [("th", False, "qr-weather"), ("en", True, "qr-minimap")],
    ids=["th-nojs", "en-js"],
)
def test_a_guest_buys_by_card_and_takes_it_to_discord_later(
    visit: Begin, locale: str, javascript: bool, slug: str
) -> None:
    address, person = f"guest-{locale}@example.com", f"newcomer-{locale}"
    visitor = visit(locale=locale, javascript=javascript)
    visitor.add_to_cart(slug)

    order_number = buy(visitor, address)
    key = reveal_newest_key(visitor, slug)
    assert visitor.verify(key, product=slug)["license"]["user"] == "guest"
    assert download(visitor, slug).namelist()

    link = mailed_link(visitor, address, order_number)
    phone = visit(locale=locale, javascript=javascript, width=390)
    phone.page.goto(phone.stack.url + link)
    phone.press("#open button[type=submit]")
    expect(phone.page).to_have_url(re.compile(r"/account/(licenses|orders|downloads)"))
    assert reveal_newest_key(phone, slug) == key

    become_a_member(phone, person)
    assert reveal_newest_key(phone, slug) == key
    assert phone.verify(key, product=slug)["license"]["user"] == person
    phone.go("/account/orders")
    expect(phone.page.locator("main")).to_contain_text(order_number)
    # The first browser was the guest's: that is nobody any more.
    visitor.go("/account/licenses")
    expect(visitor.page).to_have_url(re.compile(r"/sign-in\?next="))
    assert phone.page.goto(phone.stack.url + link).status == 410  # type: ignore[union-attr]


def test_a_member_moves_a_purchase_with_the_link(visit: Begin) -> None:
    shopper = visit(locale="en")
    shopper.add_to_cart("qr-hud")
    order_number = buy(shopper, "mover@example.com")
    link = mailed_link(shopper, "mover@example.com", order_number)
    name = introduce(shopper, "mover")
    member = visit(locale="en")
    member.sign_in(name)

    member.page.goto(member.stack.url + link)
    expect(member.page.locator("#move button")).to_contain_text("Move this to @mover")
    member.press("#move button[type=submit]")

    member.go("/account/orders")
    expect(member.page.locator("main")).to_contain_text(order_number)


def test_who_lost_the_mail_asks_for_another(visit: Begin) -> None:
    shopper = visit(locale="en", javascript=False)
    shopper.add_to_cart("qr-radial")
    order_number = buy(shopper, "loser@example.com")
    mailed_link(shopper, "loser@example.com", order_number)
    other = visit(locale="en", javascript=False)

    other.go("/sign-in")
    other.press("main a[href$='/guest/recover']")
    other.page.locator("main [name=email]").fill("Loser@example.com")
    other.press("form[action$='/guest/recover'] button[type=submit]")
    mails = other.mails_to("loser@example.com", least=2)

    found = LINK.search(mails[0]["text"] if "way back" in mails[0]["subject"] else mails[1]["text"])
    assert found
    other.page.goto(other.stack.url + found.group(1))
    other.press("#open button[type=submit]")
    expect(other.page.locator("main")).to_contain_text(order_number)


@pytest.mark.parametrize(("locale", "width", "theme"), VIEWS)
def test_the_pages_of_guests_fit_and_are_accessible(
    visit: Begin, locale: str, width: int, theme: str
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    visitor.add_to_cart("qr-fishing")
    check(visitor, "/cart")
    check(visitor, "/checkout")
    check(visitor, "/guest/recover?sent=1")
    address = f"page-{locale}-{width}@example.com"
    order_number = buy(visitor, address)
    examine(visitor, "the order of a guest")
    for path in ("/account", "/account/guest", "/account/wallet", "/sign-in"):
        check(visitor, path)
    if width == 390:
        visitor.page.set_viewport_size({"width": 390, "height": 844})
        visitor.press("[popovertarget=site-menu]")
        examine(visitor, "the menu of a guest")
    link = mailed_link(visitor, address, order_number)
    visitor.page.goto(visitor.stack.url + link)
    examine(visitor, "a mailed link")
    visitor.page.goto(visitor.url("/guest/" + "A" * 43))
    examine(visitor, "a link that is none")


def buy(visitor: Visit, address: str) -> str:
    """From the cart to the thank-you page, with an address alone; the order's number."""
    visitor.go("/checkout")
    visitor.page.locator("#contact [name=email]").fill(address)
    visitor.page.locator("label:has(#method-stripe)").click()
    visitor.press("form#checkout button[type=submit]")
    visitor.page.locator("#pay").click()
    expect(visitor.page).to_have_url(re.compile(r"/checkout/orders/[0-9a-f-]{36}"))
    expect(visitor.page.locator("main .result--success")).to_be_visible()
    expect(visitor.page.locator("main")).to_contain_text(address)
    found = re.search(r"QR-\d{6}", visitor.page.locator("main").inner_text())
    assert found
    return found.group()


def mailed_link(visitor: Visit, address: str, order_number: str) -> str:
    """The first personal link in the mail about this order, as a path."""
    mails = visitor.mails_to(address)
    (mail,) = [one for one in mails if order_number in one["subject"] + one["text"]]
    found = LINK.search(mail["text"])
    assert found, mail["text"]
    assert found.group(1) in mail["html"].replace("&amp;", "&")
    return found.group(1)


def introduce(visitor: Visit, username: str) -> str:
    """Somebody new at Discord."""
    requests.post(
        f"{visitor.stack.sandbox_url}/control/discord/users",
        json={"id": f"4{abs(hash(username)) % 10**17:017d}", "username": username},
        timeout=10,
    ).raise_for_status()
    return username


def become_a_member(visitor: Visit, username: str) -> None:
    """Press what every page of a guest offers, and agree at Discord."""
    introduce(visitor, username)
    visitor.go("/account")
    visitor.press("#keep")
    visitor.press("form[action$='/sign-in/discord'] button[type=submit]")
    visitor.page.locator(f"#user-{username}").click()
    expect(visitor.page).to_have_url(visitor.url("/account"))
