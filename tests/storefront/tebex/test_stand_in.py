"""The little Tebex sells, and the real shop on the other end believes its signature."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.serving import make_server

from storefront.bootstrap import Shop
from storefront.catalog.models import Variant
from storefront.sandbox.world.state import World
from storefront.sandbox.world.storage import Store
from storefront.sandbox.world.web import create_web
from tests.storefront.tebex.selling import know, licenses, purchases, statuses
from tests.support.factories import Factory
from tests.support.gateway import drain


@pytest.fixture
def tebex(app: Flask, tmp_path: Path) -> Iterator[FlaskClient]:
    """A sandbox that tells the shop, which listens on a real port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store = Store(tmp_path / "sandbox.sqlite3")
    world = World(store, webhook_url=f"http://127.0.0.1:{server.port}/api/webhooks/stripe")
    yield create_web(world).test_client()
    server.shutdown()
    thread.join()
    store.close()


def test_what_is_sold_reaches_the_buyers_account(
    shop: Shop, make: Factory, tebex: FlaskClient
) -> None:
    user = make.user()
    know(shop, make, make.product())

    sold = tebex.post("/control/tebex", json={"quantity": 2, "discord_id": user.discord_id})

    assert sold.get_json()["sent"] == [{"type": "payment.completed", "status": 200}]
    drain(shop)
    assert [one.user_id for one in purchases(shop)] == [user.id]
    assert statuses(shop) == ["active", "active"]


def test_its_buttons_refund_dispute_and_decide(
    shop: Shop, make: Factory, tebex: FlaskClient
) -> None:
    user = make.user()
    know(shop, make, make.product())
    sold = tebex.post("/control/tebex", json={"discord_id": user.discord_id}).get_json()
    transaction = sold["subject"]["transaction_id"]
    drain(shop)
    seen = []

    for verb in ("dispute", "close", "refund"):
        answer = tebex.post(f"/control/tebex/{transaction}/{verb}", data={"back": "1"})
        assert answer.status_code == 303
        drain(shop)
        seen += statuses(shop)

    # `close` says with the payment's status that the seller won.
    assert seen == ["suspended", "active", "revoked"]
    assert transaction in tebex.get("/tebex").text


def test_it_asks_whether_the_endpoint_is_there(shop: Shop, tebex: FlaskClient) -> None:
    answer = tebex.post("/control/tebex/validations").get_json()

    assert answer["status"] == 200
    assert '"id"' in answer["body"]


def test_what_it_does_not_know_is_refused(tebex: FlaskClient) -> None:
    assert tebex.post("/control/tebex", json={"price": 5}).status_code == 400
    assert tebex.post("/control/tebex", json={"quantity": "many"}).status_code == 400
    assert tebex.post("/control/tebex/tbx-0/refund").status_code == 404


def test_a_subscription_is_sold_renewed_and_ended(
    shop: Shop, make: Factory, tebex: FlaskClient
) -> None:
    user = make.user()
    know(shop, make, make.product())
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(duration_days=30))
    asked = {"discord_id": user.discord_id, "subscription": "1"}
    sold = tebex.post("/control/tebex", json=asked).get_json()
    reference = sold["subject"]["recurring_payment_reference"]
    told = [one["type"] for one in sold["sent"]]

    for verb in ("renew", "cancel", "keep", "renew", "end"):
        answer = tebex.post(f"/control/tebex/subscriptions/{reference}/{verb}", json={})
        told += [one["type"] for one in answer.get_json()["sent"][-1:]]
    once = tebex.post(f"/control/tebex/subscriptions/{reference}/renew", data={"once": "1"})
    drain(shop)

    assert told == [
        "payment.completed",
        "recurring-payment.started",
        "recurring-payment.renewed",
        "recurring-payment.cancellation.requested",
        "recurring-payment.cancellation.aborted",
        "recurring-payment.renewed",
        "recurring-payment.ended",
    ]
    assert [one["type"] for one in once.get_json()["sent"]] == ["recurring-payment.renewed"]
    (license,) = licenses(shop)
    assert license.expires_at is not None
    assert round((license.expires_at - license.created_at).days / 30) == 4
    assert reference in tebex.get("/tebex").text
    assert tebex.post("/control/tebex/subscriptions/tbx-r-0/renew").status_code == 404
    assert tebex.post(f"/control/tebex/subscriptions/{reference}/pause").status_code == 404
