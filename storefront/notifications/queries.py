"""Reads about notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.notifications.models import Notification

PAGE_SIZE: Final = 30


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice; its text is made from `event` and `context` in the reader's language, `path` is
    where it leads, without a language prefix."""

    id: UUID
    type: str
    event: str
    context: Mapping[str, Any]
    path: str
    is_read: bool
    created_at: datetime


def count_unread(session: Session, user_id: UUID) -> int:
    """How many notices this person has not read."""
    return session.scalar(select(unread_of(user_id))) or 0


def unread_of(user_id: UUID) -> ScalarSelect[int]:
    """The same number as part of a larger query."""
    return (
        select(func.count())
        .where(Notification.user_id == user_id, Notification.read_at.is_(None))
        .scalar_subquery()
    )


def list_notifications(
    session: Session, user_id: UUID, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[NoticeRow]:
    """One person's notices, newest first."""
    query = (
        select(Notification)
        .where(Notification.user_id == user_id)
        .order_by(Notification.id.desc())
        .limit(limit + 1)
    )
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    if last_id is not None:
        query = query.where(Notification.id < last_id)
    found = session.scalars(query).all()
    more = len(found) > limit
    return Page(
        [_row(notice) for notice in found[:limit]],
        encode_cursor(str(found[limit - 1].id)) if more else None,
    )


def _row(notice: Notification) -> NoticeRow:
    return NoticeRow(
        id=notice.id,
        type=notice.type,
        event=notice.event,
        context=notice.context,
        path=notice.path,
        is_read=notice.read_at is not None,
        created_at=notice.created_at,
    )
