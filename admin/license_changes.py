"""What staff can do to a licence: which of it has a meaning now, and the one call that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from admin.license_dossier import last_change
from storefront.errors import Conflict, DomainError, Invalid
from storefront.kit.clock import in_shop_zone
from storefront.licenses.actors import Staff, lock_license
from storefront.licenses.addresses import parse_network
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.moves import free_slot, reset_slots
from storefront.licenses.service import (
    extend_license,
    restore_license,
    revoke_license,
    rotate_key,
    suspend_license,
)

MOST_AT_ONCE: Final = 200


class Change(StrEnum):
    """What staff do to one licence, or, of the first four, to many."""

    SUSPEND = "suspend"
    RESTORE = "restore"
    EXTEND = "extend"
    REVOKE = "revoke"
    RESET = "reset"
    ROTATE = "rotate"
    FREE = "free"


BULK: Final = (Change.SUSPEND, Change.RESTORE, Change.EXTEND, Change.REVOKE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was typed with a change: why, for how long (days, or until a day; neither means for
    good), and which server's slot is freed."""

    change: Change
    reason: str
    days: int | None = None
    until: date | None = None
    network: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A licence of a selection that stays as it is, and why."""

    license_id: UUID
    error: DomainError


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of a selection."""

    changed: int
    refused: Sequence[Refused]


def allowed_changes(license: License, status: LicenseStatus, *, slots: int) -> tuple[Change, ...]:
    """What has a meaning for this licence now; buttons are drawn from it, the rules themselves
    stand in `licenses.service`."""
    is_open = license.status != LicenseStatus.REVOKED
    is_held = license.status == LicenseStatus.SUSPENDED and license.cause is not None
    found = {
        Change.SUSPEND: status in (LicenseStatus.ACTIVE, LicenseStatus.EXPIRED),
        Change.RESTORE: license.status == LicenseStatus.SUSPENDED and not is_held,
        Change.EXTEND: is_open and license.expires_at is not None,
        Change.RESET: is_open and slots > 0,
        Change.ROTATE: is_open,
        Change.REVOKE: is_open,
    }
    return tuple(change for change, is_possible in found.items() if is_possible)


def change_license(
    session: Session,
    license_id: UUID,
    order: Order,
    *,
    seen: str | None,
    actor_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> None:
    """Do one thing to one licence. `seen` is the mark of the change that was looked at, None for a
    selection, whose rows nobody looked at one by one.

    Locks the licence. Raises Conflict `edited_elsewhere` when somebody else changed it since, and
    what the function of `licenses.service` or `licenses.moves` raises.
    """
    license = lock_license(session, license_id)
    if seen is not None and seen != last_change(session, license_id):
        raise Conflict("edited_elsewhere", f"{license_id} was changed meanwhile")
    why: dict[str, Any] = {"actor_id": actor_id, "reason": order.reason, "now": now}
    staff = Staff(actor_id, order.reason)
    match order.change:
        case Change.SUSPEND:
            suspend_license(session, license_id, **why)
        case Change.RESTORE:
            restore_license(session, license_id, **why)
        case Change.REVOKE:
            revoke_license(session, license_id, **why)
        case Change.EXTEND:
            extend_license(session, license_id, days=_days(license, order, now), **why)
        case Change.RESET:
            reset_slots(session, license_id, by=staff, now=now)
        case Change.ROTATE:
            rotate_key(session, license_id, by=staff, vault=vault, now=now)
        case Change.FREE:
            free_slot(session, license_id, network=parse_network(order.network), by=staff, now=now)


def change_many(
    session: Session,
    license_ids: Sequence[UUID],
    order: Order,
    *,
    actor_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> BulkOutcome:
    """The same to a selection: what can be done is done, what is refused is told. In the order of
    the ids for everybody, so that two selections never wait for each other. Raises Invalid
    `bad_request` for a change that is for one licence alone, `reason_needed`, `bad_days`."""
    if order.change not in BULK:
        raise Invalid("bad_request")
    refused: list[Refused] = []
    for license_id in sorted(set(license_ids))[:MOST_AT_ONCE]:
        try:
            with session.begin_nested():
                change_license(
                    session,
                    license_id,
                    order,
                    seen=None,
                    actor_id=actor_id,
                    vault=vault,
                    now=now,
                )
        except Invalid:
            # What was typed is wrong for all of them.
            raise
        except DomainError as error:
            refused.append(Refused(license_id, error))
    return BulkOutcome(len(set(license_ids)) - len(refused), refused)


def _days(license: License, order: Order, now: datetime) -> int | None:
    """Whole days from the end, or from now where that has passed, to the same hour of a day."""
    if order.until is None:
        return order.days
    base = max(license.expires_at or now, now)
    days = (order.until - in_shop_zone(base).date()).days
    if days < 1:
        raise Conflict("not_longer", f"{order.until} is not after {base}")
    return days
