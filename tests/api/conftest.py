"""A bought licence and a game server that asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.kit.money import baht
from storefront.licenses.models import License
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory

VERIFY = "/api/licenses/verify"


@dataclass(frozen=True)
class Bought:
    """A licence with its key in clear."""

    shop: Shop
    license: License
    key: str
    product: Product
    owner: User

    def change(self, **values: Any) -> None:
        """Change the row, as time or staff would."""
        with self.shop.database.transaction() as session:
            session.execute(update(License).where(License.id == self.license.id).values(**values))


@pytest.fixture
def bought(shop: Shop, make: Factory) -> Bought:
    """One unit of a product, bought by somebody."""
    owner, product = make.user(username="nok"), make.product(price=baht(100), slots=2)
    buy(shop, make, owner, (product, 1))
    with shop.database.reading() as session:
        license = session.scalars(select(License)).one()
    return Bought(shop, license, shop.vault.open(license.key_encrypted), product, owner)


@pytest.fixture
def game_server(app: Flask) -> FlaskClient:
    """A program: no cookies, no CSRF token, no redirects."""
    return app.test_client(use_cookies=False)


def ask(game_server: FlaskClient, **question: Any) -> dict[str, Any]:
    """The verdict on a question asked properly."""
    answer = game_server.post(VERIFY, json=question)
    assert answer.status_code == 200
    verdict = answer.get_json()
    assert isinstance(verdict, dict)
    return verdict


def parse(moment: str) -> datetime:
    """A time in an answer; it has an offset."""
    parsed = datetime.fromisoformat(moment)
    assert parsed.tzinfo is not None
    return parsed
