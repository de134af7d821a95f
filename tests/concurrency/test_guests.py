"""Guests at the moment they come: many clicks, many tabs, many requests for one mail."""

from __future__ import annotations

from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.guests.models import GuestRecovery
from storefront.guests.service import ask_for_links
from storefront.kit.money import baht
from storefront.outbox import OutboxMessage
from tests.concurrency.racing import insert_unless_there, race, successes_in
from tests.storefront.guests.browsing import fill_cart, guests, is_signed_in_as, orders
from tests.support.browser import submit
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def tabs(app: Flask, make: Factory, number: int) -> list[FlaskClient]:
    """The same browser in several tabs: one cookie, one cart."""
    first = app.test_client()
    fill_cart(first, make.product(price=baht(490)))
    first.get("/en/checkout")
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = first.get_cookie(name)
    assert cookie is not None
    others = [app.test_client() for _ in range(number - 1)]
    for other in others:
        other.set_cookie(name, cookie.value)
    return [first, *others]


@pytest.mark.parametrize("clicks", [2, 6])
def test_many_clicks_on_one_form_are_one_guest_and_one_order(
    shop: Shop, fresh_app: Flask, make: Factory, clicks: int
) -> None:
    browsers = tabs(fresh_app, make, clicks)
    page = browsers[0].get("/en/checkout")

    answers = race(
        [
            partial(submit, one, page, "/checkout", email="nok@example.com", method="stripe")
            for one in browsers
        ]
    )

    places = {(one.status_code, one.location) for one in successes_in(answers)}
    assert len(places) == 1
    assert places.pop()[0] == 303
    (guest,), (order,) = guests(shop), orders(shop)
    assert order.user_id == guest.id
    assert {is_signed_in_as(one, shop) for one in browsers} == {guest.id}


def test_control_looking_for_the_guest_before_inserting_makes_one_per_click(shop: Shop) -> None:
    assert insert_unless_there(shop.database, "users", runners=10) == 10


def test_two_tabs_that_send_two_forms_order_the_cart_once(
    shop: Shop, fresh_app: Flask, make: Factory
) -> None:
    browsers = tabs(fresh_app, make, 2)
    pages = [one.get("/en/checkout") for one in browsers]

    race(
        [
            partial(submit, one, page, "/checkout", email="nok@example.com", method="stripe")
            for one, page in zip(browsers, pages, strict=True)
        ]
    )

    assert len(guests(shop)) == len(orders(shop)) == 1


def test_many_requests_for_one_address_at_once_are_one_mail(shop: Shop) -> None:
    def ask() -> None:
        with shop.database.transaction() as session:
            ask_for_links(session, "nok@example.com", locale="en", now=shop.clock())

    race([ask] * 12)

    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(GuestRecovery)) == 1
        assert session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


def test_control_looking_for_the_request_before_inserting_mails_each_time(shop: Shop) -> None:
    assert insert_unless_there(shop.database, "guest_recoveries", runners=10) == 10
