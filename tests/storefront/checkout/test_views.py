"""The checkout pages in a browser without JavaScript, against the gateway of the sandbox."""

import re
from collections.abc import Callable

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update
from werkzeug.test import TestResponse

from storefront.accounts.models import User
from storefront.catalog.models import Product, Variant
from storefront.db import Database
from storefront.kit.money import Money, baht
from storefront.orders.models import Order, OrderState
from storefront.sandbox.world.running import RunningSandbox
from storefront.wallet.queries import find_balance
from tests.storefront.orders.purchases import MEMBER_CEILING
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory

SignIn = Callable[[FlaskClient, User], None]
UNKNOWN_ID = "01a1fcf8-0000-7000-8000-000000000000"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def user(make: Factory) -> User:
    """The buyer."""
    return make.user()


@pytest.fixture
def buyer(app: Flask, user: User, sign_in: SignIn) -> FlaskClient:
    """The buyer's browser; it sends whole forms, CSRF token included."""
    buyer = app.test_client()
    sign_in(buyer, user)
    return buyer


def test_what_belongs_to_an_order_asks_for_a_sign_in_and_comes_back(app: Flask) -> None:
    page = f"/checkout/orders/{UNKNOWN_ID}"
    answer = app.test_client().get(page)
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next={page}")


def test_an_empty_cart_leads_back_to_the_cart(buyer: FlaskClient) -> None:
    answer = buyer.get("/en/checkout")
    assert (answer.status_code, answer.location) == (303, "/en/cart")


