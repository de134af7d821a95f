"""What an order costs: flash sales frozen with it, bundles without what the buyer owns."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from storefront.bootstrap import Shop
from storefront.cart.queries import CartView
from storefront.cart.rules import Notice
from storefront.catalog.price_models import FlashSaleItem
from storefront.checkout import flow
from storefront.checkout.quotes import get_quote
from storefront.errors import Conflict
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import OrderLine, PaymentMethod
from tests.support.factories import Factory
from tests.support.purchases import own_product

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def place(
    shop: Shop, user_id: UUID, total: Money, method: PaymentMethod = PaymentMethod.BALANCE
) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=user_id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    )


def quote(shop: Shop, user_id: UUID) -> CartView:
    with shop.database.reading() as session:
        return get_quote(session, user_id, now=shop.clock()).cart


def units(shop: Shop) -> tuple[int, int]:
    with shop.database.reading() as session:
        item = session.scalars(select(FlashSaleItem)).one()
    return item.held, item.sold


def test_a_flash_price_is_charged_and_its_unit_sold(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), units=5)
    make.cart(user, (product, 2))
    make.wallet(user, baht(1000))

    place(shop, user.id, baht(780))

    assert units(shop) == (0, 2)
    with shop.database.reading() as session:
        line = session.scalars(select(OrderLine)).one()
    assert line.unit_price == line.list_price == baht(390)


def test_a_flash_price_stands_still_while_the_payment_is_open(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), units=1)
    make.cart(user, (product, 1))

    placed = place(shop, user.id, baht(390), PaymentMethod.STRIPE)
    assert units(shop) == (1, 0)
    with shop.database.engine.begin() as connection:
        connection.execute(text("UPDATE flash_sales SET ends_at = now() - interval '1 minute'"))
    other = make.user()
    make.cart(other, (product, 1))
    assert quote(shop, other.id).subtotal == baht(490)

    flow.cancel_order(shop, placed.order_id, user_id=user.id)
    assert units(shop) == (0, 0)


def test_a_sale_that_ended_since_the_page_was_shown_is_not_charged_silently(
    shop: Shop, make: Factory
) -> None:
    user, product = make.user(), make.product(price=baht(490))
    now = datetime.now(UTC)
    make.flash_sale(product, price=baht(390), ends_at=now + timedelta(minutes=5))
    make.cart(user, (product, 1))
    make.wallet(user, baht(1000))
    later = dataclasses.replace(shop, clock=fixed_clock(now + timedelta(minutes=6)))

    with pytest.raises(Conflict, match="490"):
        place(later, user.id, baht(390))
    assert units(shop) == (0, 0)
    place(later, user.id, baht(490))


def test_the_last_unit_of_a_sale_goes_to_one_and_the_next_pays_the_usual_price(
    shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), units=1)
    first, second = make.user(), make.user()
    for user in (first, second):
        make.cart(user, (product, 1))
        make.wallet(user, baht(1000))

    place(shop, first.id, baht(390))
    with pytest.raises(Conflict) as refused:
        place(shop, second.id, baht(390))
    assert refused.value.code == "total_changed"
    place(shop, second.id, baht(490))


def test_what_the_buyer_owns_is_taken_off_the_bundle_and_not_granted_again(
    shop: Shop, make: Factory
) -> None:
    owned, missing = make.product(price=baht(300)), make.product(price=baht(100))
    bundle = make.bundle(owned, missing, price=baht(320))
    user = make.user()
    make.wallet(user, baht(1000))
    own_product(shop, make, user, owned)
    make.cart(user, (bundle, 1))

    (line,) = quote(shop, user.id).lines
    assert (line.unit_price, line.list_price, line.owned_off) == (baht(80), baht(320), baht(240))
    assert line.notice is None, "its price is what it was, only this member pays less"

    place(shop, user.id, baht(80))
    with shop.database.reading() as session:
        products = session.scalars(select(License.product_id)).all()
        bought = session.scalars(select(OrderLine).order_by(OrderLine.id.desc()).limit(1)).one()
    assert sorted(products) == sorted([owned.id, missing.id])
    assert (bought.unit_price, bought.list_price) == (baht(80), baht(320))
    assert bought.product_ids == [missing.id]


def test_nobody_can_buy_a_bundle_they_own_whole(shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(100))
    bundle = make.bundle(product, price=baht(90))
    user = make.user()
    make.wallet(user, baht(1000))
    own_product(shop, make, user, product)
    make.cart(user, (bundle, 1))

    assert quote(shop, user.id).lines[0].notice is Notice.ALL_OWNED
    with pytest.raises(Conflict) as refused:
        place(shop, user.id, Money(0))
    assert refused.value.code == "all_owned"


def test_two_units_of_a_bundle_cost_twice_the_whole_price(shop: Shop, make: Factory) -> None:
    """The second unit is for another server: what is owned was bought for the first."""
    owned, missing = make.product(price=baht(300)), make.product(price=baht(100))
    bundle = make.bundle(owned, missing, price=baht(320))
    user = make.user()
    make.wallet(user, baht(1000))
    own_product(shop, make, user, owned)
    make.cart(user, (bundle, 2))

    assert quote(shop, user.id).subtotal == baht(640)


def test_a_revoked_licence_takes_nothing_off(shop: Shop, make: Factory) -> None:
    owned, missing = make.product(price=baht(300)), make.product(price=baht(100))
    bundle = make.bundle(owned, missing, price=baht(320))
    user = make.user()
    make.wallet(user, baht(1000))
    own_product(shop, make, user, owned)
    with shop.database.engine.begin() as connection:
        connection.execute(text("UPDATE licenses SET status = 'revoked'"))
    make.cart(user, (bundle, 1))
    assert quote(shop, user.id).subtotal == baht(320)


def test_what_a_bundle_holds_is_frozen_when_it_is_ordered(shop: Shop, make: Factory) -> None:
    first, second = make.product(), make.product()
    bundle = make.bundle(first, second, price=baht(320))
    user = make.user()
    make.cart(user, (bundle, 1))
    placed = place(shop, user.id, baht(320), PaymentMethod.STRIPE)
    with shop.database.engine.begin() as connection:
        connection.execute(
            text("DELETE FROM bundle_items WHERE product_id = :id"), {"id": second.id}
        )
    with shop.database.reading() as session:
        line = session.scalars(select(OrderLine).where(OrderLine.order_id == placed.order_id)).one()
    assert line.product_ids == [first.id, second.id]
    flow.cancel_order(shop, placed.order_id, user_id=user.id)
