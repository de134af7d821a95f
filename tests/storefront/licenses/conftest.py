"""A licence with two slots, its owner, and staff."""

from __future__ import annotations

import pytest

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.licenses.models import License
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory
from tests.support.license_use import only_license


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user()


@pytest.fixture
def license(shop: Shop, make: Factory, owner: User) -> License:
    """Two slots, ends in 30 days."""
    buy(shop, make, owner, (make.product(price=baht(100), duration_days=30), 1))
    return only_license(shop, owner)
