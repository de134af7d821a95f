"""Applying a gateway's events. An event is a hint: what counts is what the gateway says when it
is asked now, which makes repeated, late and shuffled events harmless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.checkout.flow import refresh_payment
from storefront.disputes.flow import refresh_disputes
from storefront.kit.ids import parse_id
from storefront.payments.models import Payment, PaymentState, WebhookEvent, WebhookState
from storefront.payments.service import close_event
from storefront.providers.payments import GatewayRefused, GatewayUnavailable
from storefront.refunds.flow import refresh_refunds

# Refunds and disputes: what happens to a payment after it was paid.
FOLLOWING = ("refund.", "charge.refund", "charge.dispute.")


@dataclass(frozen=True, slots=True)
class Hint:
    """What an event names: our payment, the gateway's session, the gateway's payment."""

    payment_id: UUID | None
    session_id: str | None
    gateway_payment_id: str | None


def apply_webhook(shop: Shop, webhook_id: UUID) -> None:
    """Bring the payment an event speaks of up to date. Idempotent; raises GatewayUnavailable,
    after which it is tried again later."""
    with shop.database.reading() as reader:
        event = reader.get_one(WebhookEvent, webhook_id)
        hint = read_hint(event.event_type, event.payload)
        payment_id = _find_payment_id(reader, hint)
    if event.state != WebhookState.RECEIVED:
        return
    if payment_id is None and event.event_type.startswith(FOLLOWING):
        payment_id = _ask_whose(shop, hint)
    if payment_id is not None:
        refresh_payment(
            shop, payment_id, session_id=hint.session_id, intent_id=hint.gateway_payment_id
        )
        if event.event_type.startswith(FOLLOWING):
            _refresh_what_followed(shop, payment_id)
    with shop.database.transaction() as session:
        close_event(session, webhook_id, payment_id=payment_id, now=shop.clock())


def _refresh_what_followed(shop: Shop, payment_id: UUID) -> None:
    """Refunds and disputes of a payment. What is refunded or disputed was paid: as long as we do
    not know that, because its own event is still to come, this event has to wait."""
    with shop.database.reading() as reader:
        state = reader.get_one(Payment, payment_id).state
    if state != PaymentState.SUCCEEDED:
        raise GatewayUnavailable(f"payment {payment_id} is not known to be paid yet")
    refresh_refunds(shop, payment_id)
    refresh_disputes(shop, payment_id)


def _ask_whose(shop: Shop, hint: Hint) -> UUID | None:
    """Refunds and disputes name the gateway's payment alone. When their event comes before that of
    the payment itself we do not know it yet; the gateway knows ours."""
    if hint.gateway_payment_id is None:
        return None
    try:
        seen = shop.gateway.fetch_session(hint.gateway_payment_id)
    except GatewayRefused:
        return None
    own_id = parse_id(seen.payment_id or "")
    with shop.database.reading() as reader:
        return (
            None
            if own_id is None
            else reader.scalar(select(Payment.id).where(Payment.id == own_id))
        )


def read_hint(event_type: str, payload: dict[str, Any]) -> Hint:
    """What an event names. Its fields come from outside: whatever has another shape than it
    should is treated as absent."""
    subject = _mapping(_mapping(payload.get("data")).get("object"))
    subject_id = _text(subject.get("id"))
    named = _text(_mapping(subject.get("metadata")).get("payment_id"))
    is_session = event_type.startswith("checkout.session.")
    is_intent = event_type.startswith("payment_intent.")
    return Hint(
        payment_id=parse_id(named or _text(subject.get("client_reference_id")) or ""),
        session_id=subject_id if is_session else None,
        gateway_payment_id=subject_id if is_intent else _text(subject.get("payment_intent")),
    )


def _find_payment_id(session: Session, hint: Hint) -> UUID | None:
    # What the event does not name must not be compared: "= NULL" would become IS NULL and find
    # any payment that is not paid yet.
    named = [
        column == value
        for column, value in (
            (Payment.id, hint.payment_id),
            (Payment.gateway_session_id, hint.session_id),
            (Payment.gateway_payment_id, hint.gateway_payment_id),
        )
        if value is not None
    ]
    if not named:
        return None
    return session.scalar(select(Payment.id).where(or_(*named)).limit(1))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
