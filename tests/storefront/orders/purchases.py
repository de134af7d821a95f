"""Orders made the real way, and the number of queries a page takes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Engine, event, select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.cart.rules import CartOwner
from storefront.cart.service import add_line
from storefront.catalog.models import Product
from storefront.checkout.flow import place_order
from storefront.kit.money import total_of
from storefront.orders.models import Order, PaymentMethod
from tests.support.factories import Factory

# No page takes more. Those of a member, whose header is read in one query, keep two free for what
# they may show one day; the page of a licence alone has used them.
QUERY_CEILING = 12
MEMBER_CEILING = 10
_keys = itertools.count(1)


def buy(
    shop: Shop,
    make: Factory,
    user: User,
    *lines: tuple[Product, int],
    method: PaymentMethod = PaymentMethod.BALANCE,
) -> Order:
    """Put lines into the cart and place the order; paid from the wallet, which is filled first,
    unless another method is asked for."""
    total = total_of(product.variants[0].price * quantity for product, quantity in lines)
    if method is PaymentMethod.BALANCE and total:
        make.wallet(user, total)
    _refill_cart(shop, make, user, lines)
    placed = place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=f"test-key-{next(_keys):08d}",
        locale="en",
    )
    return read_order(shop, placed.order_id)


def read_order(shop: Shop, order_id: UUID) -> Order:
    """The order as it stands in the database."""
    with shop.database.reading() as session:
        return session.scalars(select(Order).where(Order.id == order_id)).one()


@contextmanager
def counted_queries(engine: Engine) -> Iterator[list[str]]:
    """Every statement sent to the database inside the block."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _refill_cart(
    shop: Shop, make: Factory, user: User, lines: tuple[tuple[Product, int], ...]
) -> None:
    with shop.database.transaction() as session:
        for product, quantity in lines:
            add_line(
                session,
                CartOwner(user_id=user.id),
                product.variants[0].id,
                quantity=quantity,
                now=shop.clock(),
            )
