"""A member of staff, and a paid order of two lines."""

from __future__ import annotations

from uuid import UUID

import pytest

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.gateway import buy
from tests.support.giving import (
    TOTAL,
)


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def buyer(make: Factory) -> User:
    """Somebody with two lines in the cart: one unit for 300 baht and three for 40 each."""
    user = make.user()
    make.cart(user, (make.product(price=baht(300)), 1), (make.product(price=baht(40)), 3))
    return user


@pytest.fixture
def card_order(shop: Shop, sandbox: RunningSandbox, buyer: User) -> UUID:
    return buy(shop, sandbox, buyer, TOTAL)
