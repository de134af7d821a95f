"""Signing in with Discord in the browser of a guest, or with the mailed link: everything moves."""

from __future__ import annotations

from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.guests.adoption import adopt_guest
from storefront.kit.money import baht
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.orders.models import Order
from storefront.payments.models import Payment
from storefront.promos.models import PromoUse
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.accounts.discord import introduce, sign_in_by_discord
from tests.storefront.guests.browsing import (
    at_gateway,
    buy_by_card,
    fill_cart,
    guests,
    is_signed_in_as,
    link_for,
    orders,
    pay_late,
    place,
)
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.gateway import pay

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
NOK: Final = "300000000000000207"


@pytest.fixture(autouse=True)
def no_tokens(app: Flask) -> None:
    """What goes to Discord is sent without a form here."""
    app.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture
def nok(sandbox: RunningSandbox) -> str:
    """A person at Discord."""
    return introduce(sandbox, NOK, "nok", email="nok@example.com", verified=True)


@pytest.fixture
def guest(make: Factory) -> User:
    return make.guest()


@pytest.fixture
def member(make: Factory) -> User:
    return make.user()


def adopt(shop: Shop, guest: User, member: User) -> None:
    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())


def test_signing_in_moves_everything_to_the_account(
    shop: Shop, client: FlaskClient, make: Factory, nok: str, sandbox: RunningSandbox
) -> None:
    make.promo(covers=None)
    fill_cart(client, make.product(price=baht(490)))
    cart = client.get("/en/cart")
    submit(client, cart, "/cart/promo", code="TENTH")
    placed = place(client)
    client.get(at_gateway(placed.location, "pay"))
    fill_cart(client, make.product(price=baht(100)))
    place_again(client)
    pay_late(shop, sandbox, orders(shop)[-1].id)
    (guest,) = guests(shop)
    fill_cart(client, make.product(price=baht(70)))

    answer = sign_in_by_discord(client, nok, next_path="/en/account/licenses")

    page = client.get(answer.location)
    assert "What you bought as a guest is in your account now." in text_of_page(page)
    assert "Script" in text_of_page(page)
    with shop.database.reading() as session:
        member = session.scalars(select(User).where(User.discord_id == nok)).one()
        for model in (Order, Payment, License, PromoUse, Notification):
            owners = session.scalars(select(model.user_id)).all()
            assert owners, model
            assert set(owners) == {member.id}, model
    assert is_signed_in_as(client, shop) == member.id
    assert "฿100" in text_of_page(client.get("/en/account/wallet"))
    assert "Moved from a purchase as a guest" in client.get("/en/account/wallet").text
    assert "฿70" in text_of_page(client.get("/en/cart"))
    (closed,) = guests(shop)
    assert (closed.id, closed.merged_into) == (guest.id, member.id)
    assert closed.merged_at is not None
    for order in orders(shop):
        assert client.get(f"/en/account/orders/{order.id}").status_code == 200


def place_again(browser: FlaskClient) -> None:
    """The checkout of a guest who is known already."""
    page = browser.get("/en/checkout")
    assert submit(browser, page, "/checkout", method="stripe").status_code == 303


def test_an_order_that_waits_for_its_payment_moves_and_is_delivered_to_the_member(
    shop: Shop, client: FlaskClient, make: Factory, nok: str, sandbox: RunningSandbox
) -> None:
    fill_cart(client, make.product(price=baht(490)))
    place(client)
    sign_in_by_discord(client, nok)
    (order,) = orders(shop)

    page = client.get(f"/en/checkout/orders/{order.id}")
    assert submit(client, page, "/payments").location.startswith("http")
    pay(shop, sandbox, order.id)

    with shop.database.reading() as session:
        license = session.scalars(select(License)).one()
        assert license.user_id == session.scalars(select(Order.user_id)).one()
    assert "Your order is complete" in text_of_page(client.get(f"/en/checkout/orders/{order.id}"))


def test_a_second_guest_of_the_same_person_is_adopted_too(
    shop: Shop, app: Flask, make: Factory, nok: str
) -> None:
    for _ in range(2):
        browser = app.test_client()
        buy_by_card(browser, make.product(price=baht(490)))
        sign_in_by_discord(browser, nok)

    assert len({guest.merged_into for guest in guests(shop)}) == 1
    assert len({order.user_id for order in orders(shop)}) == 1


def test_whoever_only_shares_the_address_gets_nothing(
    shop: Shop, app: Flask, make: Factory, nok: str
) -> None:
    """Joined by the browser, never by the address."""
    buy_by_card(app.test_client(), make.product(price=baht(490)), email="nok@example.com")

    sign_in_by_discord(app.test_client(), nok)

    (guest,) = guests(shop)
    assert guest.merged_into is None
    assert orders(shop)[0].user_id == guest.id


def test_a_sign_in_that_is_refused_moves_nothing(
    shop: Shop, client: FlaskClient, make: Factory, nok: str
) -> None:
    make.user(discord_id=nok, banned_at=shop.clock())
    buy_by_card(client, make.product(price=baht(490)))

    assert sign_in_by_discord(client, nok).status_code == 403

    (guest,) = guests(shop)
    assert guest.merged_into is None
    assert is_signed_in_as(client, shop) == guest.id


def test_other_browsers_and_links_of_an_adopted_guest_are_dead(
    shop: Shop, app: Flask, make: Factory, sign_in: SignIn, guest: User, member: User
) -> None:
    phone = app.test_client()
    path = link_for(shop, guest)
    page = phone.get(path)
    sign_in(phone, guest)

    adopt(shop, guest, member)

    assert phone.get("/account").status_code == 303
    shown = phone.get(path)
    assert shown.status_code == 410
    assert "These purchases have moved" in text_of_page(shown)
    submit(phone, page, path)
    assert is_signed_in_as(phone, shop) is None


def test_a_member_with_the_link_moves_the_purchase_to_the_account(
    shop: Shop, app: Flask, client: FlaskClient, make: Factory, sign_in: SignIn, member: User
) -> None:
    buy_by_card(app.test_client(), make.product(price=baht(490)))
    (guest,) = guests(shop)
    sign_in(client, member)
    path = link_for(shop, guest)
    page = client.get(f"{path}?next=/en/account/licenses")
    assert f"Move this to @{member.username}" in text_of_page(page)
    assert "Open my purchases" not in text_of_page(page)

    answer = submit(client, page, "/adoption")

    assert answer.location == "/en/account/licenses"
    assert "The purchases are in your account now." in text_of_page(client.get(answer.location))
    assert is_signed_in_as(client, shop) == member.id
    assert orders(shop)[0].user_id == member.id


def test_a_member_is_never_signed_in_as_the_guest_by_the_link(
    shop: Shop, client: FlaskClient, sign_in: SignIn, guest: User, member: User
) -> None:
    sign_in(client, member)
    path = link_for(shop, guest)

    answer = client.post(path)

    assert answer.location.startswith(path)
    assert is_signed_in_as(client, shop) == member.id


def test_a_link_whose_guest_went_to_somebody_else_moves_nothing(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, guest: User, member: User
) -> None:
    sign_in(client, make.user())
    path = link_for(shop, guest)
    page = client.get(path)
    adopt(shop, guest, member)

    answer = submit(client, page, "/adoption")

    assert "These purchases have moved" in text_of_page(client.get(answer.location))
    assert guests(shop)[0].merged_into == member.id


def test_one_guest_cannot_adopt_another(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, guest: User
) -> None:
    sign_in(client, make.guest())

    client.post(f"{link_for(shop, guest)}/adoption")

    assert {one.merged_into for one in guests(shop)} == {None}
