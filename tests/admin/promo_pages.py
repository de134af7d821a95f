"""What tests of the promo pages share: reading codes, following answers, using a code."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from storefront.bootstrap import Shop
from storefront.catalog.models import Category
from storefront.checkout import flow
from storefront.checkout.quotes import get_quote
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.promos.models import PromoCode
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
LIST = "/en/admin/promos"
NEW = f"{LIST}/new"
BATCHES = f"{LIST}/batches"
DAY = timedelta(days=1)
TYPED = {
    "code": "WELCOME10",
    "kind": "percent",
    "value": "10",
    "maximum": "200",
    "per_customer_limit": "1",
    "covers": "all",
    "active": "1",
}
BATCH = {"batch": "Flyers", "prefix": "fly", "count": "20", "value": "15", "active": "1"}


def promos_of(shop: Shop) -> list[PromoCode]:
    with shop.database.reading() as session:
        return list(session.scalars(select(PromoCode).order_by(PromoCode.id)))


def only_promo(shop: Shop) -> PromoCode:
    (promo,) = promos_of(shop)
    return promo


def shelf_of(shop: Shop) -> UUID:
    with shop.database.reading() as session:
        return session.scalars(select(Category.id).limit(1)).one()


def follow(client: FlaskClient, answer: TestResponse) -> TestResponse:
    assert answer.status_code == 303, answer.text
    return client.get(answer.location)


def use(
    shop: Shop, make: Factory, code: str, method: PaymentMethod = PaymentMethod.BALANCE
) -> UUID:
    """An order of ฿490 with the code by Nok."""
    user = make.user(display_name="Nok")
    make.cart(user, (make.product(price=baht(490)), 1), promo_code=code)
    make.wallet(user, baht(490))
    with shop.database.reading() as session:
        total = get_quote(session, user.id, now=shop.clock()).total
    return flow.place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    ).order_id
