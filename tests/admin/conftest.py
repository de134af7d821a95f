"""Who works in the back office, and the shelf of catalogue files."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.catalog.models import Category
from tests.admin.product_fields import TIER
from tests.support.factories import Factory, SignIn


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """A browser in which an admin is signed in."""
    sign_in(client, make.user(role="admin", display_name="Mali"))
    return client


@pytest.fixture
def shelf(make: Factory) -> Category:
    """The category of the files below."""
    return make.category("scripts")


@pytest.fixture
def editor(make: Factory, client: FlaskClient, sign_in: SignIn) -> User:
    user = make.user(role="admin", display_name="Ploy")
    sign_in(client, user)
    return user


@pytest.fixture
def typed(shelf: Category) -> dict[str, Any]:
    """What somebody types who makes no mistake."""
    return {
        "category_id": shelf.id,
        "name_th": "ตลาดกลางคืน",
        "name_en": "Night Market",
        "summary_th": "แผงขายของ",
        "summary_en": "Stalls",
        "description_th": "ขาย",
        "description_en": "Sells",
        "features_en": "Stalls\nLights\n",
        "tags": "market, night",
        "frameworks": ["esx", "qbcore"],
        "dependencies": "ox_lib, oxmysql",
        "delivery": "protected",
        "resource_cost": "0.04",
        "docs_url": "https://docs.example.com/night",
        "video_url": "https://youtu.be/abc",
        "featured": "1",
        **TIER,
    }
