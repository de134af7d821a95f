"""Payment Intents, refunds and disputes through the real SDK."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from storefront.sandbox.serve import RunningSandbox

Control = Callable[..., Any]


def paid_by_card(gateway: stripe.StripeClient, amount: int = 100_000) -> stripe.PaymentIntent:
    return gateway.v1.payment_intents.create(
        {"amount": amount, "currency": "thb", "payment_method": "pm_card_visa", "confirm": True}
    )


def asked_by_promptpay(gateway: stripe.StripeClient) -> stripe.PaymentIntent:
    return gateway.v1.payment_intents.create(
        {
            "amount": 50_000,
            "currency": "thb",
            "allowed_payment_method_types": ["promptpay"],
            "payment_method_data": {
                "type": "promptpay",
                "billing_details": {"email": "anna@example.com"},
            },
            "confirm": True,
        }
    )


def test_a_card_payment_succeeds_at_once(gateway: stripe.StripeClient) -> None:
    intent = paid_by_card(gateway)
    assert (intent.status, intent.amount_received) == ("succeeded", 100_000)
    movements = gateway.v1.balance_transactions.list({"source": str(intent.latest_charge)})
    assert (movements.data[0].fee, movements.data[0].net) == (4_650, 95_350)


def test_a_declined_card_is_a_card_error_and_the_intent_can_be_tried_again(
    gateway: stripe.StripeClient,
) -> None:
    intent = gateway.v1.payment_intents.create({"amount": 2_000, "currency": "thb"})
    with pytest.raises(stripe.CardError) as caught:
        gateway.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    assert caught.value.code == "card_declined"
    read = gateway.v1.payment_intents.retrieve(intent.id)
    assert read.status == "requires_payment_method"
    assert read.last_payment_error is not None
    again = gateway.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"


def test_promptpay_shows_a_qr_code_and_waits_for_the_transfer(
    gateway: stripe.StripeClient, control: Control
) -> None:
    intent = asked_by_promptpay(gateway)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    qr: Any = intent.next_action.promptpay_display_qr_code
    assert qr.data.startswith("000201010212")
    assert "5406500.00" in qr.data
    assert requests.get(qr.hosted_instructions_url, timeout=5).status_code == 200
    control(f"stripe/payment_intents/{intent.id}/succeed")
    read = gateway.v1.payment_intents.retrieve(
        intent.id, {"expand": ["latest_charge.balance_transaction"]}
    )
    charge: Any = read.latest_charge
    assert (read.status, charge.balance_transaction.fee) == ("succeeded", 825)


@pytest.mark.parametrize("verb", ["fail", "expire"])
def test_a_failed_transfer_sends_the_intent_back_for_another_method(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, verb: str
) -> None:
    intent = asked_by_promptpay(gateway)
    page = f"{sandbox.stripe_url}/promptpay/{intent.id}"
    assert requests.post(f"{page}/{verb}", timeout=5).status_code == 200
    assert gateway.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"
    requests.post(f"{page}/succeed", timeout=5)
    assert gateway.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_only_an_unfinished_intent_can_be_cancelled(gateway: stripe.StripeClient) -> None:
    waiting = asked_by_promptpay(gateway)
    cancelled = gateway.v1.payment_intents.cancel(waiting.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.payment_intents.cancel(paid_by_card(gateway).id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_more_than_was_paid_is_never_refunded(gateway: stripe.StripeClient) -> None:
    intent = paid_by_card(gateway, 100_000)
    first = gateway.v1.refunds.create({"payment_intent": intent.id, "amount": 60_000})
    assert first.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        gateway.v1.refunds.create({"payment_intent": intent.id, "amount": 40_001})
    gateway.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"
    charge = gateway.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (100_000, True)
    total = sum(refund.amount for refund in gateway.v1.refunds.list().data)
    assert total == 100_000


def test_a_promptpay_refund_waits_for_bank_details_and_may_fail(
    gateway: stripe.StripeClient, control: Control
) -> None:
    intent = asked_by_promptpay(gateway)
    control(f"stripe/payment_intents/{intent.id}/succeed")
    refund = gateway.v1.refunds.create({"payment_intent": intent.id, "amount": 10_000})
    assert refund.status == "requires_action"
    control(f"stripe/refunds/{refund.id}/fail")
    failed = gateway.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "unknown")
    whole = gateway.v1.refunds.create({"payment_intent": intent.id})
    assert whole.amount == 50_000
    control(f"stripe/refunds/{whole.id}/succeed")
    assert gateway.v1.refunds.retrieve(whole.id).status == "succeeded"


def test_a_card_refund_can_be_told_to_stay_pending(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe", card_refunds="pending")
    refund = gateway.v1.refunds.create({"payment_intent": paid_by_card(gateway).id})
    assert refund.status == "pending"
    control(f"stripe/refunds/{refund.id}/succeed")
    types = [event.type for event in gateway.v1.events.list().data]
    assert types[:3] == ["refund.updated", "charge.refunded", "refund.created"]


def test_a_dispute_takes_the_money_until_it_is_won(
    gateway: stripe.StripeClient, control: Control
) -> None:
    intent = paid_by_card(gateway)
    dispute = control(f"stripe/payment_intents/{intent.id}/dispute", reason="fraudulent")
    assert (dispute["status"], dispute["amount"]) == ("needs_response", 100_000)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"
    control(f"stripe/disputes/{dispute['id']}/won")
    closed = gateway.v1.disputes.retrieve(dispute["id"])
    assert (closed.status, len(closed.balance_transactions)) == ("won", 2)
    assert gateway.v1.events.list().data[0].type == "charge.dispute.closed"


def test_an_inquiry_moves_no_money_until_it_becomes_a_dispute(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, control: Control
) -> None:
    let_go, pursued = paid_by_card(gateway), paid_by_card(gateway)
    cases = [
        control(f"stripe/payment_intents/{intent.id}/dispute", inquiry=True)
        for intent in (let_go, pursued)
    ]
    assert {case["status"] for case in cases} == {"warning_needs_response"}
    gateway.v1.refunds.create({"payment_intent": let_go.id, "amount": 1_000})

    control(f"stripe/disputes/{cases[0]['id']}/close_inquiry")
    control(f"stripe/disputes/{cases[1]['id']}/escalate")

    closed, opened = (gateway.v1.disputes.retrieve(case["id"]) for case in cases)
    assert (closed.status, closed.balance_transactions) == ("warning_closed", [])
    assert (opened.status, opened.balance_transactions[0].net) == ("needs_response", -115_000)
    for case in cases:
        url = f"{sandbox.url}/control/stripe/disputes/{case['id']}/escalate"
        assert requests.post(url, json={}, timeout=5).status_code == 400
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.v1.refunds.create({"payment_intent": pursued.id})
    assert caught.value.code == "charge_disputed"


def test_a_code_takes_one_transfer_alone_and_only_a_closed_one_takes_it_late(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, control: Control
) -> None:
    """One code is paid once, whatever the buyer tries
    (https://docs.connect.worldline-solutions.com/payment-product/promptpay/additional-information).
    """
    intent = asked_by_promptpay(gateway)
    url = f"{sandbox.url}/control/stripe/payment_intents/{intent.id}"
    assert requests.post(f"{url}/pay_late", json={}, timeout=5).status_code == 400
    gateway.v1.payment_intents.cancel(intent.id)
    assert requests.post(f"{url}/succeed", json={}, timeout=5).status_code == 400
    control(f"stripe/payment_intents/{intent.id}/pay_late")
    for verb in ("pay_late", "succeed"):
        assert requests.post(f"{url}/{verb}", json={}, timeout=5).status_code == 400
    assert len(gateway.v1.charges.list().data) == 1


def test_promptpay_knows_no_dispute(
    sandbox: RunningSandbox, gateway: stripe.StripeClient, control: Control
) -> None:
    intent = asked_by_promptpay(gateway)
    control(f"stripe/payment_intents/{intent.id}/succeed")
    url = f"{sandbox.url}/control/stripe/payment_intents/{intent.id}/dispute"
    assert requests.post(url, json={}, timeout=5).status_code == 400


def test_a_customer_is_made_read_and_changed(gateway: stripe.StripeClient) -> None:
    made = gateway.v1.customers.create({"email": "a@example.com", "metadata": {"a": "1", "b": "2"}})
    changed = gateway.v1.customers.update(made.id, {"name": "Anna", "metadata": {"a": ""}})
    metadata: Any = changed.metadata
    assert (changed.name, metadata.to_dict()) == ("Anna", {"b": "2"})
    assert gateway.v1.customers.retrieve(made.id).email == "a@example.com"
