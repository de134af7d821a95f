"""Codes that ask who somebody is give nothing to whoever has no account, and say so beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.promos.models import PromoCode, PromoUse
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.accounts.discord import introduce, sign_in_by_discord
from tests.storefront.guests.browsing import (
    NOK,
    buy_by_card,
    fill_cart,
    guests,
    orders,
    place,
)
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
SIGN_IN_FIRST = "Sign in first to use this code"


def type_code(browser: FlaskClient, make: Factory, **terms: Any) -> None:
    make.promo(**terms)
    fill_cart(browser, make.product(price=baht(490)))
    submit(browser, browser.get("/en/cart"), "/cart/promo", code="TENTH")


@pytest.mark.parametrize("terms", [{"per_customer_limit": 3}, {"first_purchase_only": True}])
def test_the_cart_says_so_before_anything_is_bought_and_offers_to_sign_in(
    client: FlaskClient, make: Factory, terms: dict[str, Any]
) -> None:
    type_code(client, make, **terms)

    cart, checkout = client.get("/en/cart"), client.get("/en/checkout")

    assert SIGN_IN_FIRST in text_of_page(cart)
    assert "/en/sign-in?next=/en/cart" in cart.text
    assert "฿441" not in text_of_page(cart)
    assert SIGN_IN_FIRST in text_of_page(checkout)
    assert "Pay ฿490" in text_of_page(checkout)


def test_the_order_of_a_guest_costs_what_was_shown_and_uses_no_code(
    shop: Shop, client: FlaskClient, make: Factory
) -> None:
    type_code(client, make, per_customer_limit=1)

    assert place(client).status_code == 303

    (order,) = orders(shop)
    assert (order.total, order.promo_code) == (baht(490), None)
    with shop.database.reading() as session:
        assert session.scalars(select(PromoUse)).all() == []


def test_a_guest_who_is_known_already_is_refused_alike(client: FlaskClient, make: Factory) -> None:
    buy_by_card(client, make.product(price=baht(100)))

    type_code(client, make, first_purchase_only=True)

    assert SIGN_IN_FIRST in text_of_page(client.get("/en/cart"))


def test_a_limit_that_came_while_the_guest_was_paying_is_shown_never_ignored(
    shop: Shop, client: FlaskClient, make: Factory
) -> None:
    type_code(client, make)
    page = client.get("/en/checkout")
    assert "Pay ฿441" in text_of_page(page)
    with shop.database.transaction() as session:
        session.execute(update(PromoCode).values(per_customer_limit=1))

    refused = submit(client, page, "/checkout", method="stripe", email=NOK)

    assert refused.status_code == 409
    assert SIGN_IN_FIRST in text_of_page(refused)
    assert "Pay ฿490" in text_of_page(refused)
    assert guests(shop) == []


def test_a_code_for_everybody_works_for_guests_and_counts(
    shop: Shop, client: FlaskClient, make: Factory
) -> None:
    type_code(client, make, total_limit=1)

    assert place(client).status_code == 303

    assert orders(shop)[0].total == baht(441)
    with shop.database.reading() as session:
        assert session.scalars(select(PromoCode.used)).one() == 1
        assert session.scalars(select(PromoUse.customer_email)).one() is None


def test_signing_in_makes_the_code_good(
    shop: Shop, app: Flask, client: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    type_code(client, make, per_customer_limit=1)
    person = introduce(sandbox, "300000000000000208", "nok", email=NOK, verified=True)

    sign_in_by_discord(client, person, next_path="/en/cart")

    assert "฿441" in text_of_page(client.get("/en/cart"))
