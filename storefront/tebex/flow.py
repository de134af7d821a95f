"""Applying Tebex's events from the inbox."""

from __future__ import annotations

from uuid import UUID

from storefront.bootstrap import Shop
from storefront.payments.models import WebhookEvent, WebhookState
from storefront.payments.service import close_foreign_event
from storefront.tebex.events import apply_event


def apply_inbox_event(shop: Shop, webhook_id: UUID) -> None:
    """Apply a stored event, once, in the transaction that closes it. Idempotent; locks the event's
    row, so that of two workers with one event the second finds it closed."""
    now = shop.clock()
    with shop.database.transaction() as session:
        event = session.get_one(WebhookEvent, webhook_id, with_for_update=True)
        if event.state != WebhookState.RECEIVED:
            return
        purchase_id = apply_event(
            session,
            event.event_type,
            event.payload,
            received_at=event.received_at,
            vault=shop.vault,
            now=now,
        )
        close_foreign_event(session, webhook_id, subject_id=purchase_id, now=now)
