"""The diary of a licence: one row per step, in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.licenses.announcing import announce_step
from storefront.licenses.usage_models import LicenseEvent

SYSTEM, SERVER = "system", "server"


def by_owner(user_id: UUID) -> str:
    """The actor when an owner does something."""
    return f"user:{user_id}"


def by_staff(user_id: UUID) -> str:
    """The actor when staff do something."""
    return f"staff:{user_id}"


def record_event(
    session: Session,
    license_id: UUID,
    action: str,
    *,
    actor: str,
    detail: Mapping[str, Any] = MappingProxyType({}),
) -> UUID:
    """Write down what happened to a licence, after it happened; keys never stand in `detail`. Steps
    that others may know of are announced (`announcing.ANNOUNCED`). Returns the id of the event,
    which also names the notice and the mail about it."""
    event_id = new_id()
    session.add(
        LicenseEvent(
            id=event_id, license_id=license_id, action=action, actor=actor, detail=dict(detail)
        )
    )
    announce_step(session, license_id, action, event_id=event_id, actor=actor, detail=detail)
    return event_id
