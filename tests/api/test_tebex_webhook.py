"""The door for Tebex's events: what is signed with one of our secrets, stored once."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.webhooks import LARGEST_EVENT_BYTES
from storefront.app import create_app
from storefront.bootstrap import Shop, boot
from storefront.outbox import OutboxMessage
from storefront.payments.models import WebhookEvent
from tests.storefront.tebex.selling import ADDRESS, SECRET, deliver, event, payment

BODY = event("payment.completed", payment())
OTHER_SECRET = "another-secret-of-the-seller"


def sign(body: bytes, secret: str) -> str:
    """As the documentation says it, written anew: HMAC of the hex digest of the body."""
    digest = hashlib.sha256(body).hexdigest().encode()
    return hmac.new(secret.encode(), digest, hashlib.sha256).hexdigest()


def written(shop: Shop) -> tuple[int, int]:
    with shop.database.reading() as session:
        counts = [
            session.scalar(select(func.count()).select_from(model)) or 0
            for model in (WebhookEvent, OutboxMessage)
        ]
    return counts[0], counts[1]


@pytest.fixture
def store(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def test_a_signed_event_is_stored_and_its_application_queued(
    store: FlaskClient, shop: Shop
) -> None:
    answer = deliver(store, BODY, sign(BODY, SECRET))

    assert (answer.status_code, answer.get_json()) == (200, {"received": True})
    assert written(shop) == (1, 1)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0" * 64,
        sign(BODY, SECRET)[:-1],
        sign(BODY, SECRET) + "0",
        sign(BODY, SECRET).upper(),
        sign(BODY, "tebex-secret-of-the-test"),
        sign(BODY + b" ", SECRET),
        hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
        hashlib.sha256(BODY).hexdigest(),
        f"sha256={sign(BODY, SECRET)}",
        "é" * 64,
        "a" * 5000,
    ],
)
def test_a_bad_signature_is_refused_and_writes_nothing(
    store: FlaskClient, shop: Shop, signature: str
) -> None:
    answer = deliver(store, BODY, signature)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "bad_signature")
    assert written(shop) == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"id": 7, "type": "payment.completed"}',
        b'{"id": "", "type": "payment.completed"}',
        b'{"id": "x", "type": null}',
        b'{"id": "x\\u0000", "type": "payment.completed"}',
        b'{"id": "x", "type": "payment.completed", "subject": {"a": NaN}}',
        b'{"id": "x", "type": "payment.completed", "subject": "\\ud800"}',
        json.dumps({"id": "x" * 201, "type": "payment.completed"}).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_signed_and_is_no_event_is_refused_too(
    store: FlaskClient, shop: Shop, body: bytes
) -> None:
    assert deliver(store, body, sign(body, SECRET)).status_code == 400
    assert written(shop) == (0, 0)


def test_the_question_whether_we_are_there_is_answered_with_its_id_and_not_stored(
    store: FlaskClient, shop: Shop
) -> None:
    body = event("validation.webhook", {})

    answer = deliver(store, body, sign(body, SECRET))

    assert (answer.status_code, answer.get_json()) == (200, {"id": json.loads(body)["id"]})
    assert deliver(store, body, "0" * 64).status_code == 400
    assert written(shop) == (0, 0)


def test_an_event_that_comes_five_times_is_stored_once(store: FlaskClient, shop: Shop) -> None:
    for _ in range(5):
        assert deliver(store, BODY, sign(BODY, SECRET)).status_code == 200

    assert written(shop) == (1, 1)


def test_an_event_of_tebex_with_the_id_of_one_of_stripe_is_another(
    store: FlaskClient, shop: Shop
) -> None:
    event_id = json.loads(BODY)["id"]
    with shop.database.transaction() as session:
        session.add(
            WebhookEvent(source="stripe", event_id=event_id, event_type="x", payload={"a": 1})
        )

    deliver(store, BODY, sign(BODY, SECRET))

    assert written(shop) == (2, 1)


def test_a_shop_without_a_secret_has_no_such_page(shop: Shop) -> None:
    settings = dataclasses.replace(shop.settings, tebex_webhook_secrets=())
    closed = create_app(boot(settings, pool_size=2)).test_client(use_cookies=False)

    for secret in (SECRET, ""):
        answer = deliver(closed, BODY, sign(BODY, secret))
        assert (answer.status_code, answer.is_json) == (404, True)
    assert written(shop) == (0, 0)


def test_while_secrets_are_exchanged_both_are_good(shop: Shop) -> None:
    settings = dataclasses.replace(shop.settings, tebex_webhook_secrets=(SECRET, OTHER_SECRET))
    rotating = create_app(boot(settings, pool_size=2)).test_client(use_cookies=False)

    for secret in (SECRET, OTHER_SECRET):
        body = event("payment.completed", payment())
        assert deliver(rotating, body, sign(body, secret)).status_code == 200
    assert written(shop) == (2, 2)


def test_a_body_over_the_limit_is_refused_though_it_is_signed(
    store: FlaskClient, shop: Shop
) -> None:
    body = event("payment.completed", payment(), note="x" * LARGEST_EVENT_BYTES)

    assert deliver(store, body, sign(body, SECRET)).status_code == 413
    assert written(shop) == (0, 0)


def test_the_door_takes_posts_alone(store: FlaskClient) -> None:
    assert store.get(ADDRESS).status_code == 405
