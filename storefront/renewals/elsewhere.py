"""Renewals that were paid for elsewhere: the same terms, replayed in the same way, with the name of
that payment in place of an order line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.catalog.models import Purpose, Variant
from storefront.kit.ids import new_id
from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.models import License
from storefront.renewals.models import ChangeState, TermChange
from storefront.renewals.service import (
    RENEWED,
    apply_change,
    in_words,
    lock_licenses,
    set_withdrawn,
)


def renew_elsewhere(
    session: Session, license_ids: Collection[UUID], *, reference: str, now: datetime
) -> int:
    """Give each of these licences one more term of the tier it was bought as, once per payment:
    the database refuses a second one. Returns how many got one.

    Those without an end, and those of a tier that has none by now, stay as they are. Idempotent;
    locks the licences.
    """
    licenses = lock_licenses(session, license_ids)
    renewed = set(
        session.scalars(
            select(TermChange.license_id).where(TermChange.source_reference == reference)
        )
    )
    open_ones = [
        license
        for license in licenses
        if license.id not in renewed and license.expires_at is not None
    ]
    tiers = session.scalars(
        select(Variant).where(Variant.id.in_({license.variant_id for license in open_ones}))
    )
    ending = {tier.id: tier for tier in tiers if tier.duration_days is not None}
    for license in open_ones:
        if license.variant_id in ending:
            _renew(session, license, ending[license.variant_id], reference=reference, now=now)
    return sum(license.variant_id in ending for license in open_ones)


def align_elsewhere(session: Session, reference: str, *, is_back: bool, cause: str) -> None:
    """Let the renewals by this payment be taken back for `cause`, or count again: exactly the time
    it had added. Idempotent; locks the licences."""
    set_withdrawn(session, TermChange.source_reference == reference, cause, is_back=is_back)


def count_renewed(session: Session, references: Collection[str]) -> Mapping[str, int]:
    """How many licences each of these payments has renewed, whether or not that still counts."""
    rows = session.execute(
        select(TermChange.source_reference, func.count())
        .where(TermChange.source_reference.in_(references))
        .group_by(TermChange.source_reference)
    )
    return {str(reference): number for reference, number in rows}


def _renew(
    session: Session, license: License, tier: Variant, *, reference: str, now: datetime
) -> None:
    change = TermChange(
        id=new_id(),
        license_id=license.id,
        source_reference=reference,
        purpose=Purpose.RENEW,
        state=ChangeState.APPLIED,
        variant_id=tier.id,
        slots=tier.slots,
        duration_days=tier.duration_days,
        withdrawn_for=[],
        created_at=now,
    )
    terms = apply_change(session, license, change, now=now)
    session.add(change)
    session.flush()
    record_event(
        session,
        license.id,
        RENEWED,
        actor=SYSTEM,
        detail={"source": license.source, "reference": reference, **in_words(terms)},
    )
