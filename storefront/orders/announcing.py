"""What other programs hear of orders."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import Product
from storefront.kit.money import Money
from storefront.orders.models import Order
from storefront.outgoing.models import EventName
from storefront.outgoing.service import announce


def announce_completed(session: Session, order: Order) -> None:
    """A paid order was delivered; its lines are loaded. Once per order."""
    wanted = {line.product_id for line in order.lines}
    rows = session.execute(select(Product.id, Product.slug).where(Product.id.in_(wanted)))
    slugs = {row.id: row.slug for row in rows}
    lines = [
        {
            "product": slugs.get(line.product_id),
            "name": line.name_en,
            "tier": line.variant_name_en,
            "quantity": line.quantity,
            "total_satang": line.total_satang - line.discount_satang,
        }
        for line in order.lines
    ]
    data = {**_about(session, order), "lines": lines}
    announce(session, EventName.ORDER_COMPLETED, subject_id=order.id, data=data)


def announce_refunded(
    session: Session, order: Order, *, refund_id: UUID, amount: Money, destination: str
) -> None:
    """Money of an order arrived at its buyer. Once per refund; `is_full` says whether all of the
    order's money is back, or on its way, by now."""
    data = {
        **_about(session, order),
        "refund": {
            "id": str(refund_id),
            "amount_satang": amount.satang,
            "destination": destination,
            "is_full": order.refunded_satang == order.total_satang,
        },
    }
    announce(session, EventName.ORDER_REFUNDED, subject_id=order.id, data=data, fact=str(refund_id))


def announce_disputed(
    session: Session,
    order: Order,
    *,
    dispute_id: UUID,
    amount: Money,
    reason: str,
    evidence_due_at: datetime | None,
) -> None:
    """A bank took the payment of an order back until it is decided. Once per dispute."""
    data = {
        **_about(session, order),
        "dispute": {
            "id": str(dispute_id),
            "amount_satang": amount.satang,
            "reason": reason,
            "evidence_due_at": evidence_due_at and evidence_due_at.isoformat(),
        },
    }
    announce(
        session, EventName.ORDER_DISPUTED, subject_id=order.id, data=data, fact=str(dispute_id)
    )


def _about(session: Session, order: Order) -> dict[str, Any]:
    discord_id = session.scalar(select(User.discord_id).where(User.id == order.user_id))
    return {
        "order": {
            "id": str(order.id),
            "reference": order.reference,
            "state": order.state,
            "payment_method": order.payment_method,
            "currency": order.currency,
            "total_satang": order.total_satang,
            "refunded_satang": order.refunded_satang,
        },
        "customer": {"id": str(order.user_id), "discord_id": discord_id},
    }
