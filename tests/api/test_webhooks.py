"""The door for the gateway's events: what is signed with one of our secrets, now, in full."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.webhooks import LARGEST_EVENT_BYTES
from storefront.app import create_app
from storefront.bootstrap import Shop, boot
from storefront.outbox import OutboxMessage
from storefront.payments.models import WebhookEvent
from tests.storefront.payments.signing import ADDRESS, deliver, event, sign

OLD, NEW = "whsec_of_last_year", "whsec_of_this_year"


@pytest.fixture
def rotating(shop: Shop) -> FlaskClient:
    """A shop whose endpoint has two secrets: the new one is in use, the old one not yet gone."""
    settings = dataclasses.replace(shop.settings, stripe_webhook_secrets=(NEW, OLD))
    return create_app(boot(settings, pool_size=2)).test_client(use_cookies=False)


def written(shop: Shop) -> tuple[int, int]:
    """How many events and how many messages there are."""
    with shop.database.reading() as session:
        counts = [
            session.scalar(select(func.count()).select_from(model)) or 0
            for model in (WebhookEvent, OutboxMessage)
        ]
    return counts[0], counts[1]


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_while_secrets_are_exchanged_both_are_good(
    rotating: FlaskClient, shop: Shop, secret: str
) -> None:
    payload = event("evt_1", "customer.created")

    answer = deliver(rotating, payload, sign(payload, secret))

    assert (answer.status_code, answer.get_json()) == (200, {"received": True})
    assert written(shop) == (1, 1)


def test_an_event_signed_with_both_secrets_is_stored_once(
    rotating: FlaskClient, shop: Shop
) -> None:
    payload = event("evt_1", "customer.created")
    first, second = sign(payload, OLD), sign(payload, NEW)
    both = f"{first},{second.partition(',')[2]}"

    for signature in (first, second, both):
        assert deliver(rotating, payload, signature).status_code == 200

    assert written(shop) == (1, 1)


def test_no_other_secret_opens_the_door(rotating: FlaskClient, shop: Shop) -> None:
    payload = event("evt_1", "customer.created")
    foreign = [*shop.settings.stripe_webhook_secrets, "", NEW + OLD, NEW[:-1], OLD.upper()]

    for secret in foreign:
        answer = deliver(rotating, payload, sign(payload, secret))
        assert (answer.status_code, answer.get_json()["error"]) == (400, "bad_signature"), secret

    assert written(shop) == (0, 0)


@pytest.mark.parametrize(("age", "status"), [(290, 200), (-290, 200), (301, 400), (-310, 400)])
def test_a_signature_holds_for_five_minutes_in_both_directions(
    rotating: FlaskClient, shop: Shop, age: int, status: int
) -> None:
    payload = event("evt_1", "customer.created")

    answer = deliver(rotating, payload, sign(payload, NEW, age=age))

    assert answer.status_code == status
    assert written(shop) == ((1, 1) if status == 200 else (0, 0))


@pytest.mark.parametrize("too_long", [1, LARGEST_EVENT_BYTES])
def test_a_body_over_the_limit_is_refused_though_it_is_signed(
    rotating: FlaskClient, shop: Shop, too_long: int
) -> None:
    padding = "x" * (LARGEST_EVENT_BYTES + too_long)
    payload = event("evt_1", "customer.created", note=padding)

    assert deliver(rotating, payload, sign(payload, NEW)).status_code == 413
    assert written(shop) == (0, 0)


def test_a_body_without_a_stated_length_is_cut_off_at_the_limit(
    rotating: FlaskClient, shop: Shop
) -> None:
    """Chunked: nobody says beforehand how long it will be."""
    payload = event("evt_1", "customer.created", note="x" * LARGEST_EVENT_BYTES)

    assert chunked(rotating, payload).status_code == 413
    assert written(shop) == (0, 0)
    assert chunked(rotating, event("evt_2", "customer.created")).status_code == 200
    assert written(shop) == (1, 1)


def chunked(client: FlaskClient, payload: bytes) -> Any:
    return client.post(
        ADDRESS,
        input_stream=io.BytesIO(payload),
        headers={"Stripe-Signature": sign(payload, NEW), "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_the_largest_event_that_is_allowed_is_stored(rotating: FlaskClient, shop: Shop) -> None:
    frame = len(event("evt_1", "customer.created", note=""))
    payload = event("evt_1", "customer.created", note="x" * (LARGEST_EVENT_BYTES - frame))
    assert len(payload) == LARGEST_EVENT_BYTES

    assert deliver(rotating, payload, sign(payload, NEW)).status_code == 200
    assert written(shop) == (1, 1)


def test_the_body_is_read_as_bytes_whatever_it_is_called(rotating: FlaskClient, shop: Shop) -> None:
    """A form parser would eat it before its signature is checked."""
    payload = event("evt_1", "customer.created")

    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "x"):
        answer = rotating.post(
            ADDRESS,
            data=payload,
            content_type=kind,
            headers={"Stripe-Signature": sign(payload, NEW)},
        )
        assert answer.status_code == 200, kind

    assert written(shop) == (1, 1)


def test_hostile_headers_are_no_signature(rotating: FlaskClient, shop: Shop) -> None:
    payload = event("evt_1", "customer.created")
    good = sign(payload, NEW)
    headers = (
        *("", " ", ",", "=", "t", "t=", "v1=" + "0" * 64, "x" * 8_000, "t=1," * 1_000),
        *(good.replace("v1=", "v1=x"), good.upper(), good[:-1], f"t=1,{good}", "é", "t=-1,v1=0"),
        "t=" + "9" * 400 + ",v1=0",
    )

    for header in headers:
        assert deliver(rotating, payload, header).status_code == 400, header[:80]

    assert written(shop) == (0, 0)
