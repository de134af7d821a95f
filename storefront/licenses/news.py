"""What owners are told of after it happened on the way of a check, where nothing may be slow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Text, cast, func, literal, select
from sqlalchemy.orm import Session

from storefront.kit.ids import first_id_at
from storefront.licenses.models import License
from storefront.licenses.notices import NOTICE_PREFIX, tell_person
from storefront.licenses.usage_models import LicenseEvent
from storefront.notifications.models import Notification

SLOT_MOVED: Final = "slot_moved"
LOOK_BACK: Final = timedelta(hours=6)
BATCH: Final = 100


def tell_of_moved_slots(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Tell the owners of slots that moved to another server by themselves; returns how many.
    Idempotent by the event; what is older than 6 hours is no news."""
    key = func.concat(literal(NOTICE_PREFIX), cast(LicenseEvent.id, Text))
    untold = session.execute(
        select(LicenseEvent, License)
        .join(License, License.id == LicenseEvent.license_id)
        .where(
            LicenseEvent.id >= first_id_at(now - LOOK_BACK),
            LicenseEvent.action == SLOT_MOVED,
            ~select(Notification.id).where(Notification.dedupe_key == key).exists(),
        )
        .order_by(LicenseEvent.id)
        .limit(limit)
    ).all()
    for event, license in untold:
        tell_person(
            session,
            license,
            "license_slot_moved",
            event_id=event.id,
            now=now,
            context={"to": str(event.detail.get("to", ""))},
        )
    return len(untold)
