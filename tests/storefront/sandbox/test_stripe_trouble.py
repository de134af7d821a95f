"""Idempotency, lost answers, webhooks that repeat, shuffle and wait, and the way out."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import stripe

from storefront.sandbox.serve import RunningSandbox
from storefront.sandbox.services.process import wait_until
from tests.storefront.sandbox.conftest import Listener, session_params, stripe_client

Control = Callable[..., Any]
SESSIONS = "POST /v1/checkout/sessions"


def test_one_key_makes_one_session_and_replays_its_answer(gateway: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "order-7"}
    first = gateway.v1.checkout.sessions.create(session_params(), options)
    second = gateway.v1.checkout.sessions.create(session_params(), options)
    assert first.id == second.id
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(gateway.v1.checkout.sessions.list().data) == 1


def test_one_key_with_other_parameters_is_refused(gateway: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "order-7"}
    gateway.v1.checkout.sessions.create(session_params(), options)
    with pytest.raises(stripe.IdempotencyError):
        gateway.v1.checkout.sessions.create(session_params(client_reference_id="8"), options)


def test_a_decline_is_replayed_as_a_decline_with_no_second_charge(
    gateway: stripe.StripeClient,
) -> None:
    params: Any = {
        "amount": 2_000,
        "currency": "thb",
        "payment_method": "pm_card_chargeDeclined",
        "confirm": True,
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            gateway.v1.payment_intents.create(params, {"idempotency_key": "one"})
    assert len(gateway.v1.charges.list().data) == 1


def test_a_parameter_error_does_not_burn_the_key(gateway: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "order-7"}
    with pytest.raises(stripe.InvalidRequestError):
        gateway.v1.checkout.sessions.create(session_params(success_url="nonsense"), options)
    assert gateway.v1.checkout.sessions.create(session_params(), options).status == "open"


def test_ten_calls_at_once_with_one_key_have_one_effect(sandbox: RunningSandbox) -> None:
    def create(_turn: int) -> str:
        options: Any = {"idempotency_key": "order-7"}
        return stripe_client(sandbox).v1.checkout.sessions.create(session_params(), options).id

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(create, range(10)))) == 1


@pytest.mark.parametrize("has_effect", [True, False])
def test_a_lost_answer_is_found_again_with_the_same_key(
    gateway: stripe.StripeClient, control: Control, has_effect: bool
) -> None:
    fault = {"match": SESSIONS, "status": 500, "times": 1, "after_effect": has_effect}
    control("stripe", fail_next=[fault])
    options: Any = {"idempotency_key": "order-7"}
    with pytest.raises(stripe.APIError):
        gateway.v1.checkout.sessions.create(session_params(), options)
    assert len(gateway.v1.checkout.sessions.list().data) == int(has_effect)
    gateway.v1.checkout.sessions.create(session_params(), options)
    assert len(gateway.v1.checkout.sessions.list().data) == 1


def test_the_sdk_retries_through_a_hung_up_connection(
    sandbox: RunningSandbox, control: Control
) -> None:
    timeout = {"match": SESSIONS, "seconds": 0.05, "after_effect": True}
    control("stripe", timeout_next=[timeout])
    gateway = stripe_client(sandbox, retries=2)
    gateway.v1.checkout.sessions.create(session_params())
    assert len(gateway.v1.checkout.sessions.list().data) == 1


def test_too_many_requests_is_a_rate_limit_error(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe", fail_next=[{"match": "GET /v1/events*", "status": 429}])
    with pytest.raises(stripe.RateLimitError):
        gateway.v1.events.list()
    assert gateway.v1.events.list().data == []


def test_a_refused_webhook_is_sent_again_until_it_is_taken(
    gateway: stripe.StripeClient, shop: Listener, control: Control
) -> None:
    shop.answers = [500]
    control("webhook", url=shop.url)
    gateway.v1.customers.create({})
    first, second = shop.wait_for(2)
    assert first["id"] == second["id"]


def test_webhooks_wait_while_paused_and_repeat_on_request(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, shop: Listener, control: Control
) -> None:
    control("webhook", url=shop.url)
    control("stripe", webhooks={"paused": True, "duplicate": 2, "shuffle": True})
    for _ in range(3):
        gateway.v1.customers.create({})
    deliveries = requests.get(f"{sandbox.url}/control/stripe/deliveries", timeout=5).json()
    assert [row["state"] for row in deliveries] == ["pending"] * 9
    assert shop.received == []
    control("stripe", webhooks={"paused": False})
    assert len({event["id"] for event in shop.wait_for(9)}) == 3


def test_an_event_is_sent_again_on_request(
    gateway: stripe.StripeClient, shop: Listener, control: Control
) -> None:
    control("webhook", url=shop.url)
    gateway.v1.customers.create({})
    event = shop.wait_for(1)[0]
    control(f"stripe/events/{event['id']}/resend")
    assert shop.wait_for(2)[1]["id"] == event["id"]


def test_a_delay_is_felt_and_a_reset_ends_it(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe", delay_ms=120)
    start = time.monotonic()
    gateway.v1.events.list()
    assert time.monotonic() - start >= 0.12
    assert control("stripe/reset")["delay_ms"] == 0


def test_chance_adds_to_a_delay_and_never_more_than_asked(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe", jitter_ms=60)
    waits = []
    for _ in range(8):
        start = time.monotonic()
        gateway.v1.events.list()
        waits.append(time.monotonic() - start)
    assert max(waits) - min(waits) > 0.005, "not all alike"


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_call_that_hangs_can_be_watched_and_is_answered_after_all(
    sandbox: RunningSandbox, control: Control, after_effect: bool
) -> None:
    hang = {"match": SESSIONS, "seconds": 0.5, "after_effect": after_effect, "answers": True}
    control("stripe", fail_next=[hang])

    def watch() -> dict[str, Any]:
        calls = requests.get(f"{sandbox.url}/control/stripe/calls", timeout=5).json()
        return next((one for one in reversed(calls) if one["name"] == SESSIONS), {})

    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(stripe_client(sandbox).v1.checkout.sessions.create, session_params())
        assert wait_until(lambda: watch().get("has_effect") is after_effect, seconds=5, pause=0.01)
        seen = watch()
        assert (seen["name"], seen["is_answered"]) == (SESSIONS, False)
        assert opening.result(timeout=10).status == "open"
    assert watch() == {**seen, "has_effect": True, "is_answered": True}


def test_events_of_one_kind_can_be_late_and_those_of_another_never_come(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, shop: Listener, control: Control
) -> None:
    control("webhook", url=shop.url)
    control(
        "stripe",
        webhooks={
            "jitter_ms": 5,
            "delays": {"charge.*": 400, "*.succeeded": 100},
            "drop": ["payment_intent.created"],
        },
    )
    gateway.v1.payment_intents.create(
        {"amount": 2_000, "currency": "thb", "payment_method": "pm_card_visa", "confirm": True}
    )
    types = [event["type"] for event in shop.wait_for(2)]
    assert types == ["payment_intent.succeeded", "charge.succeeded"], "as they did not happen"
    happened = [event.type for event in gateway.v1.events.list().data]
    assert happened == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]
    deliveries = requests.get(f"{sandbox.url}/control/stripe/deliveries", timeout=5).json()
    assert len(deliveries) == 2


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("stripe", {"colour": 1}),
        ("stripe", {"delay_ms": "long"}),
        ("stripe", {"fail_next": [{"status": 500}]}),
        ("stripe", {"webhooks": {"colour": 1}}),
        ("stripe", {"webhooks": {"delays": 5}}),
        ("stripe", {"fail_next": [{"match": "*", "colour": 1}]}),
        ("stripe", {"card_refunds": "maybe"}),
        ("mail", {"refuse": "200"}),
        ("discord", {"colour": 1}),
        ("discord/users", {"id": "x", "username": "x"}),
        ("stripe/sessions/cs_1/eat", {}),
    ],
)
def test_an_unknown_control_is_refused(
    sandbox: RunningSandbox, path: str, wanted: dict[str, Any]
) -> None:
    answer = requests.post(f"{sandbox.url}/control/{path}", json=wanted, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]
