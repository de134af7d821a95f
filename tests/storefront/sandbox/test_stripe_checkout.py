"""Checkout Sessions through the real SDK, the hosted page and the webhooks."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from storefront.sandbox.serve import RunningSandbox
from tests.storefront.sandbox.conftest import Listener, MovableClock, session_params

Control = Callable[..., Any]


def press(sandbox: RunningSandbox, session_id: str, verb: str, **form: str) -> requests.Response:
    url = f"{sandbox.stripe_url}/pay/{session_id}/{verb}"
    return requests.post(url, data=form, allow_redirects=False, timeout=5)


def test_a_paid_session_returns_to_the_shop_and_tells_it_twice(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, shop: Listener, control: Control
) -> None:
    control("webhook", url=shop.url)
    session = gateway.v1.checkout.sessions.create(session_params())
    assert session.url is not None
    page = requests.get(session.url, timeout=5)
    assert "฿350.00" in page.text
    assert "anna@example.com" in page.text
    assert all(f'id="{name}"' in page.text for name in ("pay", "decline", "expire", "back"))
    assert "script" not in page.headers["Content-Security-Policy"]

    answer = press(sandbox, session.id, "pay")

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://127.0.0.1:1/done?session={session.id}"
    events = shop.wait_for(4)
    assert [event["type"] for event in events] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    read = gateway.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    )
    assert (read.status, read.payment_status, read.amount_total) == ("complete", "paid", 35_000)
    intent: Any = read.payment_intent
    assert intent.metadata["order_id"] == "7"
    assert intent.latest_charge.balance_transaction.fee == 1_278 + 1_000
    assert read.line_items is not None
    assert read.line_items.data[0].quantity == 2
    assert events[3]["data"]["object"]["id"] == session.id


def test_every_webhook_carries_a_signature_the_sdk_accepts_and_a_forged_one_fails(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, shop: Listener, control: Control
) -> None:
    control("webhook", url=shop.url)
    gateway.v1.customers.create({"email": "anna@example.com"})
    shop.wait_for(1)
    body, signature = shop.received[0]
    event = stripe.Webhook.construct_event(body, signature, sandbox.webhook_secret)
    assert event.type == "customer.created"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, sandbox.webhook_secret)


def test_a_declined_card_leaves_the_session_open_and_a_second_card_pays_it(
    sandbox: RunningSandbox, gateway: stripe.StripeClient
) -> None:
    session = gateway.v1.checkout.sessions.create(session_params())
    answer = press(sandbox, session.id, "decline")
    assert answer.headers["Location"].endswith(f"/stripe/pay/{session.id}")
    assert session.url is not None
    assert "Your card was declined." in requests.get(session.url, timeout=5).text
    assert gateway.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert "done?session=" in press(sandbox, session.id, "pay").headers["Location"]
    charges = gateway.v1.charges.list()
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]


def test_a_session_cannot_be_paid_twice(
    sandbox: RunningSandbox, gateway: stripe.StripeClient
) -> None:
    session = gateway.v1.checkout.sessions.create(session_params())
    press(sandbox, session.id, "pay")
    again = press(sandbox, session.id, "pay")
    assert again.headers["Location"].endswith(f"/stripe/pay/{session.id}")
    assert len(gateway.v1.charges.list().data) == 1
    page = requests.get(f"{sandbox.stripe_url}/pay/{session.id}", timeout=5).text
    assert "It cannot be paid a second time." in page
    assert 'id="pay"' not in page


@pytest.mark.parametrize(
    ("outcome", "event_type", "payment_status"),
    [
        ("succeed", "checkout.session.async_payment_succeeded", "paid"),
        ("fail", "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_promptpay_completes_a_session_unpaid_and_settles_it_later(
    sandbox: RunningSandbox,
    gateway: stripe.StripeClient,
    outcome: str,
    event_type: str,
    payment_status: str,
) -> None:
    session = gateway.v1.checkout.sessions.create(session_params())
    press(sandbox, session.id, "promptpay")
    read = gateway.v1.checkout.sessions.retrieve(session.id)
    assert (read.status, read.payment_status) == ("complete", "unpaid")

    assert "done?session=" in press(sandbox, session.id, outcome).headers["Location"]

    read = gateway.v1.checkout.sessions.retrieve(session.id)
    assert (read.status, read.payment_status) == ("complete", payment_status)
    types = [event.type for event in gateway.v1.events.list({"limit": 100}).data]
    assert types[0] == event_type
    assert "checkout.session.completed" in types


def test_a_session_past_its_time_expires_by_itself_and_says_so(
    sandbox: RunningSandbox,
    gateway: stripe.StripeClient,
    shop: Listener,
    control: Control,
    clock: MovableClock,
) -> None:
    control("webhook", url=shop.url)
    params = session_params(expires_at=int(time.time()) + 1_900, locale="th")
    session = gateway.v1.checkout.sessions.create(params)
    clock.ahead_s = 2_000
    expired = shop.wait_for_type("checkout.session.expired")
    assert expired["data"]["object"]["id"] == session.id
    assert session.url is not None
    assert "หมดเวลาชำระเงินแล้ว" in requests.get(session.url, timeout=5).text
    press(sandbox, session.id, "pay")
    assert gateway.v1.checkout.sessions.retrieve(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        gateway.v1.checkout.sessions.expire(session.id)


def test_the_shop_can_expire_an_open_session(gateway: stripe.StripeClient) -> None:
    session = gateway.v1.checkout.sessions.create(session_params())
    assert gateway.v1.checkout.sessions.expire(session.id).status == "expired"


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"payment_intent_data": {"colour": "red"}}, "payment_intent_data[colour]", None),
        ({"success_url": "nonsense"}, "success_url", "url_invalid"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"expires_at": 60}, "expires_at", None),
        ({"customer": "cus_nobody", "customer_email": ""}, "customer_email", None),
        ({"mode": "subscription"}, "mode", None),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    gateway: stripe.StripeClient, changes: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.checkout.sessions.create(session_params(**changes))
    assert caught.value.http_status == 400
    assert caught.value.param == param
    assert code is None or caught.value.code == code


def test_the_list_of_methods_is_named_as_the_api_version_names_it(
    gateway: stripe.StripeClient,
) -> None:
    new = session_params(allowed_payment_method_types=["card"])
    assert gateway.v1.checkout.sessions.create(new).payment_method_types == ["card"]
    old = session_params(payment_method_types=["promptpay"])
    del old["allowed_payment_method_types"]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.checkout.sessions.create(old)
    assert caught.value.code == "payment_method_types_no_longer_supported"
    before: stripe.RequestOptions = {"stripe_version": "2025-09-30.clover"}
    assert gateway.v1.checkout.sessions.create(old, before).payment_method_types == ["promptpay"]


@pytest.mark.parametrize("seconds", [29 * 60, 24 * 3600 + 60])
def test_a_session_lives_from_thirty_minutes_to_a_day(
    gateway: stripe.StripeClient, seconds: int
) -> None:
    params = session_params(expires_at=int(time.time()) + seconds)
    with pytest.raises(stripe.InvalidRequestError, match="expires_at"):
        gateway.v1.checkout.sessions.create(params)


def test_less_than_ten_baht_is_too_small(gateway: stripe.StripeClient) -> None:
    params = session_params()
    params["line_items"][0]["price_data"]["unit_amount"] = 499
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.checkout.sessions.create(params)
    assert caught.value.code == "amount_too_small"


def test_a_wrong_key_is_refused(sandbox: RunningSandbox) -> None:
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": sandbox.stripe_url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.checkout.sessions.list()


def test_an_unknown_session_is_a_404_for_the_api_and_for_the_buyer(
    sandbox: RunningSandbox, gateway: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.checkout.sessions.retrieve("cs_test_nothing")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    assert requests.get(f"{sandbox.stripe_url}/pay/cs_nothing", timeout=5).status_code == 404


def test_lists_come_newest_first_in_pages(gateway: stripe.StripeClient) -> None:
    made = [gateway.v1.checkout.sessions.create(session_params()).id for _ in range(5)]
    first = gateway.v1.checkout.sessions.list({"limit": 2})
    assert [session.id for session in first.data] == made[:2:-1]
    assert first.has_more
    every = [session.id for session in first.auto_paging_iter()]
    assert every == made[::-1]


def test_the_overview_offers_what_a_bank_would_do(
    sandbox: RunningSandbox, gateway: stripe.StripeClient
) -> None:
    session = gateway.v1.checkout.sessions.create(session_params())
    assert requests.get(sandbox.url, timeout=5).status_code == 200
    page = requests.get(sandbox.stripe_url, timeout=5).text
    action = f"/control/stripe/sessions/{session.id}/pay"
    assert re.search(f'action="{action}"', page)
    back = requests.post(f"{sandbox.url}{action}", data={"back": "1"}, timeout=5)
    assert back.url == sandbox.stripe_url
    assert "checkout.session.completed" in back.text
