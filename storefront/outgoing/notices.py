"""Telling staff that an endpoint was switched off."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from storefront.accounts.queries import find_staff
from storefront.accounts.rules import Permission
from storefront.notifications.service import notify, queue_mail
from storefront.outgoing.models import OutgoingEndpoint

SWITCHED_OFF: Final = "outgoing_switched_off"


def tell_of_switch_off(
    session: Session, endpoint: OutgoingEndpoint, *, alert_id: UUID, now: datetime
) -> None:
    """A notice and a mail to who made the endpoint; where that person has no right to it any more,
    to everybody who has. Once per switching off."""
    staff = find_staff(session, Permission.MANAGE_OUTGOING)
    readers = [endpoint.created_by] if endpoint.created_by in staff else staff
    for user_id in readers:
        subject_id = uuid5(alert_id, str(user_id))
        notify(
            session,
            user_id,
            type="system",
            event=SWITCHED_OFF,
            context={"url": endpoint.url, "reason": endpoint.off_reason},
            path=f"/admin/outgoing/{endpoint.id}",
            dedupe_key=notice_key(subject_id),
            now=now,
        )
        queue_mail(session, event="outgoing_switched_off", subject_id=subject_id)


def notice_key(subject_id: UUID) -> str:
    """The key of a notice, by which its mail finds it."""
    return f"{SWITCHED_OFF}:{subject_id}"
