"""Applying a gateway's events. An event is a hint: what counts is what the gateway says when it
is asked now, which makes repeated, late and shuffled events harmless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.checkout.flow import refresh_payment
from storefront.kit.ids import parse_id
from storefront.payments.models import Payment, WebhookEvent, WebhookState
from storefront.payments.service import close_event


@dataclass(frozen=True, slots=True)
class Hint:
    """Which payment an event speaks of, and its session if the event names it."""

    payment_id: UUID
    session_id: str | None


def apply_webhook(shop: Shop, webhook_id: UUID) -> None:
    """Bring the payment an event speaks of up to date. Idempotent; raises GatewayUnavailable,
    after which it is tried again later."""
    with shop.database.reading() as reader:
        event = reader.get_one(WebhookEvent, webhook_id)
        hint = read_hint(event.event_type, event.payload)
        known = hint is not None and reader.get(Payment, hint.payment_id) is not None
    if event.state != WebhookState.RECEIVED:
        return
    if hint is not None and known:
        refresh_payment(shop, hint.payment_id, session_id=hint.session_id)
    outcome = WebhookState.APPLIED if known else WebhookState.IGNORED
    with shop.database.transaction() as session:
        close_event(session, webhook_id, state=outcome, now=shop.clock())


def read_hint(event_type: str, payload: dict[str, Any]) -> Hint | None:
    """Find our payment's id in an event; None when it is not about one of our payments."""
    subject = payload.get("data", {}).get("object", {})
    metadata = subject.get("metadata")
    named = metadata.get("payment_id") if isinstance(metadata, dict) else None
    payment_id = parse_id(named or subject.get("client_reference_id") or "")
    if payment_id is None:
        return None
    is_session = event_type.startswith("checkout.session.")
    return Hint(payment_id, subject["id"] if is_session else None)
