"""Renewing and upgrading keys through cart and checkout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.catalog.models import BundleItem, StockHold, Variant
from storefront.checkout import flow
from storefront.errors import Conflict, DomainError, NotFound
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import OrderState, PaymentMethod
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import find_pots
from tests.support.factories import Factory
from tests.support.gateway import order_of, pay
from tests.support.giving import draft
from tests.support.ladder import MONTH, YEAR, Shelf
from tests.support.renewing import (
    buy_for,
    changes_of,
    count_licenses,
    days,
    events_of,
    license_of,
    line_of,
    offers_of,
    order_cart,
    own_key,
    set_license,
    terms_of,
    total_in_cart,
    want,
)


def keys_of(shop: Shop, user: User, shelf: Shelf) -> list[UUID]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(License.id)
                .where(License.user_id == user.id, License.product_id == shelf.product.id)
                .order_by(License.unit)
            )
        )


def credit_for(shop: Shop, user: User, key: UUID, shelf: Shelf) -> Money:
    offer = offers_of(shop, user, key).find(shelf.year)
    assert offer is not None
    assert offer.price == baht(600) - offer.credit
    return offer.credit


def test_a_renewal_adds_its_days_to_the_end_and_issues_no_key(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    end = license_of(shop, key).expires_at
    assert end is not None

    order_id = buy_for(shop, make, buyer, key, shelf.month)

    assert terms_of(shop, key) == (shelf.month, 1, end + days(MONTH))
    assert count_licenses(shop) == 1
    line = line_of(shop, order_id)
    assert (line.purpose, line.license_id, line.ends_at) == ("renew", key, end + days(MONTH))
    assert line.key_hint == license_of(shop, key).key_hint
    assert events_of(shop, key)[-1] == "renewed"


def test_an_expired_key_is_renewed_from_now_on(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    set_license(shop, key, expires_at=datetime.now(UTC) - days(10), status="expired")

    buy_for(shop, make, buyer, key, shelf.month)

    license = license_of(shop, key)
    assert license.expires_at is not None
    assert timedelta(0) <= datetime.now(UTC) + days(MONTH) - license.expires_at < days(1)
    assert license.status == "active"


def test_an_upgrade_costs_the_difference_and_gives_the_tiers_terms(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    issued = license_of(shop, key).created_at

    order_id = buy_for(shop, make, buyer, key, shelf.year)
    assert order_of(shop, order_id).total == baht(500)
    assert terms_of(shop, key) == (shelf.year, 2, issued + days(YEAR))

    order_id = buy_for(shop, make, buyer, key, shelf.ever)
    assert order_of(shop, order_id).total == baht(400)
    assert terms_of(shop, key) == (shelf.ever, 5, None)
    line = line_of(shop, order_id)
    assert (line.list_price, line.unit_price, line.ends_at) == (baht(1_000), baht(400), None)
    assert events_of(shop, key)[-2:] == ["upgraded", "upgraded"]
    assert count_licenses(shop) == 1


def test_what_a_code_took_off_and_what_came_back_is_not_paid_twice_over(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    make.promo("HALF", kind="percent", value=5_000)
    make.cart(buyer, (shelf.product, 3), promo_code="HALF")
    make.wallet(buyer, baht(150))
    line = line_of(shop, order_cart(shop, buyer))
    first, second, _ = keys_of(shop, buyer, shelf)
    assert credit_for(shop, buyer, first, shelf) == baht(50)

    # The last unit whole and ten baht more: the two that are left have cost ninety.
    staff = make.user(role=Role.ADMIN)
    refund_order(
        shop, line.order_id, draft({line.id: baht(60)}, Destination.WALLET), actor_id=staff.id
    )

    assert credit_for(shop, buyer, first, shelf) == baht(45)
    assert credit_for(shop, buyer, second, shelf) == baht(45)


def test_an_upgrade_of_a_key_that_cost_more_is_a_free_order(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    with shop.database.transaction() as session:
        session.get_one(Variant, shelf.year).price_satang = 9_000
    want(shop, buyer, key, shelf.year)

    order_id = order_cart(shop, buyer, PaymentMethod.STRIPE)

    order = order_of(shop, order_id)
    assert (order.state, order.payment_method, order.total) == ("completed", "free", Money(0))
    assert terms_of(shop, key)[:2] == (shelf.year, 2)


@pytest.mark.parametrize("method", [PaymentMethod.STRIPE, PaymentMethod.PROMPTPAY])
def test_a_renewal_is_given_when_the_gateway_was_paid_once_however_often_it_is_told(
    shop: Shop,
    sandbox: RunningSandbox,
    make: Factory,
    shelf: Shelf,
    buyer: User,
    method: PaymentMethod,
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    end = license_of(shop, key).expires_at
    assert end is not None
    want(shop, buyer, key, shelf.month)
    order_id = order_cart(shop, buyer, method)
    assert changes_of(shop, key) == ["held"]
    assert terms_of(shop, key)[2] == end

    payment = pay(shop, sandbox, order_id)
    flow.refresh_payment(shop, payment.id)

    assert terms_of(shop, key)[2] == end + days(MONTH)
    assert changes_of(shop, key) == ["applied"]


def test_wallet_and_gateway_pay_an_upgrade_together(
    shop: Shop, sandbox: RunningSandbox, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    make.wallet(buyer, baht(200))
    want(shop, buyer, key, shelf.ever)
    order_id = order_cart(shop, buyer, PaymentMethod.STRIPE, wallet_part=baht(200))

    pay(shop, sandbox, order_id)

    assert terms_of(shop, key) == (shelf.ever, 5, None)
    with shop.database.reading() as session:
        assert find_pots(session, buyer.id).total == Money(0)


def test_two_keys_of_one_tier_are_renewed_in_one_order_beside_a_new_one(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    first = own_key(shop, make, buyer, shelf.product)
    second = own_key(shop, make, buyer, shelf.product)
    ends = [license_of(shop, key).expires_at for key in (first, second)]
    make.cart(buyer, (shelf.product, 2))
    want(shop, buyer, first, shelf.month)
    want(shop, buyer, second, shelf.month)
    want(shop, buyer, second, shelf.month)
    assert total_in_cart(shop, buyer) == baht(400)
    make.wallet(buyer, baht(400))

    order_cart(shop, buyer)

    for key, end in zip((first, second), ends, strict=True):
        assert end is not None
        assert license_of(shop, key).expires_at == end + days(MONTH)
    assert count_licenses(shop) == 4


def test_a_renewal_takes_no_unit_and_an_upgrade_takes_one_of_its_tier(
    shop: Shop, make: Factory, buyer: User
) -> None:
    shelf = Shelf(make, stock=1)
    key = own_key(shop, make, buyer, shelf.product)
    with shop.database.transaction() as session:
        session.get_one(Variant, shelf.year).stock = 1

    buy_for(shop, make, buyer, key, shelf.month)
    buy_for(shop, make, buyer, key, shelf.year)

    with shop.database.reading() as session:
        sold = {row.id: row.sold for row in session.scalars(select(Variant))}
        taken = session.scalars(select(StockHold.variant_id).order_by(StockHold.id)).all()
    # The unit of the tier it left stays sold.
    assert (sold[shelf.month], sold[shelf.year]) == (1, 1)
    assert taken == [shelf.month, shelf.year]


def test_a_tier_that_is_sold_out_is_no_upgrade_and_still_a_renewal(
    shop: Shop, make: Factory, buyer: User
) -> None:
    shelf = Shelf(make, stock=1)
    key = own_key(shop, make, buyer, shelf.product)
    with shop.database.transaction() as session:
        session.get_one(Variant, shelf.year).stock = 0

    offers = offers_of(shop, buyer, key)

    assert offers.renewal is not None
    assert [offer.tier.variant_id for offer in offers.upgrades] == [shelf.ever]


def test_an_open_order_keeps_its_keys_and_a_cancelled_one_lets_them_go(
    shop: Shop, sandbox: RunningSandbox, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    want(shop, buyer, key, shelf.month)
    order_id = order_cart(shop, buyer, PaymentMethod.STRIPE)

    with pytest.raises(Conflict) as refused:
        want(shop, buyer, key, shelf.ever)
    assert refused.value.code == "license_in_open_order"

    flow.cancel_order(shop, order_id, user_id=buyer.id)

    assert changes_of(shop, key) == ["released"]
    # What was cancelled lies in the cart again.
    assert total_in_cart(shop, buyer) == baht(100)
    make.wallet(buyer, baht(100))
    order_cart(shop, buyer)
    assert changes_of(shop, key) == ["released", "applied"]


def test_a_key_that_is_revoked_while_its_order_is_open_leaves_the_money_in_the_wallet(
    shop: Shop, sandbox: RunningSandbox, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    want(shop, buyer, key, shelf.month)
    order_id = order_cart(shop, buyer, PaymentMethod.STRIPE)
    set_license(shop, key, status="revoked")

    pay(shop, sandbox, order_id)

    assert order_of(shop, order_id).state == OrderState.EXPIRED
    assert changes_of(shop, key) == ["released"]
    with shop.database.reading() as session:
        assert find_pots(session, buyer.id).total == baht(100)


def test_a_renewal_has_the_price_of_a_sale_and_takes_none_of_its_units(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    make.flash_sale(shelf.product, price=baht(60))

    order_id = buy_for(shop, make, buyer, key, shelf.month)

    assert order_of(shop, order_id).total == baht(60)


def test_the_units_of_a_limited_sale_are_for_new_keys(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    make.flash_sale(shelf.product, price=baht(60), units=5)

    order_id = buy_for(shop, make, buyer, key, shelf.month)

    assert order_of(shop, order_id).total == baht(100)


def test_a_code_covers_a_renewal_like_any_line(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    make.promo("TENTH", covers=shelf.product)
    make.cart(buyer, promo_code="TENTH")
    want(shop, buyer, key, shelf.month)

    assert total_in_cart(shop, buyer) == baht(90)


def test_a_key_of_somebody_else_is_not_found(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    with pytest.raises(NotFound):
        want(shop, make.user(), key, shelf.month)


def test_what_is_no_offer_any_more_blocks_the_cart_and_says_why(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    key = own_key(shop, make, buyer, shelf.product)
    want(shop, buyer, key, shelf.month)
    make.wallet(buyer, baht(100))
    set_license(shop, key, status="suspended")

    with pytest.raises(DomainError) as refused:
        flow.place_order(
            shop,
            user_id=buyer.id,
            method=PaymentMethod.BALANCE,
            expected_total=baht(100),
            idempotency_key="a-key-of-sixteen",
            locale="en",
        )
    assert refused.value.code == "license_offer_gone"


def test_a_part_of_a_bundle_is_renewed_as_its_own_product(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User
) -> None:
    bundle = make.product(price=baht(900), duration_days=MONTH, slots=2)
    for position, product in enumerate((shelf.product, make.product())):
        make._save(BundleItem(bundle_id=bundle.id, product_id=product.id, position=position))
    make.cart(buyer, (bundle, 1))
    make.wallet(buyer, baht(900))
    order_cart(shop, buyer)
    (key,) = keys_of(shop, buyer, shelf)

    offers = offers_of(shop, buyer, key)

    assert offers.renewal is not None
    # The month's tier allows one server only, and the bundle's two.
    assert (offers.renewal.tier.variant_id, offers.renewal.price) == (shelf.year, baht(600))
    assert offers.upgrades == ()
    buy_for(shop, make, buyer, key, shelf.year)
    assert terms_of(shop, key)[:2] == (shelf.year, 2)
    # What was paid for the bundle was not paid for this key.
    assert offers_of(shop, buyer, key).upgrades == ()
