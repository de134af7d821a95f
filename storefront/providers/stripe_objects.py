"""What is sent to Stripe to open an attempt to pay, and what its objects mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import stripe

from storefront.kit.money import Money
from storefront.providers.payments import (
    DisputeStatus,
    GatewayDispute,
    GatewayRefund,
    GatewaySession,
    RefundRequest,
    RefundStatus,
    SessionRequest,
    SessionStatus,
)

INTENT_PREFIX: Final = "pi_"

# https://docs.stripe.com/payments/paymentintents/lifecycle
_INTENT_STATUS: Final = {
    "requires_action": SessionStatus.OPEN,
    "requires_confirmation": SessionStatus.OPEN,
    "processing": SessionStatus.PROCESSING,
    "succeeded": SessionStatus.PAID,
    # The bank refused, or the code ran out of time: this attempt is over.
    "requires_payment_method": SessionStatus.FAILED,
    "canceled": SessionStatus.EXPIRED,
}
# https://docs.stripe.com/api/refunds/object; requires_action waits for the buyer's bank details.
_REFUND_STATUS: Final = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
# https://docs.stripe.com/disputes/how-disputes-work; warnings are inquiries that move no money.
_DISPUTE_STATUS: Final = {
    "warning_needs_response": DisputeStatus.INQUIRY,
    "warning_under_review": DisputeStatus.INQUIRY,
    "warning_closed": DisputeStatus.CLOSED,
    "prevented": DisputeStatus.CLOSED,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}


def checkout_params(request: SessionRequest) -> dict[str, Any]:
    """A Checkout Session for one amount by card."""
    params: dict[str, Any] = {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.amount.currency.lower(),
                    "unit_amount": request.amount.satang,
                    "product_data": {"name": request.description},
                },
            }
        ],
        "client_reference_id": request.payment_id,
        "metadata": {"payment_id": request.payment_id},
        "payment_intent_data": {"metadata": {"payment_id": request.payment_id}},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "locale": request.locale,
        "expires_at": int(request.expires_at.timestamp()),
    }
    if request.email:
        params["customer_email"] = request.email
    return params


def promptpay_params(request: SessionRequest) -> dict[str, Any]:
    """A Payment Intent that waits at once for a PromptPay transfer
    (https://docs.stripe.com/payments/promptpay)."""
    return {
        "amount": request.amount.satang,
        "currency": request.amount.currency.lower(),
        "description": request.description,
        "metadata": {"payment_id": request.payment_id},
        "allowed_payment_method_types": ["promptpay"],
        "payment_method_data": {
            "type": "promptpay",
            "billing_details": {"email": request.email or ""},
        },
        "confirm": True,
        "return_url": request.success_url,
    }


def refund_params(request: RefundRequest) -> dict[str, Any]:
    """A refund of a part or the whole of a payment."""
    params: dict[str, Any] = {
        "payment_intent": request.gateway_payment_id,
        "amount": request.amount.satang,
        "metadata": {"refund_id": request.refund_id},
    }
    if request.email:
        params["instructions_email"] = request.email
    return params


def read_refund(refund: stripe.Refund) -> GatewayRefund:
    """A refund in our words."""
    named: dict[str, str] = refund.metadata.to_dict() if refund.metadata else {}
    return GatewayRefund(
        gateway_refund_id=refund.id,
        refund_id=named.get("refund_id"),
        status=_REFUND_STATUS.get(refund.status or "", RefundStatus.PENDING),
        amount=Money(int(refund.amount), refund.currency.upper()),
        failure=getattr(refund, "failure_reason", None),
    )


def read_dispute(dispute: stripe.Dispute) -> GatewayDispute:
    """A dispute in our words."""
    currency = dispute.currency.upper()
    due = dispute.evidence_details.due_by
    return GatewayDispute(
        gateway_dispute_id=dispute.id,
        status=_DISPUTE_STATUS.get(dispute.status, DisputeStatus.OPEN),
        gateway_status=dispute.status,
        reason=dispute.reason,
        amount=Money(int(dispute.amount), currency),
        fee=Money(sum(int(moved.fee) for moved in dispute.balance_transactions), currency),
        evidence_due_at=datetime.fromtimestamp(due, UTC) if due else None,
        live_mode=dispute.livemode,
    )


def read_session(session: stripe.checkout.Session) -> GatewaySession:
    """A Checkout Session in our words."""
    intent = session.payment_intent
    return GatewaySession(
        session_id=session.id,
        payment_id=session.client_reference_id,
        status=_session_status(session),
        url=session.url,
        amount=Money(int(session.amount_total or 0), (session.currency or "").upper()),
        gateway_payment_id=intent if isinstance(intent, str) or intent is None else intent.id,
        live_mode=session.livemode,
    )


def read_intent(intent: stripe.PaymentIntent) -> GatewaySession:
    """A PromptPay Payment Intent in our words: it is both the attempt and the payment."""
    code = _shown_code(intent)
    return GatewaySession(
        session_id=intent.id,
        payment_id=_own_id(intent),
        status=_INTENT_STATUS.get(intent.status, SessionStatus.PROCESSING),
        url=None,
        qr_payload=code.data if code else None,
        qr_url=code.hosted_instructions_url if code else None,
        amount=Money(int(intent.amount), intent.currency.upper()),
        gateway_payment_id=intent.id,
        live_mode=intent.livemode,
    )


def _session_status(session: stripe.checkout.Session) -> SessionStatus:
    if session.status == "complete":
        # A session can be complete and unpaid: the bank answers later (async methods).
        if session.payment_status in ("paid", "no_payment_required"):
            return SessionStatus.PAID
        intent = session.payment_intent
        given_up = ("requires_payment_method", "canceled")
        if isinstance(intent, stripe.PaymentIntent) and intent.status in given_up:
            return SessionStatus.FAILED
        return SessionStatus.PROCESSING
    return SessionStatus.EXPIRED if session.status == "expired" else SessionStatus.OPEN


def _shown_code(intent: stripe.PaymentIntent) -> Any:
    """What is to be shown while the transfer is waited for; nothing before and after."""
    action = intent.next_action
    return getattr(action, "promptpay_display_qr_code", None) if action else None


def _own_id(intent: stripe.PaymentIntent) -> str | None:
    # Fields of Stripe's objects hide the methods of a mapping, `get` among them.
    named: dict[str, str] = intent.metadata.to_dict()
    return named.get("payment_id")
