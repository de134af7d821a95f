"""How staff see guests: as what they are, with the address, and never as somebody on Discord."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.guests.adoption import adopt_guest
from storefront.kit.money import baht
from storefront.orders.models import Order, PaymentMethod
from storefront.wallet.people import search_wallets
from tests.storefront.orders.purchases import buy
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.gateway import place

ADDRESS = "somebody@example.com"


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    sign_in(client, make.user(role=Role.ADMIN))
    return client


@pytest.fixture
def guest(make: Factory) -> User:
    return make.guest(email=ADDRESS)


def adopt(shop: Shop, guest: User, member: User) -> None:
    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())


def test_orders_of_guests_are_listed_found_and_opened(
    shop: Shop, staff: FlaskClient, make: Factory, guest: User
) -> None:
    order = buy(shop, make, guest, (make.product(price=baht(490)), 1))
    with shop.database.transaction() as session:
        session.execute(update(Order).values(email=ADDRESS))

    for query in ("", "?q=somebody@", f"?q={order.reference}", "?q=guest"):
        page = text_of_page(staff.get(f"/en/admin/orders{query}"))
        assert order.reference in page, query
        assert f"Guest {ADDRESS}" in page
        assert "@guest" not in page.replace(ADDRESS, "")
    dossier = text_of_page(staff.get(f"/en/admin/orders/{order.id}"))
    assert f"E-mail of the guest {ADDRESS}" in dossier
    assert "Discord id" not in dossier
    assert "@guest" not in dossier


def test_an_adopted_order_is_the_members(
    shop: Shop, staff: FlaskClient, make: Factory, guest: User
) -> None:
    order = buy(shop, make, guest, (make.product(price=baht(490)), 1))
    member = make.user(username="ploy")

    adopt(shop, guest, member)

    dossier = text_of_page(staff.get(f"/en/admin/orders/{order.id}"))
    assert "@ploy" in dossier
    assert "E-mail of the guest" not in dossier


def test_wallets_of_guests_are_found_by_the_address_until_they_are_a_members(
    shop: Shop, staff: FlaskClient, make: Factory, guest: User
) -> None:
    make.wallet(guest, baht(490))

    page = staff.get("/en/admin/wallets?q=somebody")
    assert f"Guest {ADDRESS}" in text_of_page(page)
    wallet = staff.get(f"/en/admin/wallets/{guest.id}")
    assert f"Guest · {ADDRESS}" in text_of_page(wallet)
    assert "None" not in text_of_page(wallet)

    member = make.user()
    adopt(shop, guest, member)

    with shop.database.reading() as session:
        assert search_wallets(session, "somebody") == []
        assert [one.id for one in search_wallets(session, "")] == [member.id]
    wallet = staff.get(f"/en/admin/wallets/{guest.id}")
    assert "became a member" in text_of_page(wallet)
    assert f"/en/admin/wallets/{member.id}" in wallet.text


def test_uses_of_a_code_by_guests_name_the_address(
    shop: Shop, staff: FlaskClient, make: Factory, guest: User
) -> None:
    promo = make.promo()
    make.cart(guest, (make.product(price=baht(490)), 1), promo_code="TENTH")
    make.wallet(guest, baht(490))
    place(shop, guest, baht(441), method=PaymentMethod.BALANCE)

    page = text_of_page(staff.get(f"/en/admin/promos/{promo.id}/report"))

    assert f"Guest {ADDRESS}" in page
    assert "@guest" not in page


def test_the_audit_says_who_took_over_what(
    shop: Shop, staff: FlaskClient, make: Factory, guest: User
) -> None:
    adopt(shop, guest, make.user(display_name="Ploy"))

    page = text_of_page(staff.get("/en/admin/audit"))

    assert "Took over the purchases of a guest" in page
    assert "Ploy" in page
