"""Telling other programs: fan out, send, and plan what is due again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.outgoing.flow import send_delivery
from storefront.outgoing.service import fan_out, plan_deliveries


def fan_out_event(shop: Shop, payload: Mapping[str, Any]) -> None:
    """One delivery per endpoint that subscribed; safe to run twice."""
    with shop.database.transaction() as session:
        fan_out(session, UUID(payload["event_id"]), now=shop.clock())


def send(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Make the attempt that is due. One that fails is no failure of the task: what comes next
    stands with the delivery, because its schedule is longer than the outbox's patience."""
    send_delivery(
        shop.database,
        shop.courier,
        shop.secret_box,
        UUID(payload["delivery_id"]),
        clock=shop.clock,
    )


def plan_due(shop: Shop) -> int:
    """Hand to the worker what is due; how many."""
    with shop.database.transaction() as session:
        return plan_deliveries(session, now=shop.clock())
