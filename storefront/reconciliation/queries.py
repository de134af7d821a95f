"""Reads of reconciliation for staff: runs, what they found, what was noted about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.reconciliation.balances import read_balances
from storefront.reconciliation.models import (
    Difference,
    DifferenceNote,
    ReconciliationRun,
    RunState,
    RunStep,
)
from storefront.reconciliation.rules import Balances

PAGE_SIZE: Final = 20
MOST_NOTES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. `started_by` is the name of who began it; the nightly ones have a `day` instead."""

    id: UUID
    day: date | None
    started_by: str | None
    state: RunState
    step: RunStep
    movements: int
    fees_booked: int
    found: int
    fresh: int
    resolved: int
    unfiled: int
    failure: str | None
    retry_at: datetime | None
    started_at: datetime
    finished_at: datetime | None
    balances: Sequence[Balances]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One difference as it was last seen; None is "nothing there"."""

    id: UUID
    code: str
    subject_type: str
    subject_id: str
    expected: Money | None
    actual: Money | None
    detail: Mapping[str, Any]
    first_run_id: UUID
    first_seen_at: datetime
    resolved_at: datetime | None
    notes: int


@dataclass(frozen=True, slots=True)
class NoteRow:
    """What somebody wrote about a difference."""

    author: str
    body: str
    created_at: datetime


def find_latest_run(session: Session) -> RunRow | None:
    """The run that began last; None while there was none. One query."""
    row = session.execute(_runs().limit(1)).one_or_none()
    return _run(row) if row else None


def find_latest_compared(session: Session) -> RunRow | None:
    """The latest run that got as far as the balances."""
    row = session.execute(
        _runs().where(ReconciliationRun.balances.is_not(None)).limit(1)
    ).one_or_none()
    return _run(row) if row else None


def get_run(session: Session, run_id: UUID) -> RunRow:
    """One run. Raises NotFound."""
    row = session.execute(_runs().where(ReconciliationRun.id == run_id)).one_or_none()
    if row is None:
        raise NotFound("run")
    return _run(row)


def list_runs(
    session: Session, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[RunRow]:
    """Runs, the latest first: one query, however deep."""
    query = _runs().limit(limit + 1)
    last_id = _last_id(cursor)
    if last_id is not None:
        query = query.where(ReconciliationRun.id < last_id)
    rows = [_run(row) for row in session.execute(query)]
    more = len(rows) > limit
    return Page(rows[:limit], encode_cursor(str(rows[limit - 1].id)) if more else None)


def count_open(session: Session) -> int:
    """How many differences are not resolved."""
    return session.scalar(select(func.count()).where(Difference.resolved_at.is_(None))) or 0


def list_open(
    session: Session, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[DifferenceRow]:
    """Differences that are not resolved, the newest first: one query."""
    query = (
        _differences()
        .where(Difference.resolved_at.is_(None))
        .order_by(Difference.id.desc())
        .limit(limit + 1)
    )
    last_id = _last_id(cursor)
    if last_id is not None:
        query = query.where(Difference.id < last_id)
    rows = [_difference(row) for row in session.execute(query)]
    more = len(rows) > limit
    return Page(rows[:limit], encode_cursor(str(rows[limit - 1].id)) if more else None)


def list_resolved(
    session: Session, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[DifferenceRow]:
    """Differences a later run no longer found, the latest first: one query, however deep."""
    query = (
        _differences()
        .where(Difference.resolved_at.is_not(None))
        .order_by(Difference.resolved_at.desc(), Difference.id.desc())
        .limit(limit + 1)
    )
    last = decode_cursor(cursor, str, str)
    moment, last_id = (_moment(str(last[0])), parse_id(str(last[1]))) if last else (None, None)
    if moment is not None and last_id is not None:
        query = query.where(tuple_(Difference.resolved_at, Difference.id) < (moment, last_id))
    rows = [_difference(row) for row in session.execute(query)]
    if len(rows) <= limit:
        return Page(rows, None)
    end = rows[limit - 1]
    resolved_at = end.resolved_at.isoformat() if end.resolved_at else ""
    return Page(rows[:limit], encode_cursor(resolved_at, str(end.id)))


def list_found_by(session: Session, run_id: UUID, *, limit: int = PAGE_SIZE) -> list[DifferenceRow]:
    """What this run was the first to find, up to `limit`."""
    query = (
        _differences()
        .where(Difference.first_run_id == run_id)
        .order_by(Difference.id.desc())
        .limit(limit)
    )
    return [_difference(row) for row in session.execute(query)]


def get_difference(session: Session, difference_id: UUID) -> DifferenceRow:
    """One difference, resolved or not. Raises NotFound."""
    row = session.execute(_differences().where(Difference.id == difference_id)).one_or_none()
    if row is None:
        raise NotFound("difference")
    return _difference(row)


def list_notes(session: Session, difference_id: UUID) -> list[NoteRow]:
    """What was noted about a difference, the oldest first."""
    rows = session.execute(
        select(User.display_name, DifferenceNote.body, DifferenceNote.created_at)
        .join(User, User.id == DifferenceNote.author_id)
        .where(DifferenceNote.difference_id == difference_id)
        .order_by(DifferenceNote.id)
        .limit(MOST_NOTES)
    )
    return [NoteRow(*row) for row in rows]


def _runs() -> Select[*tuple[Any, ...]]:
    return (
        select(ReconciliationRun, User.display_name)
        .outerjoin(User, User.id == ReconciliationRun.started_by)
        .order_by(ReconciliationRun.id.desc())
    )


def _run(row: Row[*tuple[Any, ...]]) -> RunRow:
    run: ReconciliationRun = row[0]
    return RunRow(
        id=run.id,
        day=run.day,
        started_by=row[1],
        state=RunState(run.state),
        step=RunStep(run.step),
        movements=run.movements,
        fees_booked=run.fees_booked,
        found=run.found,
        fresh=run.fresh,
        resolved=run.resolved,
        unfiled=run.unfiled,
        failure=run.failure,
        retry_at=run.retry_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        balances=read_balances(run.balances),
    )


def _differences() -> Select[*tuple[Any, ...]]:
    notes = (
        select(func.count())
        .where(DifferenceNote.difference_id == Difference.id)
        .correlate(Difference)
        .scalar_subquery()
    )
    return select(Difference, notes)


def _difference(row: Row[*tuple[Any, ...]]) -> DifferenceRow:
    found: Difference = row[0]
    return DifferenceRow(
        id=found.id,
        code=found.check_code,
        subject_type=found.subject_type,
        subject_id=found.subject_id,
        expected=_money(found.expected, found.currency),
        actual=_money(found.actual, found.detail.get("gateway_currency", found.currency)),
        detail=found.detail,
        first_run_id=found.first_run_id,
        first_seen_at=found.first_seen_at,
        resolved_at=found.resolved_at,
        notes=int(row[1]),
    )


def _money(satang: int | None, currency: str) -> Money | None:
    return None if satang is None else Money(satang, currency)


def _last_id(cursor: str | None) -> UUID | None:
    last = decode_cursor(cursor, str)
    return parse_id(str(last[0])) if last else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
