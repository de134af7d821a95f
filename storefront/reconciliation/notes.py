"""What staff write down about a difference."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.reconciliation.models import Difference, DifferenceNote

LONGEST_NOTE: Final = 500


def add_note(
    session: Session,
    difference_id: UUID,
    body: str,
    *,
    actor_id: UUID,
    idempotency_key: str,
    now: datetime,
) -> None:
    """Write a note to a difference, with its audit entry. Idempotent by key. Raises NotFound, or
    Invalid `note_missing` for an empty or too long one."""
    body = body.strip()
    if not body or len(body) > LONGEST_NOTE:
        raise Invalid("note_missing")
    if session.get(Difference, difference_id) is None:
        raise NotFound("difference")
    written = session.scalar(
        insert(DifferenceNote)
        .values(
            id=new_id(),
            difference_id=difference_id,
            author_id=actor_id,
            body=body,
            idempotency_key=idempotency_key,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(DifferenceNote.id)
    )
    if written is not None:
        record_audit(
            session,
            actor_id=actor_id,
            action="note_difference",
            subject=("difference", difference_id),
            detail={"note": body},
        )
