"""A shop that sells one script at Tebex as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.tebex.selling import know
from tests.support.factories import Factory


@pytest.fixture
def store(app: Flask) -> FlaskClient:
    """Tebex's servers: no cookies, no CSRF token."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def script(shop: Shop, make: Factory) -> Product:
    """What the package of `selling` is here."""
    item: Product = make.product(slots=3)
    know(shop, make, item)
    return item


@pytest.fixture
def inbox(sandbox: RunningSandbox) -> Iterator[None]:
    """No mail from earlier tests, none left for later ones."""
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10).raise_for_status()
    yield
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10)
