"""Forgetting what was told long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storefront.outgoing.models import OPEN_STATES, OutgoingDelivery, OutgoingEvent

KEPT_FOR: Final = timedelta(days=90)
BATCH: Final = 5_000


def purge_outgoing(session: Session, *, now: datetime) -> int:
    """Delete the oldest events past 90 days with their deliveries and attempts, up to 5,000; how
    many. What still waits stays."""
    waits = (
        select(OutgoingDelivery.id)
        .where(
            OutgoingDelivery.event_id == OutgoingEvent.id, OutgoingDelivery.state.in_(OPEN_STATES)
        )
        .exists()
    )
    old = (
        select(OutgoingEvent.id)
        .where(OutgoingEvent.occurred_at < now - KEPT_FOR, ~waits)
        .order_by(OutgoingEvent.id)
        .limit(BATCH)
    )
    gone = session.scalars(
        delete(OutgoingEvent)
        .where(OutgoingEvent.id.in_(old))
        .returning(OutgoingEvent.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())
