"""Whoever hears first that money came, or that it will not: everybody may hear at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.cart.models import CartLine
from storefront.checkout import flow
from storefront.checkout.service import close_order
from storefront.checkout.webhooks import apply_webhook
from storefront.db import Database
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.orders.models import Order, OrderAction, OrderState, PaymentMethod
from storefront.outbox import OutboxMessage
from storefront.payments.models import Payment, WebhookEvent
from storefront.payments.service import receive_event
from storefront.providers.payments import GatewayEvent
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import find_balance
from tests.concurrency.racing import (
    insert_unless_there,
    race,
    slow_down_updates,
    wait_for_lingering,
)
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@dataclass(frozen=True)
class CardOrder:
    """An order whose payment page is open."""

    id: UUID
    user_id: UUID
    payment_id: UUID
    session_id: str


@pytest.fixture
def card_order(shop: Shop, make: Factory) -> CardOrder:
    return new_card_order(shop, make)


def new_card_order(shop: Shop, make: Factory) -> CardOrder:
    user, product = make.user(), make.product(price=baht(490), stock=1)
    make.cart(user, (product, 1))
    placed = place(shop, user.id)
    with shop.database.reading() as session:
        payment = session.scalars(
            select(Payment).where(Payment.subject_id == placed.order_id)
        ).one()
    assert payment.gateway_session_id
    return CardOrder(placed.order_id, user.id, payment.id, payment.gateway_session_id)


def place(shop: Shop, user_id: UUID) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=user_id,
        method=PaymentMethod.STRIPE,
        expected_total=baht(490),
        idempotency_key=str(new_id()),
        locale="en",
    )


def pay_at_stripe(sandbox: RunningSandbox, order: CardOrder) -> bool:
    """Whether Stripe took the money: it refuses where the page is closed."""
    url = f"{sandbox.url}/control/stripe/sessions/{order.session_id}/pay"
    return requests.post(url, timeout=20).ok


def state_of(shop: Shop, order: CardOrder) -> str:
    with shop.database.reading() as session:
        return session.scalars(select(Order.state).where(Order.id == order.id)).one()


def count(database: Database, model: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_redirect_webhook_and_sweep_at_once_deliver_once(
    shop: Shop, sandbox: RunningSandbox, card_order: CardOrder
) -> None:
    assert pay_at_stripe(sandbox, card_order)
    webhook_id = store_event(shop, card_order)

    def redirect() -> None:
        flow.refresh_order(shop, card_order.id)

    def webhook() -> None:
        apply_webhook(shop, webhook_id)

    def sweep() -> None:
        flow.refresh_payment(shop, card_order.payment_id)

    outcomes = race([redirect, webhook, sweep] * 5)

    assert outcomes == [None] * 15
    assert state_of(shop, card_order) == OrderState.COMPLETED
    assert count(shop.database, License) == count(shop.database, Notification) == 1
    with shop.database.reading() as session:
        booked = session.scalars(
            select(LedgerPosting.id).where(LedgerPosting.kind == PostingKind.PURCHASE)
        ).all()
        mails = session.scalars(
            select(OutboxMessage.id).where(OutboxMessage.task == "send_mail")
        ).all()
    assert (len(booked), len(mails)) == (1, 1)


def test_control_looking_for_the_posting_before_inserting_it_books_twice(
    database: Database,
) -> None:
    assert insert_unless_there(database, "ledger_postings", runners=10) == 10


def test_one_webhook_delivered_fifty_times_at_once_is_stored_once(
    fresh_app: Flask, shop: Shop
) -> None:
    payload = json.dumps(
        {"id": "evt_1", "type": "charge.updated", "data": {"object": {"id": "ch_1"}}}
    ).encode()
    headers = {"Stripe-Signature": sign(payload, shop.settings.stripe_webhook_secrets[0])}

    def deliver() -> int:
        answer = fresh_app.test_client().post("/api/webhooks/stripe", data=payload, headers=headers)
        return answer.status_code

    assert race([deliver] * 50) == [200] * 50
    assert count(shop.database, WebhookEvent) == count(shop.database, OutboxMessage) == 1


def test_control_looking_for_the_webhook_before_inserting_it_stores_it_again(
    database: Database,
) -> None:
    assert insert_unless_there(database, "webhook_events", runners=10) == 10


def test_paying_and_cancelling_at_once_gives_the_order_or_leaves_the_money(
    shop: Shop, sandbox: RunningSandbox, make: Factory
) -> None:
    for _ in range(4):
        order = new_card_order(shop, make)

        calls: list[Callable[[], object]] = [
            partial(pay_at_stripe, sandbox, order),
            partial(flow.cancel_order, shop, order.id, user_id=order.user_id),
        ]

        paid, _cancelled = race(calls)
        flow.refresh_order(shop, order.id)

        assert state_of(shop, order) == (OrderState.COMPLETED if paid else OrderState.CANCELLED)


def test_control_cancelling_without_closing_the_page_lets_the_money_through(
    shop: Shop, sandbox: RunningSandbox, card_order: CardOrder
) -> None:
    """And it is not lost even then: it becomes wallet credit."""
    with shop.database.transaction() as session:
        close_order(session, card_order.id, OrderAction.CANCEL, actor="test", now=shop.clock())

    assert pay_at_stripe(sandbox, card_order)
    race([lambda: flow.refresh_payment(shop, card_order.payment_id)] * 8)

    assert state_of(shop, card_order) == OrderState.CANCELLED
    with shop.database.reading() as session:
        assert find_balance(session, card_order.user_id) == baht(490)


def test_cancelling_while_ordering_the_same_again_does_not_deadlock(
    shop: Shop, make: Factory
) -> None:
    """Cancelling fills the cart and gives the stock back; ordering locks the cart, then holds
    stock. Both must come to the cart first."""
    user, product = make.user(), make.product(price=baht(490), stock=5)
    cart_id = make.cart(user, (product, 1))
    first = place(shop, user.id)
    with shop.database.transaction() as session:
        session.add(
            CartLine(
                cart_id=cart_id,
                variant_id=product.variants[0].id,
                quantity=1,
                seen_price_satang=49_000,
            )
        )
    slow_down_updates(shop.database, "variants")

    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(flow.cancel_order, shop, first.order_id, user_id=user.id)
        wait_for_lingering(shop.database)
        try:
            second = place(shop, user.id)
        except Conflict as refusal:
            pytest.fail(f"refused: {refusal.code}")
        cancelling.result(timeout=10)

    assert second.order_id != first.order_id


def store_event(shop: Shop, order: CardOrder) -> UUID:
    subject = {"id": order.session_id, "client_reference_id": str(order.payment_id)}
    event = GatewayEvent(
        event_id=f"evt_{order.session_id}",
        event_type="checkout.session.completed",
        payload={"data": {"object": subject}},
    )
    with shop.database.transaction() as session:
        receive_event(session, source="stripe", event=event)
        return session.scalars(select(WebhookEvent.id)).one()


def sign(payload: bytes, secret: str) -> str:
    at = int(time.time())
    mac = hmac.new(secret.encode(), b"%d.%b" % (at, payload), hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"
