"""Refunds that somebody made on the gateway's own pages: the money is gone, so the books follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id, parse_id
from storefront.kit.money import Money
from storefront.orders.models import Order
from storefront.orders.service import lock_order
from storefront.payments.models import Payment
from storefront.payments.service import lock_payment
from storefront.providers.payments import GatewayRefund, RefundStatus
from storefront.refunds.models import (
    Destination,
    LicenseRule,
    Refund,
    RefundLine,
    RefundState,
)
from storefront.refunds.queries import find_order_payment, find_refundable
from storefront.refunds.rules import RefundableLine
from storefront.refunds.service import reserve
from storefront.refunds.settlement import settle_refund

log = structlog.get_logger()

REASON = "Refunded on the payment service's own pages"


def take_in_refund(
    session: Session, payment_id: UUID, seen: GatewayRefund, *, now: datetime
) -> UUID | None:
    """Settle a refund the gateway lists for a payment; one the shop did not ask for is written
    down first, for the order the payment bought.

    Such a one is spread over the lines from the first on; licences are left to staff. Locks
    payment and order; idempotent by the gateway's id. None, with an error in the log, when the
    books have no room for it: the payment went into a wallet, or more came back than was left.
    Then the nightly reconciliation shows it.
    """
    payment = lock_payment(session, payment_id)
    known = _find_known(session, seen)
    if known is not None:
        settle_refund(session, known, seen, now=now)
        return known
    if seen.status is RefundStatus.FAILED:
        return None
    bought = find_order_payment(session, payment.subject_id)
    if bought is None or bought.id != payment.id:
        _refuse(payment, seen)
        return None
    order = lock_order(session, payment.subject_id)
    refundable = find_refundable(session, order, payment)
    if seen.amount > min(refundable.total, refundable.left.gateway):
        _refuse(payment, seen)
        return None
    refund = _write(order, payment, seen, _spread(refundable.lines, seen.amount), now)
    session.add(refund)
    session.flush()
    reserve(session, order, payment, [refund], actor="gateway", now=now)
    settle_refund(session, refund.id, seen, now=now)
    return refund.id


def _find_known(session: Session, seen: GatewayRefund) -> UUID | None:
    # By our id first: a webhook may come before the gateway's id was noted.
    own_id = parse_id(seen.refund_id or "")
    return session.scalar(
        select(Refund.id).where(
            or_(Refund.id == own_id, Refund.gateway_refund_id == seen.gateway_refund_id)
        )
    )


def _refuse(payment: Payment, seen: GatewayRefund) -> None:
    log.error(
        "refund_not_adopted",
        payment_id=str(payment.id),
        gateway_refund_id=seen.gateway_refund_id,
        amount=str(seen.amount),
    )


def _spread(lines: Sequence[RefundableLine], amount: Money) -> list[RefundLine]:
    parts = []
    missing = amount
    for line in lines:
        taken = min(line.left, missing)
        missing = missing - taken
        if taken:
            parts.append(RefundLine(order_line_id=line.id, amount_satang=taken.satang))
    return parts


def _write(
    order: Order, payment: Payment, seen: GatewayRefund, lines: list[RefundLine], now: datetime
) -> Refund:
    return Refund(
        id=new_id(),
        order_id=order.id,
        user_id=order.user_id,
        destination=Destination.GATEWAY,
        state=RefundState.PENDING,
        amount_satang=seen.amount.satang,
        bonus_satang=0,
        kept_satang=0,
        currency=order.currency,
        licenses=LicenseRule.KEEP,
        reason=REASON,
        idempotency_key=seen.gateway_refund_id[:64],
        payment_id=payment.id,
        created_at=now,
        lines=lines,
    )
