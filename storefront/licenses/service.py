"""Changes to licences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.licenses.events import SYSTEM, by_staff, record_event
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseStatus


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
    """The whole key, for its owner. Raises NotFound for anybody else's licence."""
    encrypted = session.scalar(
        select(License.key_encrypted).where(License.id == license_id, License.user_id == user_id)
    )
    if encrypted is None:
        raise NotFound("license")
    return vault.open(encrypted)


def _end_of(grant: Grant, now: datetime) -> datetime | None:
    return None if grant.duration_days is None else now + timedelta(days=grant.duration_days)


def revoke_license(session: Session, license_id: UUID, *, actor_id: UUID, reason: str) -> None:
    """End a licence for good, with an audit row: no refund that fails and no dispute that is won
    brings it back. In force with the commit, because nothing caches verdicts. Idempotent; locks
    the row. Raises NotFound."""
    license = session.scalar(select(License).where(License.id == license_id).with_for_update())
    if license is None:
        raise NotFound("license")
    if license.status == LicenseStatus.REVOKED and license.cause is None:
        return
    license.status = LicenseStatus.REVOKED
    license.cause = license.status_before = None
    record_event(session, license_id, "revoked", actor=by_staff(actor_id))
    record_audit(
        session,
        actor_id=actor_id,
        action="revoke_license",
        subject=("license", license_id),
        detail={"reason": reason},
    )
