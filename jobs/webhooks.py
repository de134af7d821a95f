"""Applying what the inbox of webhooks holds, by who sent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.checkout.webhooks import apply_webhook
from storefront.payments.models import WebhookEvent
from storefront.providers.tebex import SOURCE as TEBEX
from storefront.tebex.flow import apply_inbox_event


def apply(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `checkout.webhooks.apply_webhook` and `tebex.flow.apply_inbox_event`."""
    webhook_id = UUID(payload["webhook_id"])
    with shop.database.reading() as reader:
        source = reader.scalars(
            select(WebhookEvent.source).where(WebhookEvent.id == webhook_id)
        ).one()
    if source == TEBEX:
        apply_inbox_event(shop, webhook_id)
    else:
        apply_webhook(shop, webhook_id)
