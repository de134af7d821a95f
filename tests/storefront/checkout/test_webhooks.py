"""Events from the gateway: what is signed counts, once, and only for the payment it is about."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs.outbox import sweep_outbox
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.webhooks import apply_webhook, read_hint
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.licenses.models import License
from storefront.orders.models import Order, OrderState, PaymentMethod
from storefront.outbox import OutboxMessage
from storefront.payments.models import Payment, PaymentState, WebhookEvent, WebhookState
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.payments.signing import ADDRESS, deliver, event, sign
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
PRICE = baht(490)


@pytest.fixture
def stripe(app: Flask) -> FlaskClient:
    """The gateway as a client of the shop; it has no CSRF token."""
    return app.test_client()


def order_by_card(shop: Shop, make: Factory, *, user: User | None = None) -> Payment:
    """An open order with its payment page; returns the payment."""
    user = user or make.user()
    make.cart(user, (make.product(price=PRICE), 1))
    placed = flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.STRIPE,
        expected_total=PRICE,
        idempotency_key=str(new_id()),
        locale="en",
    )
    with shop.database.reading() as session:
        return session.scalars(select(Payment).where(Payment.subject_id == placed.order_id)).one()


def pay(sandbox: RunningSandbox, payment: Payment, what: str = "pay") -> None:
    address = f"{sandbox.url}/control/stripe/sessions/{payment.gateway_session_id}/{what}"
    requests.post(address, timeout=10).raise_for_status()


def rows(shop: Shop, model: type[Any]) -> list[Any]:
    with shop.database.reading() as session:
        return list(session.scalars(select(model)))


def take_in(
    shop: Shop, stripe: FlaskClient, event_type: str, *, event_id: str = "evt_1", **subject: Any
) -> None:
    payload = event(event_id, event_type, **subject)
    assert deliver(stripe, payload, sign(payload, secret_of(shop))).status_code == 200
    sweep_outbox(shop, overdue=timedelta(0))


def secret_of(shop: Shop) -> str:
    return shop.settings.stripe_webhook_secrets[0]


def test_what_is_not_signed_by_the_gateway_writes_nothing(shop: Shop, stripe: FlaskClient) -> None:
    payload, secret = event("evt_1", "checkout.session.completed"), secret_of(shop)
    good = sign(payload, secret)
    refused = {
        "none": "",
        "another secret": sign(payload, "whsec_of_somebody_else"),
        "another body": sign(payload + b" ", secret),
        "too old": sign(payload, secret, age=301),
        "from the future": sign(payload, secret, age=-310),
        "time stamp moved": good.replace("t=", "t=9"),
        "no time stamp": good.partition(",")[2],
        "no scheme": good.replace("v1=", "v0="),
        "rubbish": "t=,v1=,,=,t",
        "not a number": good.replace("t=", "t=x"),
        "superscript": "t=²,v1=²",
    }

    answers = {why: deliver(stripe, payload, header) for why, header in refused.items()}

    assert {why: answer.status_code for why, answer in answers.items()} == dict.fromkeys(
        refused, 400
    )
    assert {answer.get_json()["error"] for answer in answers.values()} == {"bad_signature"}
    assert rows(shop, WebhookEvent) == []
    assert rows(shop, OutboxMessage) == []


def test_a_signed_body_that_is_no_event_writes_nothing(shop: Shop, stripe: FlaskClient) -> None:
    bodies = [
        *(b"", b"\xff\xfe\xfa", b"null", b"[]", b'"x"', b"7", b"{}", b"{", b"[" * 50_000),
        b'{"id": 1, "type": "x", "data": {"object": {"id": "y"}}}',
        b'{"id": "e", "type": ["x"], "data": {"object": {"id": "y"}}}',
        b'{"id": "e", "type": "x", "data": "object"}',
        b'{"id": "e", "type": "x", "data": {"object": [1]}}',
        # What PostgreSQL cannot store in JSON is not an event either.
        rb'{"id": "e", "type": "x", "data": {"object": {"id": "a\u0000b"}}}',
        rb'{"id": "e\u0000", "type": "x", "data": {"object": {"id": "y"}}}',
        rb'{"id": "e", "type": "x", "data": {"object": {"id": "\ud800"}}}',
        b'{"id": "e", "type": "x", "data": {"object": {"id": "y"}}, "n": NaN}',
        b'{"id": "e", "type": "x", "data": {"object": {"id": "y"}}, "n": 1e999}',
        b'{"id": "e", "type": "x", "data": {"object": {"id": "y"}}, "n": ' + b"9" * 5000 + b"}",
    ]

    statuses = {
        body[:80]: deliver(stripe, body, sign(body, secret_of(shop))).status_code for body in bodies
    }

    assert set(statuses.values()) == {400}, statuses
    assert rows(shop, WebhookEvent) == []


def test_an_event_that_comes_three_times_is_stored_once(shop: Shop, stripe: FlaskClient) -> None:
    payload = event("evt_same", "customer.created")

    for age in (0, 10, 20):
        answer = deliver(stripe, payload, sign(payload, secret_of(shop), age=age))
        assert answer.status_code == 200
        assert answer.get_json() == {"received": True}

    assert [stored.event_id for stored in rows(shop, WebhookEvent)] == ["evt_same"]
    assert len(rows(shop, OutboxMessage)) == 1


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    shop: Shop, stripe: FlaskClient
) -> None:
    payload = b"x" * (256 * 1024 + 1)

    assert deliver(stripe, payload, sign(payload, secret_of(shop))).status_code == 413
    assert stripe.get(ADDRESS).status_code == 405
    assert rows(shop, WebhookEvent) == []


def test_an_event_about_nothing_of_ours_is_ignored(
    shop: Shop, stripe: FlaskClient, make: Factory
) -> None:
    """An open payment with neither a session nor a gateway payment must not be taken for it."""
    open_one = order_by_card(shop, make)

    take_in(shop, stripe, "customer.created", event_id="evt_1")
    take_in(shop, stripe, "checkout.session.completed", event_id="evt_2", id="cs_of_another_shop")
    take_in(shop, stripe, "payment_intent.succeeded", event_id="evt_3", id="pi_of_another_shop")
    take_in(
        shop,
        stripe,
        "checkout.session.expired",
        event_id="evt_4",
        id="cs_2",
        metadata={"payment_id": str(uuid4())},
        payment_intent=None,
    )

    assert {(e.state, e.payment_id) for e in rows(shop, WebhookEvent)} == {
        (WebhookState.IGNORED, None)
    }
    assert [p.state for p in rows(shop, Payment)] == [PaymentState.OPEN]
    assert open_one.gateway_payment_id is None


def test_an_expired_page_closes_its_own_order_and_no_other(
    shop: Shop, stripe: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    others = [order_by_card(shop, make) for _ in range(3)]
    expired = order_by_card(shop, make)
    pay(sandbox, expired, "expire")

    take_in(
        shop,
        stripe,
        "checkout.session.expired",
        id=expired.gateway_session_id,
        payment_intent=None,
        client_reference_id=str(expired.id),
    )

    assert {e.payment_id for e in rows(shop, WebhookEvent)} == {expired.id}
    assert {order.id for order in rows(shop, Order) if order.state == OrderState.EXPIRED} == {
        expired.subject_id
    }
    assert {p.id for p in rows(shop, Payment) if p.state == PaymentState.OPEN} == {
        other.id for other in others
    }


def test_the_event_may_come_before_our_own_note_of_the_session(
    shop: Shop, stripe: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by_card(shop, make)
    pay(sandbox, payment)
    with shop.database.transaction() as session:
        forgetful = session.get_one(Payment, payment.id)
        forgetful.gateway_session_id, forgetful.state = None, PaymentState.CREATED

    take_in(
        shop,
        stripe,
        "checkout.session.completed",
        id=payment.gateway_session_id,
        metadata={"payment_id": str(payment.id)},
    )

    assert [p.state for p in rows(shop, Payment)] == [PaymentState.SUCCEEDED]
    assert [p.gateway_session_id for p in rows(shop, Payment)] == [payment.gateway_session_id]
    assert len(rows(shop, License)) == 1


def test_the_session_of_another_payment_settles_nothing(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    """Amounts are alike, so only the reference tells whose money it is."""
    paid, waiting = order_by_card(shop, make), order_by_card(shop, make)
    pay(sandbox, paid)
    with shop.database.transaction() as session:
        session.get_one(Payment, waiting.id).gateway_session_id = None

    with pytest.raises(Conflict) as error:
        flow.refresh_payment(shop, waiting.id, session_id=paid.gateway_session_id)

    assert error.value.code == "payment_mismatch"
    assert {p.state for p in rows(shop, Payment)} == {PaymentState.OPEN}
    assert rows(shop, License) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_event_of_a_payment_in_any_order_and_twice_delivers_once(
    shop: Shop, stripe: FlaskClient, make: Factory, sandbox: RunningSandbox, seed: int
) -> None:
    payment = order_by_card(shop, make)
    pay(sandbox, payment)
    of_session = {
        "id": payment.gateway_session_id,
        "client_reference_id": str(payment.id),
        "payment_intent": "pi_whatever",
    }
    of_intent = {"id": "pi_whatever", "metadata": {"payment_id": str(payment.id)}}
    events = 2 * [
        event("evt_1", "checkout.session.completed", **of_session),
        event("evt_2", "payment_intent.created", **of_intent),
        event("evt_3", "payment_intent.succeeded", **of_intent),
        event("evt_4", "checkout.session.async_payment_succeeded", **of_session),
        event("evt_5", "charge.succeeded", payment_intent="pi_whatever", id="ch_1"),
    ]
    random.Random(seed).shuffle(events)

    for payload in events:
        assert deliver(stripe, payload, sign(payload, secret_of(shop))).status_code == 200
        if random.Random(seed).random() < 0.5:
            sweep_outbox(shop, overdue=timedelta(0))
    sweep_outbox(shop, overdue=timedelta(0))
    for stored in rows(shop, WebhookEvent):
        apply_webhook(shop, stored.id)

    assert len(rows(shop, WebhookEvent)) == 5
    assert [order.state for order in rows(shop, Order)] == [OrderState.COMPLETED]
    assert len(rows(shop, License)) == 1


def test_money_of_another_amount_books_nothing(
    shop: Shop, stripe: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by_card(shop, make)
    pay(sandbox, payment)
    with shop.database.transaction() as session:
        session.get_one(Payment, payment.id).amount_satang += 1

    take_in(shop, stripe, "checkout.session.completed", id=payment.gateway_session_id)

    assert [p.state for p in rows(shop, Payment)] == [PaymentState.OPEN]
    assert rows(shop, License) == []
    message = next(m for m in rows(shop, OutboxMessage) if m.task == "apply_webhook")
    assert "came with" in message.last_error


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"data": None},
        {"data": {"object": None}},
        {"data": {"object": {"id": 7, "metadata": "x", "payment_intent": {"id": "pi_1"}}}},
        {"data": {"object": {"metadata": {"payment_id": ["x"]}, "client_reference_id": 7}}},
        {"data": {"object": {"metadata": {"payment_id": "not-an-id"}}}},
    ],
)
def test_fields_of_another_shape_are_treated_as_absent(payload: dict[str, Any]) -> None:
    hint = read_hint("checkout.session.completed", payload)

    assert hint.payment_id is None
    assert hint.session_id is None
    assert hint.gateway_payment_id is None
