"""Orders and top-ups on their way through the sandbox's gateway, in a test."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from uuid import UUID

import requests
from sqlalchemy import select

from jobs.outbox import sweep_outbox
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.orders.models import Order, PaymentMethod
from storefront.payments.models import Payment
from storefront.providers.payments import PayBy
from storefront.sandbox.serve import RunningSandbox

_RESOURCES = {
    "pi": "payment_intents",
    "cs": "sessions",
    "re": "refunds",
    "pyr": "refunds",
    "du": "disputes",
}


def place(
    shop: Shop,
    user: User,
    total: Money,
    *,
    method: PaymentMethod = PaymentMethod.STRIPE,
    wallet_part: Money = Money(0),
) -> UUID:
    """Place what is in the cart; returns the order's id."""
    return flow.place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
        wallet_part=wallet_part,
    ).order_id


def buy(shop: Shop, sandbox: RunningSandbox, user: User, total: Money, **how: object) -> UUID:
    """Place, pay at the gateway and let the shop hear of it."""
    order_id = place(shop, user, total, **how)  # type: ignore[arg-type]
    pay(shop, sandbox, order_id)
    return order_id


def pay(shop: Shop, sandbox: RunningSandbox, subject_id: UUID) -> Payment:
    """Pay the latest payment of an order or top-up, and let the shop ask about it."""
    payment = latest_payment(shop, subject_id)
    act(sandbox, payment.gateway_session_id, "pay" if payment.pay_by == "card" else "succeed")
    flow.refresh_payment(shop, payment.id)
    return latest_payment(shop, subject_id)


def top_up(
    shop: Shop,
    sandbox: RunningSandbox,
    user: User,
    amount: Money,
    *,
    pay_by: PayBy = PayBy.CARD,
    package_id: UUID | None = None,
) -> Payment:
    """Put money into a wallet by the shop's own way."""
    key = str(new_id())
    flow.start_topup(
        shop,
        user_id=user.id,
        amount=amount,
        idempotency_key=key,
        locale="en",
        pay_by=pay_by,
        package_id=package_id,
    )
    with shop.database.reading() as session:
        payment = session.scalars(
            select(Payment).where(Payment.user_id == user.id).order_by(Payment.id.desc()).limit(1)
        ).one()
    return pay(shop, sandbox, payment.subject_id)


def act(sandbox: RunningSandbox, object_id: str | None, verb: str, **values: object) -> None:
    """Let the buyer or the bank do something: pay, decline, expire, succeed, fail, dispute."""
    assert object_id
    kind = _RESOURCES[object_id.split("_")[0]]
    url = f"{sandbox.url}/control/stripe/{kind}/{object_id}/{verb}"
    answer = requests.post(url, json=values, timeout=10)
    # A card that is declined is an answer too.
    if answer.status_code != 402:
        answer.raise_for_status()


def latest_payment(shop: Shop, subject_id: UUID) -> Payment:
    """The newest payment of an order or top-up."""
    with shop.database.reading() as session:
        return session.scalars(
            select(Payment)
            .where(Payment.subject_id == subject_id)
            .order_by(Payment.id.desc())
            .limit(1)
        ).one()


def order_of(shop: Shop, order_id: UUID) -> Order:
    """The order as it stands."""
    with shop.database.reading() as session:
        return session.scalars(select(Order).where(Order.id == order_id)).one()


def drain(shop: Shop) -> None:
    """Run what the outbox holds, now."""
    sweep_outbox(shop, overdue=timedelta(0))


def at(shop: Shop, moment: datetime) -> Shop:
    """The same shop at another time."""
    return dataclasses.replace(shop, clock=fixed_clock(moment))
