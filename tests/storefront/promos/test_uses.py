"""Codes in carts and orders: reserved, taken, given back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.quotes import Quote, get_quote
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import Order, OrderLine, PaymentMethod
from storefront.promos.models import PromoCode, PromoUse
from storefront.promos.rules import Refusal
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def place(
    shop: Shop, user: User, total: Money, method: PaymentMethod = PaymentMethod.BALANCE
) -> UUID:
    return flow.place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    ).order_id


def quote(shop: Shop, user: User) -> Quote:
    with shop.database.reading() as session:
        return get_quote(session, user.id, now=shop.clock())


def state(shop: Shop) -> tuple[int, list[str]]:
    with shop.database.reading() as session:
        used = session.scalars(select(PromoCode.used)).one()
        return used, list(session.scalars(select(PromoUse.state).order_by(PromoUse.id)))


def buyer(make: Factory, code: str = "TENTH", **values: object) -> User:
    user = make.user(**values)
    make.cart(user, (make.product(price=baht(490)), 1), promo_code=code)
    make.wallet(user, baht(1000))
    return user


def test_a_code_is_frozen_into_the_order_and_its_lines(shop: Shop, make: Factory) -> None:
    covered, other = make.product(price=baht(300)), make.product(price=baht(100))
    make.promo(covers=covered)
    user = make.user()
    make.cart(user, (covered, 1), (other, 1), promo_code="TENTH")
    make.wallet(user, baht(1000))

    order_id = place(shop, user, baht(370))

    with shop.database.reading() as session:
        order = session.get_one(Order, order_id)
        shares = session.scalars(select(OrderLine.discount_satang).order_by(OrderLine.position))
        assert (order.subtotal, order.discount, order.promo_code) == (baht(400), baht(30), "TENTH")
        assert list(shares) == [3000, 0]
    assert state(shop) == (1, ["taken"])


def test_a_use_is_reserved_while_the_payment_is_open_and_given_back_with_it(
    shop: Shop, make: Factory
) -> None:
    make.promo(total_limit=1)
    user, other = buyer(make), buyer(make)
    order_id = place(shop, user, baht(441), PaymentMethod.STRIPE)
    assert state(shop) == (1, ["reserved"])
    refused = quote(shop, other).refused
    assert refused is not None
    assert refused.refusal is Refusal.USED_UP

    flow.cancel_order(shop, order_id, user_id=user.id)
    assert state(shop) == (0, ["returned"])
    place(shop, other, baht(441))


def test_a_refused_code_is_charged_to_nobody_silently(shop: Shop, make: Factory) -> None:
    make.promo(total_limit=1)
    user, other = buyer(make), buyer(make)
    place(shop, user, baht(441))
    with pytest.raises(Conflict) as refused:
        place(shop, other, baht(441))
    assert refused.value.code == "total_changed"
    place(shop, other, baht(490))


def test_one_mailbox_uses_a_code_once_under_two_accounts(shop: Shop, make: Factory) -> None:
    make.promo(per_customer_limit=1)
    place(shop, buyer(make, email="anna@example.com"), baht(441))
    second = buyer(make, email="Anna+two@example.com")
    refused = quote(shop, second).refused
    assert refused is not None
    assert refused.refusal is Refusal.USED_BY_YOU


def test_an_unverified_address_says_nothing_about_who_somebody_is(
    shop: Shop, make: Factory
) -> None:
    make.promo(per_customer_limit=1)
    place(shop, buyer(make, email="anna@example.com"), baht(441))
    stranger = buyer(make, email="anna@example.com", email_verified=False)
    assert quote(shop, stranger).applied is not None


def test_a_first_purchase_is_the_first_that_may_be_paid(shop: Shop, make: Factory) -> None:
    make.promo(first_purchase_only=True)
    user = buyer(make)
    assert quote(shop, user).discount == baht(49)
    order_id = place(shop, user, baht(441), PaymentMethod.STRIPE)
    flow.cancel_order(shop, order_id, user_id=user.id)
    assert quote(shop, user).discount == baht(49), "the cart is as it was, and nothing was bought"


def test_a_code_that_makes_an_order_free_needs_no_payment(shop: Shop, make: Factory) -> None:
    make.promo(value=10_000)
    user = buyer(make)
    order_id = place(shop, user, Money(0))
    with shop.database.reading() as session:
        order = session.get_one(Order, order_id)
    assert (order.state, order.payment_method, order.total) == ("completed", "free", Money(0))


def test_an_expired_payment_gives_the_use_back(shop: Shop, make: Factory) -> None:
    make.promo(ends_at=shop.clock() + timedelta(days=1))
    user = buyer(make)
    order_id = place(shop, user, baht(441), PaymentMethod.STRIPE)
    flow.close_overdue_order(shop, order_id)
    assert state(shop) == (0, ["returned"])
