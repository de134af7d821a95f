"""Telling people: a notice in the app, a mail through the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.notifications.models import Notification, SentMail
from storefront.outbox import enqueue


def notify(
    session: Session,
    user_id: UUID,
    *,
    type: str,
    event: str,
    context: Mapping[str, Any],
    path: str,
    dedupe_key: str,
    now: datetime | None = None,
) -> None:
    """Put a notice into a person's list; idempotent by `dedupe_key`."""
    session.execute(
        insert(Notification)
        .values(
            id=new_id(),
            user_id=user_id,
            type=type,
            event=event,
            context=dict(context),
            path=path,
            dedupe_key=dedupe_key,
            created_at=now or func.now(),
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
    )


def queue_mail(session: Session, *, event: str, subject_id: UUID) -> None:
    """Ask the worker to write and send a mail about something; idempotent per event and subject.
    The worker loads the subject by id, so nothing personal lies in the queue."""
    enqueue(
        session,
        "send_mail",
        {"event": event, "subject_id": str(subject_id)},
        dedupe_key=f"mail:{event}:{subject_id}",
    )


def record_sent_mail(
    session: Session, *, dedupe_key: str, recipient: str, event: str, message_id: str
) -> None:
    """Remember that the mail server took this mail."""
    session.execute(
        insert(SentMail)
        .values(dedupe_key=dedupe_key, recipient=recipient, event=event, message_id=message_id)
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
    )


def mark_all_read(session: Session, user_id: UUID, *, now: datetime) -> None:
    """Every unread notice of this person is read; idempotent."""
    session.execute(
        update(Notification)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None))
        .values(read_at=now)
    )
