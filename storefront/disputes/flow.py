"""Asking the gateway about disputes."""

from __future__ import annotations

from uuid import UUID

from storefront.bootstrap import Shop
from storefront.disputes.service import settle_dispute
from storefront.payments.models import Payment, PaymentState


def refresh_disputes(shop: Shop, payment_id: UUID) -> None:
    """Bring the disputes of a payment to what the gateway says. Idempotent. Raises
    GatewayUnavailable or GatewayRefused."""
    with shop.database.reading() as reader:
        payment = reader.get_one(Payment, payment_id)
    if payment.state != PaymentState.SUCCEEDED or payment.gateway_payment_id is None:
        return
    for seen in reversed(shop.gateway.list_disputes(payment.gateway_payment_id)):
        with shop.database.transaction() as session:
            settle_dispute(
                session,
                payment_id,
                seen,
                live_mode=shop.settings.live_mode,
                now=shop.clock(),
            )
