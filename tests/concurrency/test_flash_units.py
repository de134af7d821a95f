"""Units at a flash price under a rush, and the locks that buying, selling out and ending a sale
take."""

from __future__ import annotations

import random
from functools import partial
from threading import Barrier

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import OrderLine, PaymentMethod
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory


def buyer_of(make: Factory, *products: Product, purse: Money) -> User:
    user = make.user()
    make.cart(user, *((product, 1) for product in products))
    make.wallet(user, purse)
    return user


def place(shop: Shop, user: User, total: Money) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    )


def test_forty_buyers_of_five_flash_units_get_exactly_five(shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), units=5)
    buyers = [buyer_of(make, product, purse=baht(490)) for _ in range(40)]

    outcomes = race([partial(place, shop, user, baht(390)) for user in buyers])

    assert len(successes_in(outcomes)) == 5
    assert codes_of(outcomes) == ["total_changed"] * 35, "nobody is charged more than they saw"
    with shop.database.reading() as session:
        item = session.scalars(select(FlashSaleItem)).one()
        prices = session.scalars(select(OrderLine.unit_price_satang)).all()
    assert (item.sold, item.held) == (5, 0)
    assert prices == [39_000] * 5


def test_control_counting_before_taking_sells_more_than_the_sale_has(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE sale AS SELECT 2 AS units, 0 AS sold"))

    def buy(session: Session, everybody_has_read: Barrier) -> None:
        left = session.scalar(text("SELECT units - sold FROM sale"))
        everybody_has_read.wait()
        if left >= 1:
            session.execute(text("UPDATE sale SET sold = sold + 1"))

    race_transactions(database, buy, runners=12)
    with database.reading() as session:
        assert session.scalar(text("SELECT sold FROM sale")) == 12


def test_carts_that_sell_each_other_out_do_not_deadlock(shop: Shop, make: Factory) -> None:
    """Selling the last unit changes the product's card too: those rows are locked in one order."""
    shuffle = random.Random(20261122)
    for _ in range(6):
        products = [make.product(price=baht(10), stock=1) for _ in range(4)]
        for product in products:
            make.flash_sale(product, price=baht(9), units=1)
        carts = [shuffle.sample(products, 4) for _ in range(8)]
        buyers = [buyer_of(make, *cart, purse=baht(40)) for cart in carts]

        outcomes = race([partial(place, shop, user, baht(36)) for user in buyers])

        assert len(successes_in(outcomes)) == 1
        assert set(codes_of(outcomes)) <= {"sold_out", "total_changed"}


def test_ending_a_sale_does_not_wait_crosswise_with_its_buyers(shop: Shop, make: Factory) -> None:
    """Buyers lock the variant and then the sale's item; ending the sale locks the item first and
    must not want the variant."""
    product = make.product(price=baht(490))
    item = make.flash_sale(product, price=baht(390))
    item_is_locked, buyer_waits = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def end() -> str:
        with shop.database.transaction() as session:
            session.execute(
                update(FlashSale).where(FlashSale.id == item.sale_id).values(ends_at=text("now()"))
            )
            item_is_locked.wait()
            buyer_waits.wait()
        return "ended"

    def buy() -> str:
        with shop.database.transaction() as session:
            session.execute(update(Variant).where(Variant.id == item.variant_id).values(held=0))
            item_is_locked.wait()
            buyer_waits.wait()
            session.execute(update(FlashSaleItem).where(FlashSaleItem.id == item.id).values(held=0))
        return "bought"

    assert race([end, buy]) == ["ended", "bought"]
