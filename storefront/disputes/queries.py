"""Reads about disputes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.disputes.models import Dispute, DisputeState


def has_open_dispute(session: Session, payment_id: UUID) -> bool:
    """Whether a bank wants, or has, the money of this payment back: then the gateway refuses every
    refund of it. A lost one never gives it back."""
    return bool(
        session.scalar(
            select(func.count()).where(
                Dispute.payment_id == payment_id,
                Dispute.state.in_((DisputeState.OPEN, DisputeState.LOST)),
            )
        )
    )


def list_payment_disputes(session: Session, payment_id: UUID) -> Sequence[Dispute]:
    """The disputes of a payment, the oldest first."""
    return session.scalars(
        select(Dispute).where(Dispute.payment_id == payment_id).order_by(Dispute.id)
    ).all()
