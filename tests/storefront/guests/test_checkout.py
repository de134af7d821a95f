"""Buying with an e-mail address alone, in a browser without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from storefront.accounts.models import SignInSession
from storefront.bootstrap import Shop
from storefront.cart.models import CartLine
from storefront.catalog.models import Variant
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import OrderState
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.models import TopUp
from tests.storefront.guests.browsing import (
    NOK,
    at_gateway,
    buy_by_card,
    fill_cart,
    guests,
    is_signed_in_as,
    links_in,
    mails_to,
    orders,
    pay_late,
    place,
)
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """A browser of somebody nobody knows; it sends whole forms, CSRF token included."""
    return app.test_client()


def test_a_guest_pays_by_card_and_has_keys_files_and_a_mail_with_a_way_back(
    shop: Shop, browser: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    back = buy_by_card(browser, make.product(price=baht(490)), email=" Nok.New+1@Example.COM ")

    page = text_of_page(browser.get(back))
    (guest,), (order,) = guests(shop), orders(shop)
    assert "Your order is complete" in page
    assert "nok.new+1@example.com" in page
    assert (guest.email, guest.email_verified) == ("nok.new+1@example.com", False)
    assert (guest.username, guest.display_name, guest.discord_id) == ("guest", "Guest", None)
    assert (order.user_id, order.email, order.state) == (guest.id, guest.email, "completed")
    for path in ("/account", "/account/orders", f"/account/orders/{order.id}", "/account/wallet"):
        assert browser.get("/en" + path).status_code == 200, path
    listed = browser.get("/en/account/licenses").text
    licence = browser.get(re.findall(r'href="(/en/account/licenses/[^"]+)"', listed)[0])
    assert re.search(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", submit(browser, licence, "/key").text)
    downloads = browser.get("/en/account/downloads")
    assert "1.0.0" in downloads.text
    (mail,) = mails_to(shop, sandbox, "nok.new+1@example.com")
    assert order.reference in mail["subject"]
    assert any("/account/licenses" in link for link in links_in(mail))


def test_the_header_says_who_is_here_and_how_to_keep_it(
    browser: FlaskClient, make: Factory
) -> None:
    buy_by_card(browser, make.product())

    page = browser.get("/en/products")

    assert "Signed in with Discord" not in page.text
    for words in ("Guest", NOK, "Sign in with Discord to keep this"):
        assert words in page.text
    assert "/en/sign-in?next=/en/products" in page.text


def test_a_guest_pays_by_promptpay(shop: Shop, browser: FlaskClient, make: Factory) -> None:
    fill_cart(browser, make.product(price=baht(490)))
    placed = place(browser, method="promptpay")
    page = browser.get(placed.location)

    assert "promptpay.svg" in page.text
    (order,) = orders(shop)
    assert browser.get(f"/checkout/orders/{order.id}/promptpay.png").status_code == 200


def test_a_free_order_of_a_guest_is_delivered_at_once(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=Money(0)))
    placed = submit(browser, browser.get("/en/checkout"), "/checkout", email=NOK)

    assert "Your order is complete" in text_of_page(browser.get(placed.location))
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(License)) == 1


def test_the_checkout_of_a_stranger_asks_for_an_address_and_offers_discord(
    browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=baht(490)))

    page = browser.get("/en/checkout")

    assert "E-mail for keys and receipt" in page.text
    assert "Sign in with Discord instead" in page.text
    assert "/en/sign-in?next=/en/checkout" in page.text
    assert 'value="balance"' not in page.text
    assert "Top up what is missing" not in page.text
    assert "Wallet" not in text_of_page(page)


def test_an_empty_cart_of_a_stranger_leads_back_to_the_cart(browser: FlaskClient) -> None:
    answer = browser.get("/en/checkout")

    assert (answer.status_code, answer.location) == (303, "/en/cart")


@pytest.mark.parametrize(
    "email",
    [
        *("", "  ", "nok", "nok@", "@example.com", "nok@example", "nok @example.com", "a@b..com"),
        *("nok@example.com, eve@example.com", "nok@example.com\r\nBcc: eve@example.com"),
        *("น@example.com", "nok@ตลาด.ไทย", "<nok@example.com>", "a" * 65 + "@example.com"),
        *("nok@" + "a" * 64 + ".com", "a@" + "b." * 130 + "com", "nok@example.com\x00"),
    ],
)
def test_what_is_no_address_is_explained_and_nothing_is_lost(
    shop: Shop, browser: FlaskClient, make: Factory, email: str
) -> None:
    fill_cart(browser, make.product(price=baht(490)))

    refused = place(browser, email=email)

    assert refused.status_code == 422
    assert "Write an e-mail address we can send to" in text_of_page(refused)
    assert (orders(shop), guests(shop)) == ([], [])
    again = submit(browser, refused, "/checkout", method="stripe", email=NOK)
    assert again.status_code == 303
    assert len(orders(shop)) == 1


def test_a_method_that_was_forged_is_refused_like_for_members(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=baht(490)))

    assert place(browser, method="balance").status_code == 409
    assert place(browser, method="free").status_code == 422
    assert (orders(shop), guests(shop)) == ([], [])


def test_what_sold_out_meanwhile_leaves_neither_guest_nor_sign_in_and_the_cart_as_it_was(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(490), stock=1)
    fill_cart(browser, product)
    page = browser.get("/en/checkout")
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(sold=1))

    refused = submit(browser, page, "/checkout", email=NOK, method="stripe")

    assert refused.status_code == 409
    assert "Somebody was faster" in text_of_page(refused)
    assert f'value="{NOK}"' in refused.text
    assert (orders(shop), guests(shop)) == ([], [])
    assert is_signed_in_as(browser, shop) is None
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(CartLine)) == 1


def test_a_double_click_is_one_guest_and_one_order(
    shop: Shop, app: Flask, browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=baht(490)))
    page = browser.get("/en/checkout")
    twin = copy_of(browser, app)

    first, second = (
        submit(one, page, "/checkout", email=NOK, method="stripe") for one in (browser, twin)
    )

    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert len(guests(shop)) == len(orders(shop)) == 1
    assert is_signed_in_as(browser, shop) == is_signed_in_as(twin, shop) == guests(shop)[0].id


def test_the_same_form_with_other_words_shows_the_order_that_was_made(
    shop: Shop, app: Flask, browser: FlaskClient, make: Factory
) -> None:
    """Perhaps the answer got lost: the browser must not be left without a way to its order."""
    fill_cart(browser, make.product(price=baht(490)))
    page = browser.get("/en/checkout")
    twin = copy_of(browser, app)
    submit(browser, page, "/checkout", email=NOK, method="stripe")

    again = submit(twin, page, "/checkout", email="other@example.com", method="promptpay")

    (order,) = orders(shop)
    assert again.location == f"/en/checkout/orders/{order.id}"
    page = twin.get(again.location)
    assert "already used for another order" in text_of_page(page)
    assert (order.email, order.payment_method) == (NOK, "stripe")


def test_a_cart_somebody_planted_does_not_lead_to_the_guest_who_bought_it(
    shop: Shop, app: Flask, browser: FlaskClient, make: Factory
) -> None:
    """Session fixation: whoever knows the cookie from before the purchase, but not the form."""
    fill_cart(browser, make.product(price=baht(490)))
    planter = copy_of(browser, app)
    own_form = planter.get("/en/checkout")
    place(browser)

    answer = submit(planter, own_form, "/checkout", email=NOK, method="stripe")

    assert answer.status_code == 303
    assert answer.location == "/en/cart"
    assert is_signed_in_as(planter, shop) is None
    assert len(guests(shop)) == 1
    (order,) = orders(shop)
    assert planter.get(f"/account/orders/{order.id}").status_code == 303


def test_placing_an_order_changes_the_cookie_and_keeps_nothing_planted(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=baht(490)))
    with browser.session_transaction() as cookie:
        cookie["planted"] = "x"
        before = cookie["csrf_token"]

    place(browser)

    with browser.session_transaction() as cookie:
        assert "planted" not in cookie
        assert "cart" not in cookie
        assert cookie.get("csrf_token") != before
        assert cookie.permanent
        token = cookie["_user_id"]
    with shop.database.reading() as session:
        assert session.scalars(select(SignInSession.token_hash)).one() != token


def test_typing_the_address_of_somebody_shows_nothing_of_theirs(
    shop: Shop, app: Flask, browser: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(490))
    buy_by_card(browser, product)
    (theirs,) = orders(shop)
    stranger = app.test_client()

    buy_by_card(stranger, product)

    assert len(guests(shop)) == 2
    page = stranger.get("/en/account/orders")
    assert theirs.reference not in page.text
    assert stranger.get(f"/en/account/orders/{theirs.id}").status_code == 404


def test_a_member_with_that_address_is_not_touched(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    member = make.user(email=NOK)

    buy_by_card(browser, make.product(price=baht(490)))

    (order,) = orders(shop)
    assert order.user_id != member.id


def test_an_order_survives_a_gateway_that_is_away_and_the_guest_can_pay_later(
    shop: Shop,
    browser: FlaskClient,
    make: Factory,
    sandbox: RunningSandbox,
    trouble: Callable[[], None],
) -> None:
    fill_cart(browser, make.product(price=baht(490)))
    page = browser.get("/en/checkout")
    trouble()

    placed = submit(browser, page, "/checkout", email=NOK, method="stripe")

    (order,) = orders(shop)
    assert placed.location == f"/en/checkout/orders/{order.id}"
    page = browser.get(placed.location)
    assert "Your order is kept" in text_of_page(page)
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    resumed = submit(browser, page, "/payments")
    page = browser.get(at_gateway(resumed.location, "pay"))
    assert "Your order is complete" in text_of_page(page)


def test_a_guest_who_buys_again_is_the_same_guest(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    buy_by_card(browser, make.product(price=baht(490)))
    fill_cart(browser, make.product(price=baht(100)))
    page = browser.get("/en/checkout")
    assert f"We send it to {NOK}." in text_of_page(page)
    assert 'name="email"' not in page.text

    placed = submit(browser, page, "/checkout", method="stripe")

    assert placed.status_code == 303
    assert len(guests(shop)) == 1
    assert [order.email for order in orders(shop)] == [NOK, NOK]


def test_money_that_came_too_late_pays_the_next_order_of_a_guest(
    shop: Shop, browser: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    fill_cart(browser, make.product(price=baht(490)))
    place(browser)
    pay_late(shop, sandbox, orders(shop)[0].id)

    wallet = browser.get("/en/account/wallet")
    assert "฿490" in text_of_page(wallet)
    assert "Sign in with Discord" in text_of_page(wallet)
    assert "/account/wallet/topups" not in wallet.text
    page = browser.get("/en/checkout")
    assert 'value="balance"' in page.text
    paid = submit(browser, page, "/checkout", method="balance")
    assert "Your order is complete" in text_of_page(browser.get(paid.location))


def test_a_guest_cannot_top_up_however_the_form_is_sent(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    buy_by_card(browser, make.product(price=baht(490)))
    token = forms_of(browser.get("/en/account/guest"))[0].fields["csrf_token"]

    answer = browser.post(
        "/en/account/wallet/topups",
        data={
            "csrf_token": token,
            "amount": "100",
            "package": "other",
            "pay_by": "card",
            "idempotency_key": "k" * 20,
        },
    )

    assert answer.status_code == 409
    assert "Sign in with Discord to top up" in text_of_page(answer)
    with shop.database.reading() as session:
        assert session.scalars(select(TopUp)).all() == []


def test_a_cancelled_order_of_a_guest_lies_in_the_cart_again(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=baht(490)))
    place(browser)
    (order,) = orders(shop)

    submit(browser, browser.get(f"/en/checkout/orders/{order.id}"), "/cancellation")

    assert orders(shop)[0].state == OrderState.CANCELLED
    assert "฿490" in text_of_page(browser.get("/en/cart"))


def test_a_guest_without_script_and_in_thai_comes_as_far(
    shop: Shop, browser: FlaskClient, make: Factory
) -> None:
    fill_cart(browser, make.product(price=baht(490)))

    placed = submit(browser, browser.get("/checkout"), "/checkout", email=NOK, method="stripe")

    back = at_gateway(placed.location, "pay")
    assert back.startswith("/checkout/orders/")
    assert browser.get(back).status_code == 200
    assert (guests(shop)[0].locale, orders(shop)[0].locale) == ("th", "th")


def copy_of(browser: FlaskClient, app: Flask) -> FlaskClient:
    """Another browser with the same cookie, as it is now."""
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = browser.get_cookie(name)
    assert cookie is not None
    twin = app.test_client()
    twin.set_cookie(name, cookie.value)
    return twin
