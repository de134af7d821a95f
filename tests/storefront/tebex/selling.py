"""A seller's Tebex store: payments as its webhooks tell of them, and what the shop makes of it."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import UUID

import requests
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from werkzeug.test import TestResponse

from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.licenses.models import License
from storefront.providers.tebex import sign_body
from storefront.sandbox.serve import RunningSandbox
from storefront.tebex.mailing import issue_claim_link
from storefront.tebex.models import TebexPackage, TebexPurchase
from storefront.tebex.packages import map_package
from tests.support.factories import Factory
from tests.support.gateway import drain

ADDRESS = "/api/webhooks/tebex"
SECRET = "tebex-secret-of-the-tests"
BUYER = "somchai@example.com"
PACKAGE = 6276316
_serial = itertools.count(1)


def payment(**values: Any) -> dict[str, Any]:
    """The subject of a payment's event: one package, bought by somebody who gave an address."""
    products = values.pop("products", None) or [product()]
    return {
        "transaction_id": f"tbx-{next(_serial)}a-test",
        "status": {"id": 1, "description": "Complete"},
        "payment_sequence": "oneoff",
        "price_paid": {"amount": 14.0, "currency": "USD"},
        "customer": {
            "first_name": "Som",
            "email": values.pop("email", BUYER),
            "ip": "203.0.113.9",
            "username": {"id": "99", "username": "somchai"},
            "country": values.pop("country", "GB"),
        },
        "products": products,
        "recurring_payment_reference": values.pop("subscription", None),
        **values,
    }


def product(
    package: int = PACKAGE, *, quantity: int = 1, discord_id: str | None = None
) -> dict[str, Any]:
    """A package in a payment, with the Discord account it asks for."""
    asked = [{"identifier": "discord_id", "option": discord_id}] if discord_id else []
    return {
        "id": package,
        "name": f"Package {package}",
        "quantity": quantity,
        "variables": asked,
    }


def event(kind: str, subject: dict[str, Any], *, at: int = 0, **values: Any) -> bytes:
    """An event as Tebex sends it; `at` is its second within one minute."""
    return json.dumps(
        {
            "id": f"event-{next(_serial)}",
            "type": kind,
            "date": f"2026-11-28T10:00:{at:02}+00:00",
            "subject": subject,
            **values,
        }
    ).encode()


def news(
    kind: str,
    reference: str,
    first: dict[str, Any],
    last: dict[str, Any] | None = None,
    *,
    at: int = 0,
    **values: Any,
) -> bytes:
    """An event about a subscription, with its first and its last payment in it."""
    subject = {
        "reference": reference,
        "created_at": "2026-11-28T09:00:00.000000Z",
        "next_payment_at": "2026-12-28T09:00:00.000000Z",
        "status": {"id": 2, "description": "Active"},
        "initial_payment": first,
        "last_payment": last or first,
        "fail_count": 0,
        "price": {"amount": 14.0, "currency": "USD"},
        "cancelled_at": None,
        "cancel_reason": None,
        **values,
    }
    return event(f"recurring-payment.{kind}", subject, at=at)


def deliver(client: FlaskClient, body: bytes, signature: str | None = None) -> TestResponse:
    """Send it to the shop, well signed unless told otherwise."""
    given = sign_body(body, SECRET) if signature is None else signature
    return client.post(ADDRESS, data=body, headers={"X-Signature": given})


def tell(shop: Shop, client: FlaskClient, *bodies: bytes) -> None:
    """The events come in this order, each applied before the next."""
    for body in bodies:
        assert deliver(client, body).status_code == 200
        drain(shop)


def know(shop: Shop, make: Factory, item: Product, *, package: int = PACKAGE) -> None:
    """Staff say that this package is the first tier of this product."""
    staff = make.user(role="admin")
    with shop.database.transaction() as session:
        map_package(
            session,
            str(package),
            variant_id=item.variants[0].id,
            actor_id=staff.id,
        )
    drain(shop)


def purchases(shop: Shop) -> list[TebexPurchase]:
    """Every purchase with its lines, oldest first."""
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(TebexPurchase)
                .order_by(TebexPurchase.id)
                .options(selectinload(TebexPurchase.lines))
            )
        )


def licenses(shop: Shop) -> list[License]:
    """Every licence, by unit."""
    with shop.database.reading() as session:
        return list(session.scalars(select(License).order_by(License.unit, License.id)))


def statuses(shop: Shop) -> list[str]:
    """The status of every licence, by unit."""
    return [license.status for license in licenses(shop)]


def packages(shop: Shop) -> list[TebexPackage]:
    """Every package that is known."""
    with shop.database.reading() as session:
        return list(session.scalars(select(TebexPackage)))


def link_to(shop: Shop, purchase_id: UUID, *, email: str = BUYER) -> str:
    """A claim link as the worker makes it for a mail; the path of its page."""
    with shop.database.transaction() as session:
        token = issue_claim_link(session, purchase_id, email=email, now=shop.clock())
    return f"/en/claim/{token}"


def mails_to(shop: Shop, sandbox: RunningSandbox, address: str) -> list[dict[str, Any]]:
    """What the mail server took for an address, after everything that waits was sent."""
    drain(shop)
    answer = requests.get(f"{sandbox.url}/inbox.json", params={"to": address}, timeout=10)
    found: list[dict[str, Any]] = answer.json()
    return found
