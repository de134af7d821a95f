"""What the gateway says of one payment, its refunds and its dispute, brought in any order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
import requests
from sqlalchemy import select

from jobs.outbox import sweep_outbox
from storefront.bootstrap import Shop
from storefront.checkout.webhooks import apply_webhook
from storefront.disputes.models import Dispute
from storefront.kit.money import baht
from storefront.ledger.models import LedgerPosting
from storefront.licenses.models import License
from storefront.payments.models import Payment, PaymentState, WebhookEvent
from storefront.payments.service import receive_event
from storefront.providers.payments import GatewayEvent, RefundRequest
from storefront.refunds.models import Refund
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.gateway import act, drain, latest_payment, place

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def payment(shop: Shop, sandbox: RunningSandbox, make: Factory) -> Iterator[Payment]:
    """The payment of an order by card; the shop has heard of nothing yet, the money is there."""
    buyer = make.user()
    make.cart(buyer, (make.product(price=baht(300)), 1))
    payment = latest_payment(shop, place(shop, buyer, baht(300)))
    act(sandbox, payment.gateway_session_id, "pay")
    yield payment
    assert {one.state for one in stored(shop)} == {"applied"}


def intent_of(shop: Shop, payment: Payment) -> str:
    found = shop.gateway.fetch_session(payment.gateway_session_id or "").gateway_payment_id
    assert found
    return found


def said(shop: Shop, sandbox: RunningSandbox, payment: Payment) -> list[GatewayEvent]:
    """Every event there is about this payment, the first first."""
    answer = requests.get(
        f"{sandbox.stripe_url}/v1/events",
        params={"limit": "100"},
        headers={"Authorization": f"Bearer {sandbox.stripe_secret_key}"},
        timeout=10,
    )
    names = (payment.gateway_session_id or "", intent_of(shop, payment))
    return [
        GatewayEvent(event_id=one["id"], event_type=one["type"], payload=one)
        for one in reversed(answer.json()["data"])
        if any(name in json.dumps(one["data"]) for name in names)
    ]


def bring(shop: Shop, event: GatewayEvent) -> None:
    with shop.database.transaction() as session:
        receive_event(session, source="stripe", event=event)
    drain(shop)


def stored(shop: Shop) -> list[WebhookEvent]:
    with shop.database.reading() as session:
        return list(session.scalars(select(WebhookEvent)))


def refund_by_hand(shop: Shop, payment: Payment, satang: int) -> None:
    shop.gateway.refund(
        RefundRequest(
            refund_id="by hand",
            idempotency_key=f"by hand {payment.id}",
            gateway_payment_id=intent_of(shop, payment),
            amount=baht(satang),
            email=None,
        )
    )


def test_a_dispute_that_is_heard_of_before_its_payment_is_not_lost(
    shop: Shop, sandbox: RunningSandbox, payment: Payment
) -> None:
    act(sandbox, intent_of(shop, payment), "dispute")
    events = said(shop, sandbox, payment)
    (opened,) = [one for one in events if one.event_type == "charge.dispute.created"]

    bring(shop, opened)

    with shop.database.reading() as session:
        assert session.scalars(select(Dispute.state)).one() == "open"
        assert session.scalars(select(License.status)).one() == "suspended"


def test_a_dispute_waits_for_a_payment_whose_page_is_not_noted_yet(
    shop: Shop, sandbox: RunningSandbox, payment: Payment
) -> None:
    """The answer that opened the page was lost: only the event of the payment itself names it."""
    act(sandbox, intent_of(shop, payment), "dispute")
    with shop.database.transaction() as session:
        forgetful = session.get_one(Payment, payment.id)
        forgetful.gateway_session_id, forgetful.state = None, PaymentState.CREATED
    events = {one.event_type: one for one in said(shop, sandbox, payment)}
    bring(shop, events["charge.dispute.created"])
    assert [one.state for one in stored(shop)] == ["received"]

    bring(shop, events["checkout.session.completed"])
    for one in stored(shop):
        apply_webhook(shop, one.id)

    with shop.database.reading() as session:
        assert session.scalars(select(Dispute.state)).one() == "open"


@pytest.mark.parametrize("seed", range(5))
def test_payment_refund_and_dispute_come_to_the_same_in_any_order_and_twice(
    shop: Shop, sandbox: RunningSandbox, payment: Payment, seed: int
) -> None:
    refund_by_hand(shop, payment, 100)
    act(sandbox, intent_of(shop, payment), "dispute", amount=20_000)
    act(sandbox, shop.gateway.list_disputes(intent_of(shop, payment))[0].gateway_dispute_id, "won")
    events = said(shop, sandbox, payment)
    random.Random(seed).shuffle(events)

    for event in [*events, *events]:
        bring(shop, event)
    sweep_outbox(shop)

    with shop.database.reading() as session:
        assert session.scalars(select(Refund.state)).one() == "succeeded"
        assert session.scalars(select(Dispute.state)).one() == "won"
        assert session.scalars(select(License.status)).one() == "active"
        booked = sorted(session.scalars(select(LedgerPosting.kind)))
    assert booked == ["dispute", "dispute_fee", "dispute_won", "purchase", "refund"]
