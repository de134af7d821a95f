"""Changes to licences: issuing and showing keys, and what staff do. Slots and addresses are moved
in `moves`, the status changes by `states` alone.

Each locks the licence's row and writes an event in the same transaction; of staff an audit entry
too. In force with the commit, because nothing caches verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict, DomainError, Invalid, Kind, NotFound
from storefront.kit.ids import new_id
from storefront.licenses.actors import LICENSE, Actor, Owner, Staff, lock_license, record_change
from storefront.licenses.budgets import count_rotations
from storefront.licenses.events import SYSTEM, by_owner, by_staff, record_event
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseAction, LicenseStatus
from storefront.licenses.notices import tell_person
from storefront.licenses.rules import LONGEST_NOTE, MOST_DAYS, ROTATIONS
from storefront.licenses.states import forget_cause, settle_expiry, take_action


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One licence to be issued: unit n of a bought line, for one product (a bundle's line grants
    one per product inside)."""

    order_line_id: UUID
    product_id: UUID
    variant_id: UUID
    unit: int
    slots: int
    duration_days: int | None


def issue_licenses(
    session: Session,
    grants: Sequence[Grant],
    *,
    user_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> None:
    """Issue a new key for each grant.

    Idempotent by (order line, product, unit): the database refuses a second licence for the same
    unit, so repeating this issues nothing twice (K1).
    """
    for grant in grants:
        sealed = vault.seal(vault.make_key())
        issued = session.scalar(
            insert(License)
            .values(
                id=new_id(),
                key_hash=sealed.key_hash,
                key_hint=sealed.key_hint,
                key_encrypted=sealed.key_encrypted,
                product_id=grant.product_id,
                variant_id=grant.variant_id,
                user_id=user_id,
                order_line_id=grant.order_line_id,
                unit=grant.unit,
                status=LicenseStatus.ACTIVE,
                slots=grant.slots,
                created_at=now,
                expires_at=_end_of(grant, now),
            )
            .on_conflict_do_nothing(index_elements=["order_line_id", "product_id", "unit"])
            .returning(License.id)
        )
        if issued is not None:
            record_event(session, issued, "issued", actor=SYSTEM)


def reveal_key(session: Session, license_id: UUID, *, user_id: UUID, vault: KeyVault) -> str:
    """The whole key, for its owner; that it was shown is an event. Whether the owner is the one who
    asks is for the caller to have made sure of (`accounts.rules.is_recent`). Raises NotFound for
    anybody else's licence."""
    encrypted = session.scalar(
        select(License.key_encrypted).where(License.id == license_id, License.user_id == user_id)
    )
    if encrypted is None:
        raise NotFound("license")
    record_event(session, license_id, "key_shown", actor=by_owner(user_id))
    return vault.open(encrypted)


def rotate_key(
    session: Session, license_id: UUID, *, by: Actor, vault: KeyVault, now: datetime
) -> None:
    """Give a licence a new key. The old one is unknown with the commit; slots, end and addresses
    stay. An owner may do it three times in 24 hours, while the licence is not suspended or revoked;
    staff at any time.

    Not idempotent: each call makes a key. Raises NotFound, Conflict `license_is_<status>`,
    DomainError `too_many_rotations`.
    """
    license = lock_license(session, license_id, by=by)
    if isinstance(by, Owner):
        _check_owner_may_rotate(session, license, now=now)
    replace_key(license, vault=vault, now=now)
    event_id = record_change(session, license.id, "key_rotated", by=by, audit="rotate_license_key")
    if isinstance(by, Staff):
        tell_person(session, license, "license_rotated", event_id=event_id, now=now)


def replace_key(license: License, *, vault: KeyVault, now: datetime) -> None:
    """Put a new key in place of the old one of a locked licence."""
    sealed = vault.seal(vault.make_key())
    license.key_hash = sealed.key_hash
    license.key_hint = sealed.key_hint
    license.key_encrypted = sealed.key_encrypted
    license.rotated_at = now


def suspend_license(
    session: Session, license_id: UUID, *, actor_id: UUID, reason: str, now: datetime
) -> None:
    """Hold a licence until staff restore it; its owner is told. One that a dispute holds stays
    suspended even when the dispute is won. Idempotent. Raises NotFound, Invalid `reason_needed`,
    Conflict `license_is_revoked`."""
    by = Staff(actor_id, reason)
    license = lock_license(session, license_id, by=by)
    if take_action(license, LicenseAction.SUSPEND):
        _tell_of_change(session, license, "suspended", by=by, audit="suspend_license", now=now)
    elif license.status_before not in (None, LicenseStatus.SUSPENDED):
        license.status_before = LicenseStatus.SUSPENDED
        record_change(session, license.id, "suspended", by=by, audit="suspend_license")


def restore_license(
    session: Session, license_id: UUID, *, actor_id: UUID, reason: str, now: datetime
) -> None:
    """End a suspension; a licence whose end has passed meanwhile is expired. Idempotent. Raises
    NotFound, Invalid `reason_needed`, Conflict `license_is_<status>`, and Conflict `license_held`
    while a dispute holds it."""
    by = Staff(actor_id, reason)
    license = lock_license(session, license_id, by=by)
    if license.cause is not None and license.status == LicenseStatus.SUSPENDED:
        raise Conflict("license_held", f"{license.cause} holds {license.id}")
    if take_action(license, LicenseAction.RESTORE):
        settle_expiry(license, now=now)
        _tell_of_change(session, license, "restored", by=by, audit="restore_license", now=now)


def revoke_license(
    session: Session,
    license_id: UUID,
    *,
    actor_id: UUID,
    reason: str,
    now: datetime | None = None,
) -> None:
    """End a licence for good, with an audit row: no refund that fails and no dispute that is won
    brings it back. Idempotent. Raises NotFound, Invalid `reason_needed`."""
    by = Staff(actor_id, reason)
    license = lock_license(session, license_id, by=by)
    had_cause = license.cause is not None
    forget_cause(license)
    if take_action(license, LicenseAction.REVOKE):
        _tell_of_change(session, license, "revoked", by=by, audit="revoke_license", now=now)
    elif had_cause:
        record_change(session, license.id, "revoked", by=by, audit="revoke_license")


def extend_license(
    session: Session,
    license_id: UUID,
    *,
    days: int | None,
    actor_id: UUID,
    reason: str,
    now: datetime,
) -> None:
    """Add days to a licence, from its end or, where that has passed, from now; None takes the end
    away for good. An expired one is active again, a suspended one stays suspended.

    Not idempotent: each call adds. Raises NotFound, Invalid `reason_needed` or `bad_days` (1 to
    3650), Conflict `license_is_revoked`, or `license_has_no_end`.
    """
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise Invalid("bad_days", f"{days} days")
    by = Staff(actor_id, reason)
    license = lock_license(session, license_id, by=by)
    detail = _lengthen(license, LicenseAction.EXTEND, days=days, now=now)
    event_id = record_change(
        session, license.id, "extended", by=by, audit="extend_license", detail=detail
    )
    tell_person(session, license, "license_extended", event_id=event_id, now=now)


def set_note(session: Session, license_id: UUID, *, note: str, actor_id: UUID) -> None:
    """Write what staff should know of a licence; its owner never sees it. The audit has both texts.
    Saving what stands there already changes nothing. Raises NotFound, Invalid `note_too_long`."""
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise Invalid("note_too_long", f"{len(note)} characters")
    license = lock_license(session, license_id)
    if license.note == note:
        return
    changes = {"note": [license.note, note]}
    license.note = note
    record_event(session, license.id, "noted", actor=by_staff(actor_id))
    record_audit(
        session,
        actor_id=actor_id,
        action="note_license",
        subject=(LICENSE, license_id),
        detail={"changes": changes},
    )


def _lengthen(
    license: License, action: LicenseAction, *, days: int | None, now: datetime
) -> dict[str, str | int | None]:
    if license.expires_at is None:
        # Even one that is revoked has no end that could be moved, so ask the table first.
        take_action(license, action)
        raise Conflict("license_has_no_end")
    settle_expiry(license, now=now)
    take_action(license, action)
    if license.status_before == LicenseStatus.EXPIRED:
        license.status_before = LicenseStatus.ACTIVE
    end = None if days is None else max(license.expires_at, now) + timedelta(days=days)
    license.expires_at = end
    return {"days": days, "until": None if end is None else end.isoformat()}


def _check_owner_may_rotate(session: Session, license: License, *, now: datetime) -> None:
    if license.status in (LicenseStatus.SUSPENDED, LicenseStatus.REVOKED):
        raise Conflict(f"license_is_{license.status}")
    if count_rotations(session, license.id, now=now) >= ROTATIONS:
        raise DomainError("too_many_rotations", Kind.TOO_MANY)


def _tell_of_change(
    session: Session, license: License, action: str, *, by: Actor, audit: str, now: datetime | None
) -> None:
    event_id = record_change(session, license.id, action, by=by, audit=audit)
    tell_person(session, license, f"license_{action}", event_id=event_id, now=now)


def _end_of(grant: Grant, now: datetime) -> datetime | None:
    return None if grant.duration_days is None else now + timedelta(days=grant.duration_days)
