"""Which steps in the life of a licence other programs hear of, and Discord follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import Product
from storefront.licenses.models import License
from storefront.outbox import enqueue
from storefront.outgoing.models import EventName
from storefront.outgoing.service import announce

# By the action of a licence event.
ANNOUNCED: Final[Mapping[str, EventName]] = {
    "issued": EventName.LICENSE_ISSUED,
    "renewed": EventName.LICENSE_RENEWED,
    "extended": EventName.LICENSE_EXTENDED,
    "suspended": EventName.LICENSE_SUSPENDED,
    "restored": EventName.LICENSE_RESTORED,
    "revoked": EventName.LICENSE_REVOKED,
    "expired": EventName.LICENSE_EXPIRED,
    "key_rotated": EventName.LICENSE_ROTATED,
    "given": EventName.LICENSE_GIVEN,
    "slot_moved": EventName.LICENSE_SLOT_MOVED,
}
# What changes nothing about who may have a role.
_NO_ROLES: Final = frozenset({EventName.LICENSE_ROTATED, EventName.LICENSE_SLOT_MOVED})


def announce_step(
    session: Session,
    license_id: UUID,
    action: str,
    *,
    event_id: UUID,
    actor: str,
    detail: Mapping[str, Any],
) -> None:
    """Tell of a step, with the licence as it is now: call it after the change. Nothing for steps
    that nobody outside needs to know. Idempotent by the id of the licence event."""
    name = ANNOUNCED.get(action)
    if name is None:
        return
    row = session.execute(
        select(
            License.status,
            License.slots,
            License.source,
            License.expires_at,
            License.user_id,
            Product.slug,
            User.discord_id,
        )
        .join(Product, Product.id == License.product_id)
        .join(User, User.id == License.user_id)
        .where(License.id == license_id)
    ).one()
    data: dict[str, Any] = {
        "license": {
            "id": str(license_id),
            "product": row.slug,
            "status": row.status,
            "slots": row.slots,
            "source": row.source,
            "expires_at": row.expires_at and row.expires_at.isoformat(),
        },
        "customer": {"id": str(row.user_id), "discord_id": row.discord_id},
        "actor": actor.partition(":")[0],
    }
    giver = str(detail.get("from", "")) if name is EventName.LICENSE_GIVEN else ""
    if giver:
        data["previous_customer"] = {"id": giver}
    announce(session, name, subject_id=license_id, data=data, fact=str(event_id))
    if name not in _NO_ROLES:
        for person in {str(row.user_id), giver} - {""}:
            enqueue(session, "align_discord_roles", {"user_id": person})
