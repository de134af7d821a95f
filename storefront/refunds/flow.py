"""Refunds in three phases: decide and reserve, ask the gateway outside any transaction, record the
outcome. A crash between two phases is mended by asking again with the same key."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.payments.models import Payment, PaymentState
from storefront.providers.payments import (
    GatewayRefund,
    GatewayRefused,
    GatewayUnavailable,
    PayBy,
    RefundRequest,
)
from storefront.refunds.adoption import take_in_refund
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.models import Destination, Refund, RefundState
from storefront.refunds.service import request_order_refund, request_wallet_refund
from storefront.refunds.settlement import fail_refund, settle_refund

log = structlog.get_logger()


def refund_order(
    shop: Shop, order_id: UUID, draft: OrderRefundDraft, *, actor_id: UUID
) -> Sequence[RefundState]:
    """Give money back for lines of an order, and say how far each part of it came. While the
    gateway is away its part stays `pending` and is sent later by itself. Idempotent by the draft's
    key. Raises what `service.request_order_refund` raises."""
    with shop.database.transaction() as session:
        refunds = request_order_refund(
            session, order_id, draft, actor_id=actor_id, now=shop.clock()
        )
    return [_send_now(shop, refund) for refund in refunds]


def refund_payment(
    shop: Shop, payment_id: UUID, draft: WalletRefundDraft, *, actor_id: UUID
) -> RefundState:
    """The same for what a payment put into a wallet. Raises what
    `service.request_wallet_refund` raises."""
    with shop.database.transaction() as session:
        refund = request_wallet_refund(
            session, payment_id, draft, actor_id=actor_id, now=shop.clock()
        )
    return _send_now(shop, refund)


def send_refund(shop: Shop, refund_id: UUID) -> RefundState:
    """Ask the gateway for a pending refund and record its answer; one that was sent is left alone.

    Idempotent: the same key makes the gateway find the same refund, and where it has forgotten the
    key it is looked up first. Raises GatewayUnavailable, after which it is tried again.
    """
    with shop.database.reading() as reader:
        refund, payment = reader.execute(
            select(Refund, Payment)
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Refund.id == refund_id)
        ).one()
    if refund.state != RefundState.PENDING:
        return RefundState(refund.state)
    try:
        seen = _find_sent(shop, refund, payment) or shop.gateway.refund(_request(refund, payment))
    except GatewayRefused as refusal:
        with shop.database.transaction() as session:
            fail_refund(session, refund_id, failure=refusal.message, now=shop.clock())
        return RefundState.FAILED
    with shop.database.transaction() as session:
        return settle_refund(session, refund_id, seen, now=shop.clock())


def refresh_refunds(shop: Shop, payment_id: UUID) -> None:
    """Bring the refunds of a payment to what the gateway says, those too that were made on its own
    pages. Idempotent. Raises GatewayUnavailable or GatewayRefused."""
    with shop.database.reading() as reader:
        payment = reader.get_one(Payment, payment_id)
    if payment.state != PaymentState.SUCCEEDED or payment.gateway_payment_id is None:
        return
    for seen in reversed(shop.gateway.list_refunds(payment.gateway_payment_id)):
        with shop.database.transaction() as session:
            take_in_refund(session, payment_id, seen, now=shop.clock())


def _send_now(shop: Shop, refund: Refund) -> RefundState:
    if refund.destination == Destination.WALLET:
        return RefundState(refund.state)
    try:
        return send_refund(shop, refund.id)
    except GatewayUnavailable:
        log.info("refund_waits_for_the_gateway", refund_id=str(refund.id))
        return RefundState.PENDING


def _find_sent(shop: Shop, refund: Refund, payment: Payment) -> GatewayRefund | None:
    """The refund as an earlier attempt left it at the gateway, whose keys live for a day only."""
    for seen in shop.gateway.list_refunds(payment.gateway_payment_id or ""):
        if seen.refund_id == str(refund.id):
            return seen
    return None


def _request(refund: Refund, payment: Payment) -> RefundRequest:
    return RefundRequest(
        refund_id=str(refund.id),
        idempotency_key=str(refund.id),
        gateway_payment_id=payment.gateway_payment_id or "",
        amount=refund.paid_out,
        email=payment.email if payment.pay_by == PayBy.PROMPTPAY else None,
    )
