"""The payment sweep: whatever a lost redirect or a lost webhook left open is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from storefront.bootstrap import Shop
from storefront.checkout.flow import close_overdue_order, close_overdue_payment, refresh_payment
from storefront.orders.models import Order, OrderState
from storefront.outbox import enqueue
from storefront.payments.models import LIVE_STATES, Payment, PaymentPurpose

# Redirect and webhook had their chance by then.
ASK_AFTER = timedelta(minutes=2)
BATCH = 200


def sweep_payments(shop: Shop) -> None:
    """Queue a question for each payment that is open for more than two minutes, a closing for
    each that is past its end, and an end for overdue orders nobody can pay any more. Safe to run
    twice: within one minute the same work has the same key."""
    now = shop.clock()
    slot = int(now.timestamp()) // 60
    with shop.database.transaction() as session:
        for payment in session.execute(
            select(Payment.id, Payment.expires_at)
            .where(Payment.state.in_(LIVE_STATES), Payment.created_at < now - ASK_AFTER)
            .order_by(Payment.expires_at)
            .limit(BATCH)
        ):
            task = "close_overdue_payment" if payment.expires_at < now else "refresh_payment"
            enqueue(
                session,
                task,
                {"payment_id": str(payment.id)},
                dedupe_key=f"{task}:{payment.id}:{slot}",
            )
        for order_id in session.scalars(
            select(Order.id)
            .where(
                Order.state == OrderState.PENDING,
                Order.expires_at < now,
                ~exists().where(
                    Payment.purpose == PaymentPurpose.ORDER,
                    Payment.subject_id == Order.id,
                    Payment.state.in_(LIVE_STATES),
                ),
            )
            .limit(BATCH)
        ):
            enqueue(
                session,
                "close_overdue_order",
                {"order_id": str(order_id)},
                dedupe_key=f"close_overdue_order:{order_id}:{slot}",
            )


def close_overdue(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `checkout.flow.close_overdue_payment`."""
    close_overdue_payment(shop, UUID(payload["payment_id"]))


def refresh(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `checkout.flow.refresh_payment`."""
    refresh_payment(shop, UUID(payload["payment_id"]))


def close_order(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `checkout.flow.close_overdue_order`."""
    close_overdue_order(shop, UUID(payload["order_id"]))
