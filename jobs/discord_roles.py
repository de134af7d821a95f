"""Discord roles: after a licence changed, and everybody once a night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.discord_roles.flow import align_roles
from storefront.discord_roles.queries import find_stale, last_change
from storefront.discord_roles.service import mark_planned
from storefront.kit.clock import in_shop_zone
from storefront.outbox import enqueue

SWEEP_HOUR: Final = 4
# Discord allows 50 calls a second to a bot; this leaves most of them to others.
PER_MINUTE: Final = 100


def align(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Bring one person's roles to what their licences say; safe to run twice. Nothing where the
    shop has no bot."""
    if shop.roles is not None:
        align_roles(shop.database, shop.roles, UUID(payload["user_id"]), clock=shop.clock)


def sweep(shop: Shop) -> int:
    """Look at whoever was not looked at since last night, or since staff changed a rule; how many
    are enqueued. Repairs what nobody told the shop: roles taken by hand, people who came back,
    licences whose time ran out."""
    if shop.roles is None:
        return 0
    now = shop.clock()
    with shop.database.transaction() as session:
        changed_at = last_change(session)
        if changed_at is None:
            return 0
        since = max(changed_at, last_night(now))
        people = find_stale(session, since=since, limit=PER_MINUTE)
        for user_id in people:
            mark_planned(session, user_id, now=now)
            enqueue(
                session,
                "align_discord_roles",
                {"user_id": str(user_id)},
                dedupe_key=f"align_discord_roles:{user_id}:{since.isoformat()}",
            )
    return len(people)


def last_night(now: datetime) -> datetime:
    """The latest four o'clock in the morning in Bangkok that has passed."""
    local = in_shop_zone(now)
    night = local.replace(hour=SWEEP_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= local else night - timedelta(days=1)
