"""Keys that end, tiers above them, buying for them by the shop's own way, and giving that back.

Who imports the fixtures has the scene set."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.cart.rules import CartOwner
from storefront.catalog.models import Product
from storefront.checkout.quotes import find_quote
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseEvent
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination, LicenseRule
from storefront.renewals.models import TermChange
from storefront.renewals.queries import find_offers
from storefront.renewals.rules import Offers
from storefront.renewals.wishes import want_offer
from tests.support.factories import Factory
from tests.support.gateway import place
from tests.support.giving import draft
from tests.support.ladder import Shelf
from tests.support.purchases import own_product


@pytest.fixture
def shelf(make: Factory) -> Shelf:
    """A product in three tiers."""
    return Shelf(make)


@pytest.fixture
def buyer(make: Factory) -> User:
    """Whose key it is."""
    return make.user()


@pytest.fixture
def staff(make: Factory) -> User:
    """Who gives money back."""
    return make.user(role=Role.ADMIN)


@pytest.fixture
def key(shop: Shop, make: Factory, shelf: Shelf, buyer: User) -> UUID:
    """A key of the lowest tier, bought just now."""
    return own_key(shop, make, buyer, shelf.product)


def own_key(shop: Shop, make: Factory, user: User, product: Product) -> UUID:
    """Let somebody buy one unit from the wallet; the id of its licence."""
    own_product(shop, make, user, product)
    with shop.database.reading() as session:
        return session.scalars(
            select(License.id)
            .where(License.user_id == user.id, License.product_id == product.id)
            .order_by(License.id.desc())
            .limit(1)
        ).one()


def want(shop: Shop, user: User, key: UUID, variant_id: UUID) -> None:
    """Put the offer into the cart."""
    with shop.database.transaction() as session:
        want_offer(session, key, variant_id=variant_id, user_id=user.id, now=shop.clock())


def total_in_cart(shop: Shop, user: User) -> Money:
    with shop.database.reading() as session:
        quote = find_quote(session, CartOwner.member(user.id), now=shop.clock())
    assert quote is not None
    return quote.total


def order_cart(
    shop: Shop,
    user: User,
    method: PaymentMethod = PaymentMethod.BALANCE,
    wallet_part: Money = Money(0),
) -> UUID:
    """Order what lies in the cart for what it costs now."""
    total = total_in_cart(shop, user)
    return place(shop, user, total, method=method, wallet_part=wallet_part)


def buy_for(shop: Shop, make: Factory, user: User, key: UUID, variant_id: UUID) -> UUID:
    """Renew or upgrade a key from the wallet; the order's id."""
    want(shop, user, key, variant_id)
    make.wallet(user, total_in_cart(shop, user) or baht(1))
    return order_cart(shop, user)


def offers_of(shop: Shop, user: User, key: UUID) -> Offers:
    with shop.database.reading() as session:
        return find_offers(session, [key], user_id=user.id, now=shop.clock())[key]


def license_of(shop: Shop, key: UUID) -> License:
    with shop.database.reading() as session:
        return session.scalars(
            select(License).where(License.id == key).execution_options(populate_existing=True)
        ).one()


def terms_of(shop: Shop, key: UUID) -> tuple[UUID, int, datetime | None]:
    license = license_of(shop, key)
    return license.variant_id, license.slots, license.expires_at


def line_of(shop: Shop, order_id: UUID) -> OrderLine:
    with shop.database.reading() as session:
        return session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one()


def changes_of(shop: Shop, key: UUID) -> list[str]:
    """The states of what was ever bought for a key."""
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(TermChange.state).where(TermChange.license_id == key).order_by(TermChange.id)
            )
        )


def give_back(
    shop: Shop,
    staff: User,
    order_id: UUID,
    amount: Money | None = None,
    to: Destination = Destination.WALLET,
    licenses: LicenseRule = LicenseRule.REVOKE,
) -> None:
    """All of an order with one line, or so much of it."""
    line = line_of(shop, order_id)
    wanted = {line.id: line.paid if amount is None else amount}
    refund_order(shop, order_id, draft(wanted, to, licenses=licenses), actor_id=staff.id)


def events_of(shop: Shop, key: UUID) -> list[str]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(LicenseEvent.action)
                .where(LicenseEvent.license_id == key)
                .order_by(LicenseEvent.id)
            )
        )


def count_licenses(shop: Shop) -> int:
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(License)) or 0


def set_license(shop: Shop, key: UUID, **values: object) -> None:
    """Move something by hand, as if long ago."""
    with shop.database.transaction() as session:
        session.execute(update(License).where(License.id == key).values(**values))


def days(number: int) -> timedelta:
    return timedelta(days=number)
