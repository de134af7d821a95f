"""Somebody with one licence of two slots, signed in just now."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.licenses.models import License
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory, SignIn
from tests.support.license_use import only_license


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user()


@pytest.fixture
def license(shop: Shop, make: Factory, owner: User) -> License:
    buy(shop, make, owner, (make.product(), 1))
    return only_license(shop, owner)


@pytest.fixture
def buyer(client: FlaskClient, sign_in: SignIn, owner: User, license: License) -> FlaskClient:
    """The owner's browser."""
    sign_in(client, owner)
    return client
