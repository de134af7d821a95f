"""Who changes a licence: its owner, or staff with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Invalid, NotFound
from storefront.licenses.events import by_owner, by_staff, record_event
from storefront.licenses.models import License

LONGEST_REASON: Final = 300
LICENSE: Final = "license"


@dataclass(frozen=True, slots=True)
class Owner:
    """A person who may change nothing but licences of their own."""

    user_id: UUID

    @property
    def name(self) -> str:
        """The actor in the diary."""
        return by_owner(self.user_id)


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody whose right to change any licence was checked by the caller; `reason` goes into the
    audit."""

    user_id: UUID
    reason: str

    @property
    def name(self) -> str:
        """The actor in the diary."""
        return by_staff(self.user_id)


Actor = Owner | Staff


def lock_license(session: Session, license_id: UUID, *, by: Actor | None = None) -> License:
    """The licence, locked until the transaction ends and read anew. Raises NotFound, for an owner
    also where the licence is somebody else's, and Invalid `reason_needed` for staff without a
    reason."""
    if isinstance(by, Staff):
        check_reason(by)
    license = session.scalar(
        select(License)
        .where(License.id == license_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if license is None or (isinstance(by, Owner) and license.user_id != by.user_id):
        raise NotFound(LICENSE)
    return license


def check_reason(by: Staff) -> None:
    """Raises Invalid `reason_needed` for staff without a reason of at most 300 characters."""
    if not 1 <= len(by.reason.strip()) <= LONGEST_REASON:
        raise Invalid("reason_needed", "staff say why")


def record_change(
    session: Session,
    license_id: UUID,
    action: str,
    *,
    by: Actor,
    audit: str,
    detail: Mapping[str, Any] = MappingProxyType({}),
) -> UUID:
    """The event of a change and, of staff, the audit entry `audit` with the reason (A2). The
    reason is not in the diary: its owner reads that. Returns the id of the event."""
    event_id = record_event(session, license_id, action, actor=by.name, detail=detail)
    if isinstance(by, Staff):
        record_audit(
            session,
            actor_id=by.user_id,
            action=audit,
            subject=(LICENSE, license_id),
            detail={"reason": by.reason.strip(), **detail},
        )
    return event_id
