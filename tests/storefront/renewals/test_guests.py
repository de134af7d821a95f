"""Who bought as a guest renews like everybody, and takes it along into an account."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.guests.adoption import adopt_guest
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory, SignIn
from tests.support.gateway import pay
from tests.support.ladder import MONTH, Shelf
from tests.support.renewing import (
    days,
    license_of,
    order_cart,
    own_key,
    total_in_cart,
    want,
)


@pytest.fixture
def shelf(make: Factory) -> Shelf:
    return Shelf(make)


@pytest.fixture
def guest(make: Factory) -> User:
    return make.guest()


@pytest.fixture
def key(shop: Shop, make: Factory, shelf: Shelf, guest: User) -> UUID:
    return own_key(shop, make, guest, shelf.product)


def test_a_guest_who_came_by_a_link_is_offered_a_renewal(
    client: FlaskClient, sign_in: SignIn, guest: User, shelf: Shelf, key: UUID
) -> None:
    sign_in(client, guest)
    assert "Renew for ฿100" in client.get("/en/account/licenses").text
    answer = client.post(
        f"/en/account/licenses/{key}/purchases", data={"variant_id": str(shelf.month)}
    )
    assert answer.status_code == 303
    assert "Renewal of key" in client.get("/en/checkout").text


def test_what_a_guest_wanted_for_a_key_lies_in_the_cart_of_the_member_they_turn_out_to_be(
    shop: Shop, make: Factory, guest: User, shelf: Shelf, key: UUID
) -> None:
    member = make.user()
    own = own_key(shop, make, member, shelf.product)
    want(shop, guest, key, shelf.month)
    want(shop, member, own, shelf.year)

    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())

    assert total_in_cart(shop, member) == baht(600)
    make.wallet(member, baht(600))
    order_cart(shop, member)
    assert license_of(shop, key).user_id == member.id
    assert license_of(shop, own).variant_id == shelf.year


def test_a_renewal_that_a_guest_has_still_to_pay_is_given_to_the_moved_key(
    shop: Shop, sandbox: RunningSandbox, make: Factory, guest: User, shelf: Shelf, key: UUID
) -> None:
    member, end = make.user(), license_of(shop, key).expires_at
    assert end is not None
    want(shop, guest, key, shelf.month)
    order_id = order_cart(shop, guest, PaymentMethod.STRIPE)
    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())

    pay(shop, sandbox, order_id)

    assert license_of(shop, key).expires_at == end + days(MONTH)
    assert license_of(shop, key).user_id == member.id
