"""The work of the shop for staff: what waits, since when, and what was given up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.outbox import MessageState, OutboxMessage

PAGE_SIZE: Final = 50


class JobTab(StrEnum):
    """How open work is divided."""

    DEAD = "dead"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class TaskCount:
    """How much of one task is open: to be done now, planned for later, given up. `oldest_at` is
    since when the oldest of what is due could have been done."""

    task: str
    due: int
    later: int
    dead: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """One outbox message that is not done."""

    id: UUID
    task: str
    payload: dict[str, Any]
    state: MessageState
    attempts: int
    created_at: datetime
    available_at: datetime
    finished_at: datetime | None
    last_error: str | None


def list_jobs(
    session: Session, tab: JobTab, *, task: str = "", cursor: str | None = None
) -> Page[JobRow]:
    """One page of open work, newest first, in one query."""
    query = (
        select(
            OutboxMessage.id,
            OutboxMessage.task,
            OutboxMessage.payload,
            OutboxMessage.state,
            OutboxMessage.attempts,
            OutboxMessage.created_at,
            OutboxMessage.available_at,
            OutboxMessage.finished_at,
            OutboxMessage.last_error,
        )
        .where(*_conditions(tab, task, id_in_cursor(cursor)))
        .order_by(OutboxMessage.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    rows = [JobRow(*row) for row in session.execute(query)]
    return page_by_id(rows, PAGE_SIZE, id_of=lambda row: row.id)


def count_tasks(session: Session, *, now: datetime) -> Sequence[TaskCount]:
    """Open work by task, what was given up most first; one query."""
    is_pending = OutboxMessage.state == MessageState.PENDING
    is_due = is_pending & (OutboxMessage.available_at <= now)
    dead = func.count().filter(OutboxMessage.state == MessageState.DEAD)
    rows = session.execute(
        select(
            OutboxMessage.task,
            func.count().filter(is_due),
            func.count().filter(is_pending & (OutboxMessage.available_at > now)),
            dead,
            func.min(OutboxMessage.available_at).filter(is_due),
        )
        .where(OutboxMessage.state != MessageState.DONE)
        .group_by(OutboxMessage.task)
        .order_by(dead.desc(), OutboxMessage.task)
    )
    return [TaskCount(*row) for row in rows]


def _conditions(tab: JobTab, task: str, last_id: UUID | None) -> Iterator[ColumnElement[bool]]:
    yield OutboxMessage.state == tab.value
    if task:
        yield OutboxMessage.task == task
    if last_id is not None:
        yield OutboxMessage.id < last_id
