"""The sweep of refunds: what was decided and not sent, and what was sent and not heard of again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.outbox import enqueue
from storefront.refunds.flow import refresh_refunds, send_refund
from storefront.refunds.models import Destination, Refund, RefundState

SEND_AFTER = timedelta(minutes=2)
# Banks take days; webhooks tell, this only finds what no webhook told.
ASK_EVERY = timedelta(hours=6)
BATCH = 200


def sweep_refunds(shop: Shop) -> None:
    """Queue a sending for each refund that waits for more than two minutes, and a question, four
    times a day, for each that is under way. Safe to run twice: within its slot of time the same
    work has the same key."""
    now = shop.clock()
    minute = int(now.timestamp()) // 60
    quarter_day = int(now.timestamp()) // int(ASK_EVERY.total_seconds())
    with shop.database.transaction() as session:
        for refund in session.scalars(
            select(Refund)
            .where(
                Refund.destination == Destination.GATEWAY,
                Refund.state.in_((RefundState.PENDING, RefundState.SENT)),
                Refund.created_at < now - SEND_AFTER,
            )
            .order_by(Refund.created_at)
            .limit(BATCH)
        ):
            if refund.state == RefundState.PENDING:
                task, payload, slot = "send_refund", {"refund_id": str(refund.id)}, minute
            else:
                task, slot = "refresh_refunds", quarter_day
                payload = {"payment_id": str(refund.payment_id)}
            enqueue(session, task, payload, dedupe_key=f"{task}:{refund.id}:{slot}")


def send(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `refunds.flow.send_refund`."""
    send_refund(shop, UUID(payload["refund_id"]))


def refresh(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `refunds.flow.refresh_refunds`."""
    refresh_refunds(shop, UUID(payload["payment_id"]))