def test_a_cart_that_cannot_be_bought_leads_back_to_the_cart(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    product = make.product(stock=1)
    make.cart(user, (product, 1))
    _change(database, product, sold=1)
    answer = buyer.get("/en/checkout")
    assert answer.location == "/en/cart"
    assert "look at the marked items" in text_of_page(buyer.get(answer.location))


def test_the_button_names_the_amount_and_the_wallet_pays_at_once(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    product = make.product(price=baht(490))
    make.cart(user, (product, 2))
    make.wallet(user, baht(1000))
    page = buyer.get("/en/checkout")
    assert "Pay ฿980" in text_of_page(page)
    assert user.email is not None
    assert user.email in text_of_page(page)
    placed = submit(buyer, page, "/checkout")
    assert placed.status_code == 303
    page = buyer.get(placed.location)
    text = text_of_page(page)
    assert "Your order is complete" in text
    assert re.search(r"QR-\d+", text)
    assert text.count("Show key") == 2
    assert text.count("Download") >= 2
    assert _balance(database, user) == baht(20)


def test_a_wallet_that_is_short_is_disabled_and_the_gap_can_be_topped_up(
    buyer: FlaskClient, make: Factory, user: User
) -> None:
    make.cart(user, (make.product(price=Money(49_050)), 1))
    make.wallet(user, baht(100))
    page = buyer.get("/en/checkout")
    assert "Your wallet is ฿390.50 short." in text_of_page(page)
    assert "/en/account/wallet?amount=390.50" in page.text
    assert re.search(r'value="balance"[^>]* disabled', page.text)
    refused = submit(buyer, page, "/checkout", method="balance")
    assert refused.status_code == 409
    assert "does not hold enough" in text_of_page(refused)


def test_a_free_order_needs_no_method(buyer: FlaskClient, make: Factory, user: User) -> None:
    make.cart(user, (make.product(price=Money(0)), 1))
    page = buyer.get("/en/checkout")
    assert "This order is free." in text_of_page(page)
    assert "How do you want to pay?" not in text_of_page(page)
    placed = submit(buyer, page, "/checkout")
    assert "Your order is complete" in text_of_page(buyer.get(placed.location))


def test_nobody_can_order_for_free_by_asking_for_it(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    make.cart(user, (make.product(price=baht(490)), 1))
    page = buyer.get("/en/checkout")
    for forged in (
        {"method": "free"},
        {"expected_total": "0"},
        {"method": "free", "expected_total": "0"},
        {"method": "balance", "expected_total": "0"},
    ):
        assert submit(buyer, page, "/checkout", **forged).status_code in (409, 422)
    assert _orders(database) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", ""),
        ("method", "bitcoin"),
        ("expected_total", ""),
        ("expected_total", "-1"),
        ("expected_total", "1e9"),
        ("expected_total", "9" * 40),
        ("idempotency_key", ""),
        ("idempotency_key", "\x00" * 20),
        ("idempotency_key", "x" * 65),
    ],
)
def test_a_form_that_was_tampered_with_is_explained_and_can_be_sent_again(
    buyer: FlaskClient, make: Factory, user: User, database: Database, field: str, value: str
) -> None:
    make.cart(user, (make.product(price=baht(490)), 1))
    refused = submit(buyer, buyer.get("/en/checkout"), "/checkout", **{field: value})
    assert refused.status_code == 422
    assert "Pay ฿490" in text_of_page(refused)
    assert _orders(database) == 0
    again = submit(buyer, refused, "/checkout", method="stripe")
    assert again.status_code == 303
    assert _orders(database) == 1


def test_a_total_that_moved_is_shown_and_never_charged_silently(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    product = make.product(price=baht(490))
    make.cart(user, (product, 1))
    make.wallet(user, baht(1000))
    page = buyer.get("/en/checkout")
    _change(database, product, price_satang=59_000)
    refused = submit(buyer, page, "/checkout", method="balance")
    assert refused.status_code == 409
    text = text_of_page(refused)
    assert "A price has changed." in text
    assert "Pay ฿590" in text
    assert _balance(database, user) == baht(1000)
    placed = submit(buyer, refused, "/checkout")
    assert placed.status_code == 303
    assert _balance(database, user) == baht(410)


def test_what_sold_out_meanwhile_is_said_on_the_page(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    product = make.product(price=baht(490), stock=1)
    make.cart(user, (product, 1))
    make.wallet(user, baht(1000))
    page = buyer.get("/en/checkout")
    _change(database, product, sold=1)
    refused = submit(buyer, page, "/checkout", method="balance")
    assert refused.status_code == 409
    assert "Somebody was faster" in text_of_page(refused)
    assert _balance(database, user) == baht(1000)


def test_a_double_click_gives_one_order(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    make.cart(user, (make.product(price=baht(490)), 1))
    make.wallet(user, baht(1000))
    page = buyer.get("/en/checkout")
    first, second = (submit(buyer, page, "/checkout") for _ in range(2))
    assert first.location == second.location
    assert _balance(database, user) == baht(510)
    assert _orders(database) == 1


def test_a_card_payment_leads_to_the_gateway_and_back_to_the_keys(
    buyer: FlaskClient, make: Factory, user: User
) -> None:
    placed = _place_by_card(buyer, make, user)
    assert "฿490.00" in requests.get(placed.location, timeout=5).text
    page = buyer.get(_at_gateway(placed.location, "pay"))
    text = text_of_page(page)
    assert "Your order is complete" in text
    assert "Download" in text
    assert "••••" in text


def test_coming_back_without_paying_waits_and_can_be_resumed(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    placed = _place_by_card(buyer, make, user)
    page = buyer.get(_order_path(database))
    assert "Waiting for your payment" in text_of_page(page)
    assert "Check now" in text_of_page(page)
    assert submit(buyer, page, "/payments").location == placed.location


def test_cancelling_gives_the_items_back_to_the_cart(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    _place_by_card(buyer, make, user)
    assert "is empty" in text_of_page(buyer.get("/en/cart"))
    page = buyer.get(_order_path(database))
    cancelled = submit(buyer, page, "/cancellation")
    assert "This order is cancelled" in text_of_page(buyer.get(cancelled.location))
    assert "฿490" in text_of_page(buyer.get("/en/cart"))
    again = submit(buyer, page, "/payments")
    assert again.status_code == 303
    assert "can no longer be changed" in text_of_page(buyer.get(again.location))


def test_a_payment_page_that_was_closed_lets_the_order_expire(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    placed = _place_by_card(buyer, make, user)
    _at_gateway(placed.location, "expire")
    page = buyer.get(_order_path(database))
    assert "not paid in time" in text_of_page(page)


def test_an_order_survives_a_gateway_that_is_away_and_is_paid_later(
    buyer: FlaskClient,
    make: Factory,
    user: User,
    database: Database,
    sandbox: RunningSandbox,
    trouble: Callable[[], None],
) -> None:
    trouble()
    placed = _place_by_card(buyer, make, user)
    assert placed.status_code == 303
    assert placed.location.endswith(_order_path(database))
    page = buyer.get(placed.location)
    assert "Your order is kept" in text_of_page(page)
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    resumed = submit(buyer, page, "/payments")
    page = buyer.get(_at_gateway(resumed.location, "pay"))
    assert "Your order is complete" in text_of_page(page)
    assert _orders(database) == 1


def test_waiting_survives_a_gateway_that_is_away(
    buyer: FlaskClient,
    make: Factory,
    user: User,
    database: Database,
    trouble: Callable[[], None],
) -> None:
    _place_by_card(buyer, make, user)
    trouble()
    page = buyer.get(_order_path(database))
    assert page.status_code == 200
    assert "nothing is lost" in text_of_page(page)


def test_the_poll_answers_nothing_until_something_changed(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    placed = _place_by_card(buyer, make, user)
    path = _order_path(database)
    assert buyer.get(f"{path}?seen=pending", headers=HTMX).status_code == 204
    buyer.get(_at_gateway(placed.location, "pay"))
    part = buyer.get(f"{path}?seen=pending", headers=HTMX)
    assert part.status_code == 200
    assert part.text.lstrip().startswith('<div id="order-status"')
    assert "hx-trigger" not in part.text
    assert "<html" not in part.text


@pytest.mark.parametrize("order_id", ["nonsense", UNKNOWN_ID, "%00"])
@pytest.mark.parametrize("end", ["", "/payments", "/cancellation"])
def test_an_unknown_order_is_not_found(
    buyer: FlaskClient, make: Factory, user: User, order_id: str, end: str
) -> None:
    make.cart(user, (make.product(), 1))
    path = f"/en/checkout/orders/{order_id}{end}"
    token = buyer.get("/en/checkout").text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = buyer.post(path, data={"csrf_token": token}) if end else buyer.get(path)
    assert answer.status_code == 404


def test_the_order_of_somebody_else_does_not_exist(
    app: Flask,
    buyer: FlaskClient,
    make: Factory,
    user: User,
    database: Database,
    sign_in: SignIn,
) -> None:
    _place_by_card(buyer, make, user)
    path = _order_path(database)
    mine = buyer.get(path)
    stranger = app.test_client()
    sign_in(stranger, make.user())
    assert stranger.get(path).status_code == 404
    stranger.get("/en/cart")
    token = stranger.get("/en/account/wallet").text.split('name="csrf_token" value="')[1]
    for end in ("/payments", "/cancellation"):
        answer = submit(stranger, mine, end, csrf_token=token.split('"')[0])
        assert answer.status_code == 404
    assert _state(database) == OrderState.PENDING


def test_the_pages_stay_under_the_ceiling_of_queries(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    make.cart(user, *((make.product(price=baht(10)), 2) for _ in range(6)))
    make.wallet(user, baht(1000))
    page = buyer.get("/en/checkout")
    location = submit(buyer, page, "/checkout").location
    count = [0]

    def counted(*_: object) -> None:
        count[0] += 1

    event.listen(database.engine, "before_cursor_execute", counted)
    buyer.get(location)
    assert 0 < count[0] <= MEMBER_CEILING


def test_the_thai_pages_speak_to_the_thai_payment_page_and_back(
    buyer: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    make.cart(user, (make.product(price=baht(490)), 1))
    placed = submit(buyer, buyer.get("/checkout"), "/checkout", method="stripe")
    back = _at_gateway(placed.location, "pay")
    assert back == _order_path(database).removeprefix("/en")
    assert buyer.get(back).status_code == 200


def _place_by_card(buyer: FlaskClient, make: Factory, user: User) -> TestResponse:
    make.cart(user, (make.product(price=baht(490)), 1))
    return submit(buyer, buyer.get("/en/checkout"), "/checkout", method="stripe")


def _at_gateway(pay_url: str, verb: str) -> str:
    answer = requests.post(f"{pay_url}/{verb}", allow_redirects=False, timeout=5)
    return answer.headers["Location"].removeprefix("http://localhost")


def _change(database: Database, product: Product, **values: int) -> None:
    with database.transaction() as session:
        session.execute(update(Variant).where(Variant.product_id == product.id).values(**values))


def _order_path(database: Database) -> str:
    with database.reading() as session:
        return f"/en/checkout/orders/{session.scalars(select(Order.id)).one()}"


def _state(database: Database) -> str:
    with database.reading() as session:
        return session.scalars(select(Order.state)).one()


def _orders(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def _balance(database: Database, user: User) -> Money:
    with database.reading() as session:
        return find_balance(session, user.id)
