"""A member's orders: whose they are, what they say, what can be done."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from storefront.bootstrap import Shop
from storefront.checkout.flow import cancel_order
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import Order, PaymentMethod
from storefront.orders.queries import OrderFilter, list_orders
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.support.factories import Factory, SignIn

MALFORMED_IDS = ("1", "abc", "QR-100001", "0" * 300, "%00", "..%2f..", "' OR 1=1 --")


def test_a_guest_is_sent_to_sign_in_and_back(client: FlaskClient) -> None:
    answer = client.get("/en/account/orders?state=open")

    assert answer.status_code == 303
    assert answer.location.startswith("/en/sign-in?next=/en/account/orders")


def test_a_new_account_is_shown_the_way_to_the_shop(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user())

    assert "No orders yet" in client.get("/en/account/orders").text
    assert "Nothing bought yet" in client.get("/en/account").text


def test_the_list_holds_ones_own_orders_newest_first(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, other = make.user(), make.user()
    product = make.product(price=baht(490))
    first = buy(shop, make, buyer, (product, 1))
    foreign = buy(shop, make, other, (product, 1))
    second = buy(shop, make, buyer, (product, 2), (make.product(), 1))
    sign_in(client, buyer)

    page = client.get("/en/account/orders").text

    assert page.index(second.reference) < page.index(first.reference)
    assert foreign.reference not in page
    assert "Complete" in page
    assert "and 1 more" in page


def test_the_filter_shows_only_orders_of_that_kind(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    done = buy(shop, make, buyer, (make.product(), 1))
    waiting = buy(shop, make, buyer, (make.product(), 1), method=PaymentMethod.STRIPE)
    sign_in(client, buyer)

    opened = client.get("/en/account/orders?state=open").text
    closed = client.get("/en/account/orders?state=closed").text

    assert waiting.reference in opened
    assert done.reference not in opened
    assert "No orders with this status" in closed
    assert done.reference in client.get("/en/account/orders?state=nonsense").text


def test_pages_follow_each_other_without_gaps_or_repeats(shop: Shop, make: Factory) -> None:
    buyer, product = make.user(), make.product(price=baht(0))
    placed = [
        buy(shop, make, buyer, (product, 1), method=PaymentMethod.FREE).reference for _ in range(5)
    ]
    seen: list[str] = []
    cursor = None

    with shop.database.reading() as session:
        while True:
            found = list_orders(session, buyer.id, cursor=cursor, limit=2)
            seen += [row.reference for row in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break
        filtered = list_orders(session, buyer.id, state=OrderFilter.COMPLETED, limit=2)

    assert seen == placed[::-1]
    assert filtered.next_cursor is not None


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "bnVsbA", "%F0%9F", "W10"])
def test_a_forged_cursor_shows_the_first_page(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, cursor: str
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(), 1))
    sign_in(client, buyer)

    answer = client.get(f"/en/account/orders?cursor={cursor}")

    assert answer.status_code == 200
    assert order.reference in answer.text


def test_somebody_elses_order_is_not_found_even_for_staff(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))

    for stranger in (make.user(), make.user(role="admin")):
        sign_in(client, stranger)
        foreign = client.get(f"/en/account/orders/{order.id}")
        unknown = client.get(f"/en/account/orders/{new_id()}")

        assert foreign.status_code == unknown.status_code == 404
        assert order.reference not in foreign.text


@pytest.mark.parametrize("order_id", MALFORMED_IDS)
def test_a_malformed_order_id_is_not_found(
    client: FlaskClient, make: Factory, sign_in: SignIn, order_id: str
) -> None:
    sign_in(client, make.user())

    assert client.get(f"/account/orders/{order_id}").status_code == 404


def test_a_completed_order_shows_its_lines_total_and_what_happened(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(price=baht(490), name_en="Night Market"), 2))
    sign_in(client, buyer)

    page = client.get(f"/en/account/orders/{order.id}").text

    for words in ("Night Market", "2 × ฿490", "฿980", "Wallet balance", buyer.email or ""):
        assert words in page
    assert page.index("Order placed") < page.index("Payment confirmed")
    assert page.index("Payment confirmed") < page.index("Order complete")
    assert "/en/account/licenses" in page
    assert "Continue to payment" not in page
    assert "Cancel order" not in page


def test_an_open_payment_can_be_resumed_or_cancelled(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(), 1), method=PaymentMethod.STRIPE)
    sign_in(client, buyer)

    page = client.get(f"/en/account/orders/{order.id}").text

    assert f'action="/en/checkout/orders/{order.id}/payments"' in page
    assert f'action="/en/checkout/orders/{order.id}/cancellation"' in page
    assert "Waiting for payment" in page


def test_an_order_whose_time_ran_out_is_not_offered_for_payment(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(), 1), method=PaymentMethod.STRIPE)
    with shop.database.transaction() as session:
        session.execute(update(Order).where(Order.id == order.id).values(expires_at=shop.clock()))
    sign_in(client, buyer)

    page = client.get(f"/en/account/orders/{order.id}").text

    assert "Continue to payment" not in page
    assert "The time to pay has run out" in page


def test_a_cancelled_order_says_so_and_offers_nothing(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(), 1), method=PaymentMethod.STRIPE)
    cancel_order(shop, order.id, user_id=buyer.id)
    sign_in(client, buyer)

    page = client.get(f"/en/account/orders/{order.id}").text

    assert "Order cancelled" in page
    assert f"/checkout/orders/{order.id}" not in page


def test_the_pages_read_in_thai_and_in_english(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    product = make.product(name_th="ตลาดกลางคืน", name_en="Night Market")
    order = buy(shop, make, buyer, (product, 1))
    sign_in(client, buyer)

    for path in ("/account", "/account/orders", f"/account/orders/{order.id}"):
        thai, english = client.get(path), client.get(f"/en{path}")
        assert thai.status_code == english.status_code == 200
        assert '<html lang="th"' in thai.text
        assert "ตลาดกลางคืน" in thai.text
        assert "Night Market" in english.text


def test_product_names_cannot_smuggle_markup(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(name_en="<script>alert(1)</script>"), 1))
    sign_in(client, buyer)

    page = client.get(f"/en/account/orders/{order.id}").text

    assert not re.search(r"<script>alert", page)
    assert "&lt;script&gt;alert(1)" in page


def test_no_page_takes_more_queries_with_more_orders(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    product = make.product(price=baht(0))
    for _ in range(6):
        order = buy(shop, make, buyer, (product, 1), method=PaymentMethod.FREE)
    sign_in(client, buyer)

    for path in ("/account", "/account/orders", f"/account/orders/{order.id}"):
        with counted_queries(shop.database.engine) as queries:
            assert client.get(path).status_code == 200
        assert 0 < len(queries) <= MEMBER_CEILING, (path, queries)
