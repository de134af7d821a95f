"""Licences that come of a purchase made somewhere else: issued, suspended and ended by its name.

`source` and `reference` name the purchase there; only the caller, who holds it locked, changes its
licences, so that the updates here lock rows that nobody else takes in another order. All of it is
idempotent, and in force with the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, case, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseSource, LicenseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A purchase made elsewhere."""

    source: LicenseSource
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignGrant:
    """One licence to be issued: a unit of that purchase, for one product."""

    product_id: UUID
    variant_id: UUID
    unit: int
    slots: int
    duration_days: int | None


def issue_foreign(
    session: Session,
    grants: Iterable[ForeignGrant],
    *,
    origin: Origin,
    user_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> int:
    """Issue a new key for each grant; returns how many are new.

    Idempotent by (source, reference, product, unit): the database refuses a second licence for the
    same unit (K1).
    """
    issued = [
        _issue(session, grant, origin=origin, user_id=user_id, vault=vault, now=now)
        for grant in grants
    ]
    return sum(issued)


def suspend_foreign(session: Session, origin: Origin, *, cause: str) -> None:
    """Suspend every good licence of the purchase."""
    _end(session, origin, [LicenseStatus.ACTIVE], status=LicenseStatus.SUSPENDED, cause=cause)


def revoke_foreign(session: Session, origin: Origin, *, cause: str) -> None:
    """End every licence of the purchase that is not revoked already. What somebody else suspended
    is ended too, and does not come back as suspended by this cause."""
    others = [one for one in LicenseStatus if one is not LicenseStatus.REVOKED]
    _end(session, origin, others, status=LicenseStatus.REVOKED, cause=cause)


def restore_foreign(session: Session, origin: Origin, *, cause: str) -> None:
    """What this cause had suspended or revoked is again what it was before."""
    ids = session.scalars(
        update(License)
        .where(_of(origin), License.cause == cause, License.status_before.is_not(None))
        .values(status=License.status_before, status_before=null(), cause=null())
        .returning(License.id)
        .execution_options(synchronize_session=False)
    ).all()
    _record(session, ids, "restore", cause)


def _end(
    session: Session,
    origin: Origin,
    from_states: Sequence[LicenseStatus],
    *,
    status: LicenseStatus,
    cause: str,
) -> None:
    ids = session.scalars(
        update(License)
        .where(_of(origin), License.status.in_(from_states))
        .values(
            # Of two causes in a row the first knows what the licence was.
            status_before=case(
                (License.status_before.is_(None), License.status), else_=License.status_before
            ),
            status=status,
            cause=cause,
        )
        .returning(License.id)
        .execution_options(synchronize_session=False)
    ).all()
    action = "suspend" if status is LicenseStatus.SUSPENDED else "revoke"
    _record(session, ids, action, cause)


def _issue(
    session: Session,
    grant: ForeignGrant,
    *,
    origin: Origin,
    user_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> bool:
    if session.scalar(
        select(License.id).where(
            _of(origin), License.product_id == grant.product_id, License.unit == grant.unit
        )
    ):
        return False
    sealed = vault.seal(vault.make_key())
    days = grant.duration_days
    license_id = session.scalar(
        insert(License)
        .values(
            id=new_id(),
            key_hash=sealed.key_hash,
            key_hint=sealed.key_hint,
            key_encrypted=sealed.key_encrypted,
            product_id=grant.product_id,
            variant_id=grant.variant_id,
            user_id=user_id,
            source=origin.source,
            source_reference=origin.reference,
            unit=grant.unit,
            status=LicenseStatus.ACTIVE,
            slots=grant.slots,
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
        .on_conflict_do_nothing(index_elements=["source", "source_reference", "product_id", "unit"])
        .returning(License.id)
    )
    if license_id is None:
        return False
    record_event(session, license_id, "issue", actor=SYSTEM, detail={"source": origin.source.value})
    return True


def _of(origin: Origin) -> ColumnElement[bool]:
    return (License.source == origin.source) & (License.source_reference == origin.reference)


def _record(session: Session, ids: Sequence[UUID], action: str, cause: str) -> None:
    for license_id in ids:
        record_event(session, license_id, action, actor=SYSTEM, detail={"cause": cause})
