"""Licences that come of no order here: of a purchase made somewhere else, issued by its name (what
becomes of them afterwards is in `endings`), or of staff, see `giveaways`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseSource, LicenseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A purchase made elsewhere, or a form by which staff gave something away."""

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
    """Issue a new key for each grant of a purchase; returns how many are new.

    Idempotent by (source, reference, product, unit): the database refuses a second licence for the
    same unit (K1).
    """
    issued = insert_foreign(session, grants, origin=origin, user_id=user_id, vault=vault, now=now)
    for license_id in issued:
        record_event(
            session, license_id, "issued", actor=SYSTEM, detail={"source": origin.source.value}
        )
    return len(issued)


def insert_foreign(
    session: Session,
    grants: Iterable[ForeignGrant],
    *,
    origin: Origin,
    user_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> Sequence[UUID]:
    """The same without the diary, which is for the caller to write: returns the new licences."""
    issued = (
        _insert(session, grant, origin=origin, user_id=user_id, vault=vault, now=now)
        for grant in grants
    )
    return [license_id for license_id in issued if license_id is not None]


def _insert(
    session: Session,
    grant: ForeignGrant,
    *,
    origin: Origin,
    user_id: UUID,
    vault: KeyVault,
    now: datetime,
) -> UUID | None:
    if session.scalar(
        select(License.id).where(
            _of(origin), License.product_id == grant.product_id, License.unit == grant.unit
        )
    ):
        return None
    sealed = vault.seal(vault.make_key())
    days = grant.duration_days
    return session.scalar(
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


def _of(origin: Origin) -> ColumnElement[bool]:
    return (License.source == origin.source) & (License.source_reference == origin.reference)
