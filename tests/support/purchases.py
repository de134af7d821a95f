"""Buying something in a test, by the shop's own way."""

from __future__ import annotations

from sqlalchemy import delete

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.cart.models import Cart
from storefront.catalog.models import Product
from storefront.checkout import flow
from storefront.kit.ids import new_id
from storefront.orders.models import PaymentMethod
from tests.support.factories import Factory


def own_product(shop: Shop, make: Factory, user: User, product: Product) -> None:
    """Let somebody buy one unit from the wallet. Whatever was in the cart is gone, and so is the
    cart."""
    price = product.variants[0].price
    with shop.database.transaction() as session:
        session.execute(delete(Cart).where(Cart.user_id == user.id))
    make.wallet(user, price)
    make.cart(user, (product, 1))
    flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=price,
        idempotency_key=str(new_id()),
        locale="en",
    )
    with shop.database.transaction() as session:
        session.execute(delete(Cart).where(Cart.user_id == user.id))
