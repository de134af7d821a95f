"""What a guest reaches: their own, like any customer, and nothing else."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.web import access_of
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory, SignIn
from tests.test_security import address, has_id, ids_of, routes

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def test_a_guest_reaches_what_a_customer_does_and_nothing_of_staff(
    app: Flask, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    """Signed in by a purchase or a link: an ordinary sign-in of an ordinary customer."""
    sign_in(client, make.guest())
    for rule, method in routes(app):
        access = access_of(app.view_functions[rule.endpoint])
        assert access is not None
        if access.permission is not None:
            assert client.open(address(rule), method=method).status_code == 404, rule
        elif access.members_only and method == "GET" and not rule.arguments:
            assert client.get(address(rule)).status_code == 200, rule


def test_nothing_of_a_customer_exists_for_a_guest_or_of_a_guest_for_a_customer(
    shop: Shop, app: Flask, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    guest, victim = make.guest(), make.user()
    for person in (guest, victim):
        buy(shop, make, person, (make.product(price=baht(100)), 1))
        make.sign_in_token(person)
    stranger = app.test_client()
    sign_in(client, make.guest())
    sign_in(stranger, victim)

    for browser, owner in ((client, victim), (client, guest), (stranger, guest)):
        for foreign in ids_of(shop, owner):
            for rule, method in routes(app):
                if has_id(rule):
                    answer = browser.open(address(rule, foreign), method=method)
                    assert answer.status_code == 404, (rule, foreign)
