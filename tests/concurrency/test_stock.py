"""The last units of a product, and carts that want the same things in another order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from threading import Barrier
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import PaymentMethod
from tests.concurrency.racing import (
    codes_of,
    race,
    race_transactions,
    slow_down_updates,
    successes_in,
)
from tests.support.factories import Factory


def buyer_of(make: Factory, *products: Product) -> User:
    """Somebody with these products in the cart and just enough in the wallet."""
    user = make.user()
    make.cart(user, *((product, 1) for product in products))
    make.wallet(user, total_of(products))
    return user


def total_of(products: Sequence[Product]) -> Money:
    return Money(sum(product.variants[0].price_satang for product in products))


def place(shop: Shop, user: User, total: Money) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    )


def test_forty_buyers_of_the_last_three_units_get_exactly_three(shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(100), stock=3)
    buyers = [buyer_of(make, product) for _ in range(40)]

    outcomes = race([partial(place, shop, user, baht(100)) for user in buyers])

    assert len(successes_in(outcomes)) == 3
    assert codes_of(outcomes) == ["sold_out"] * 37
    with shop.database.reading() as session:
        variant = session.get_one(Variant, product.variants[0].id)
    assert (variant.sold, variant.held) == (3, 0)


def test_control_looking_before_taking_sells_what_is_not_there(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE shelf AS SELECT 3 AS stock, 0 AS sold"))

    def buy(session: Session, everybody_has_read: Barrier) -> None:
        left = session.scalar(text("SELECT stock - sold FROM shelf"))
        everybody_has_read.wait()
        if left >= 1:
            session.execute(text("UPDATE shelf SET sold = sold + 1"))

    race_transactions(database, buy, runners=12)
    with database.reading() as session:
        assert session.scalar(text("SELECT sold FROM shelf")) == 12


def test_carts_with_the_same_five_items_in_any_order_do_not_deadlock(
    shop: Shop, make: Factory
) -> None:
    products = [make.product(price=baht(10), stock=100) for _ in range(5)]
    shuffle = random.Random(20261121)
    carts = [shuffle.sample(products, 5) for _ in range(16)]
    buyers = [buyer_of(make, *cart) for cart in carts]

    outcomes = race([partial(place, shop, user, baht(50)) for user in buyers])

    assert len(successes_in(outcomes)) == 16
    with shop.database.reading() as session:
        assert set(session.scalars(select(Variant.sold))) == {16}


def test_control_locking_in_the_order_of_the_cart_deadlocks(
    database: Database, make: Factory
) -> None:
    first, second = (make.product(stock=9).variants[0].id for _ in range(2))
    each_holds_one = Barrier(2, timeout=10)

    def hold_unsorted(variant_ids: Sequence[UUID]) -> str:
        try:
            with database.transaction() as session:
                for position, variant_id in enumerate(variant_ids):
                    session.execute(
                        update(Variant).where(Variant.id == variant_id).values(sold=Variant.sold)
                    )
                    if position == 0:
                        each_holds_one.wait()
        except OperationalError as error:
            return type(error.orig).__name__
        return "done"

    outcomes = race(
        [lambda: hold_unsorted([first, second]), lambda: hold_unsorted([second, first])]
    )
    assert sorted(map(str, outcomes)) == ["DeadlockDetected", "done"]


def test_tiers_of_the_same_products_bought_crosswise_do_not_deadlock(
    shop: Shop, make: Factory
) -> None:
    """Two carts share no variant but both products: the sales figures must be locked in one
    order too."""
    one, two = make.product(price=baht(10), stock=9), make.product(price=baht(10), stock=9)
    # The very first sale opens the shop's account of sales, which others wait for.
    place(shop, buyer_of(make, one), baht(10))
    cheap_two, cheap_one = add_tier(shop.database, two), add_tier(shop.database, one)
    # By id, which is the order of locking: one, two, cheap_two, cheap_one.
    carts = [(one.variants[0].id, cheap_two), (two.variants[0].id, cheap_one)]
    buyers = [buyer_with_variants(shop.database, make, cart) for cart in carts]

    slow_down_updates(shop.database, "products")

    outcomes = race([partial(place, shop, user, baht(20)) for user in buyers])

    assert len(successes_in(outcomes)) == 2


def add_tier(database: Database, product: Product) -> UUID:
    tier = Variant(
        id=new_id(),
        product_id=product.id,
        code="cheap",
        name_th="ถูก",
        name_en="Cheap",
        price_satang=1000,
        stock=9,
        slots=1,
    )
    with database.transaction() as session:
        session.add(tier)
    return tier.id


def buyer_with_variants(database: Database, make: Factory, variant_ids: Sequence[UUID]) -> User:
    user = make.user()
    make.wallet(user, baht(20))
    cart_id = make.cart(user)
    with database.transaction() as session:
        for variant_id in variant_ids:
            session.execute(
                text(
                    "INSERT INTO cart_lines"
                    " (id, cart_id, variant_id, quantity, seen_price_satang)"
                    " VALUES (gen_random_uuid(), :cart, :variant, 1, 1000)"
                ),
                {"cart": cart_id, "variant": variant_id},
            )
    return user
