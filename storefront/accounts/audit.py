"""Reading the audit: who did what to which thing, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storefront.accounts.models import AuditEntry, Role, User
from storefront.kit.clock import bounds_of_day
from storefront.kit.pages import Page, id_in_cursor, page_by_id

PAGE_SIZE: Final = 50
MOST_PEOPLE: Final = 100
RECENT: Final = 5_000
_CHANGES, _BEFORE, _AFTER = "changes", "before", "after"


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to show. Days are those of the shop's wall clock, both included; empty means all."""

    actor_id: UUID | None = None
    action: str = ""
    subject_type: str = ""
    subject_id: str = ""
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry. Nobody's name stands there for what the shop did by itself."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_name: str | None
    actor_handle: str | None
    action: str
    subject_type: str
    subject_id: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be filtered by: what occurs among the latest entries, and who is staff."""

    actions: Sequence[str]
    subject_types: Sequence[str]
    people: Sequence[tuple[UUID, str]]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed; None on one side means it was not there."""

    name: str
    before: Any
    after: Any


def list_audit(
    session: Session, wanted: AuditFilter, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[AuditRow]:
    """A page of entries, newest first: one query, however deep."""
    query = _entries(wanted)
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(AuditEntry.id < last_id)
    rows = [AuditRow(*row) for row in session.execute(query.limit(limit + 1))]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def walk_audit(session: Session, wanted: AuditFilter, *, most: int) -> Iterator[AuditRow]:
    """Up to `most` entries, newest first, read in pages: for a file that may be long."""
    cursor: str | None = None
    while most > 0:
        page = list_audit(session, wanted, cursor=cursor, limit=min(most, 1000))
        yield from page.items
        most -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def list_choices(session: Session) -> Choices:
    """What the filters offer, in 2 queries that do not grow with the audit."""
    recent = (
        select(AuditEntry.action, AuditEntry.subject_type)
        .order_by(AuditEntry.id.desc())
        .limit(RECENT)
        .subquery()
    )
    pairs = session.execute(select(recent.c.action, recent.c.subject_type).distinct()).all()
    people = session.execute(
        select(User.id, User.display_name)
        .where(User.role != Role.CUSTOMER)
        .order_by(func.lower(User.display_name), User.id)
        .limit(MOST_PEOPLE)
    )
    return Choices(
        actions=sorted({pair.action for pair in pairs}),
        subject_types=sorted({pair.subject_type for pair in pairs}),
        people=[(row.id, row.display_name) for row in people],
    )


def changes_in(detail: Mapping[str, Any]) -> list[Change]:
    """What an entry says was changed, in any of the shapes entries have: pairs or before/after
    under `changes`, or two whole pictures under `before` and `after`."""
    listed = detail.get(_CHANGES)
    if isinstance(listed, Mapping):
        return [Change(str(name), *_pair(value)) for name, value in listed.items()]
    before, after = detail.get(_BEFORE), detail.get(_AFTER)
    if not isinstance(before, Mapping) and not isinstance(after, Mapping):
        return []
    old = before if isinstance(before, Mapping) else {}
    new = after if isinstance(after, Mapping) else {}
    names = [*old, *(name for name in new if name not in old)]
    return [
        Change(str(name), old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def facts_in(detail: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What an entry says beside its changes: a reason, a version, a count."""
    shown = {_CHANGES} if isinstance(detail.get(_CHANGES), Mapping) else set()
    if changes_in(detail) and not shown:
        shown = {_BEFORE, _AFTER}
    return [(str(name), value) for name, value in detail.items() if name not in shown]


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    if isinstance(value, Mapping) and value.keys() <= {_BEFORE, _AFTER}:
        return value.get(_BEFORE), value.get(_AFTER)
    return None, value


def _entries(wanted: AuditFilter) -> Select[*tuple[Any, ...]]:
    query = (
        select(
            AuditEntry.id,
            AuditEntry.created_at,
            AuditEntry.actor_id,
            User.display_name,
            User.handle,
            AuditEntry.action,
            AuditEntry.subject_type,
            AuditEntry.subject_id,
            AuditEntry.detail,
        )
        .outerjoin(User, User.id == AuditEntry.actor_id)
        .order_by(AuditEntry.id.desc())
    )
    if wanted.actor_id is not None:
        query = query.where(AuditEntry.actor_id == wanted.actor_id)
    if wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.subject_type:
        query = query.where(AuditEntry.subject_type == wanted.subject_type)
    if wanted.subject_id:
        query = query.where(AuditEntry.subject_id == wanted.subject_id)
    if wanted.first_day is not None:
        query = query.where(AuditEntry.created_at >= bounds_of_day(wanted.first_day)[0])
    if wanted.last_day is not None:
        query = query.where(AuditEntry.created_at < bounds_of_day(wanted.last_day)[1])
    return query
