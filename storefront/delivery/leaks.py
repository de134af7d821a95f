"""Searches in leaked files: what staff handed in, and whose copies the marks in it name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.accounts.service import record_audit
from storefront.catalog.models import Product, Release
from storefront.delivery.models import (
    Download,
    DownloadMark,
    LeakFinding,
    LeakSearch,
    SearchState,
)
from storefront.errors import NotFound
from storefront.licenses.models import License
from storefront.marks.archives import Reading
from storefront.marks.tracing import Finding, Trace
from storefront.orders.models import Order, OrderLine
from storefront.outbox import enqueue

LONGEST_NAME: Final = 120
LONGEST_NOTE: Final = 300
MOST_LISTED: Final = 50
# Fewer positions of the code than this name nobody, whoever it was.
ENOUGH_POSITIONS: Final = 60

_KEPT_UNREAD: Final = timedelta(days=1)
_MARKS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class SearchRow:
    """One search in the list, and how many copies it named."""

    search: LeakSearch
    by: str
    named: int


@dataclass(frozen=True, slots=True)
class NamedCopy:
    """A copy that a search named: whose licence it is now, what it was bought with, and how often
    it was fetched, by whom and from where."""

    finding: LeakFinding
    mark: DownloadMark
    license: License
    product: Product
    version: str
    owner: User
    order: Order | None
    fetched: Sequence[tuple[Download, User]]


def plan_search(session: Session, file_key: str, *, now: datetime) -> None:
    """Before a leaked file is stored: whatever becomes of its search, the file goes again."""
    enqueue(session, "forget_leak", {"file_key": file_key}, not_before=now + _KEPT_UNREAD)


def begin_search(session: Session, search: LeakSearch) -> None:
    """Write a search down and have the worker do it."""
    session.add(search)
    session.flush()
    record_audit(
        session,
        actor_id=search.created_by,
        action="search_leak",
        subject=("leak_search", search.id),
        detail={"file_name": search.file_name, "sha256": search.sha256, "note": search.note},
    )
    enqueue(session, "search_leak", {"search_id": str(search.id)})


def finish_search(
    session: Session, search_id: UUID, trace: Trace, reading: Reading, *, now: datetime
) -> None:
    """Write down what was found. Locks the search; idempotent."""
    search = _lock(session, search_id)
    if search is None or search.state != SearchState.WAITING:
        return
    search.state, search.finished_at = SearchState.DONE, now
    search.summary = _summary(trace, reading)
    ids = _ids_of(session, [one.mark for one in trace.findings])
    for rank, one in enumerate(trace.findings, start=1):
        session.add(
            LeakFinding(
                search_id=search.id,
                mark_id=ids[one.mark],
                rank=rank,
                verdict=one.verdict,
                false_alarm=one.false_alarm,
                evidence=_evidence(one),
            )
        )


def fail_search(session: Session, search_id: UUID, *, reason: str, now: datetime) -> None:
    """The file cannot be read. Locks the search; idempotent."""
    search = _lock(session, search_id)
    if search is not None and search.state == SearchState.WAITING:
        search.state, search.finished_at = SearchState.FAILED, now
        search.failure = reason[:40]


def all_marks(session: Session) -> Iterator[str]:
    """Every mark that was ever drawn, a page of them at a time."""
    last = UUID(int=0)
    while True:
        page = session.execute(
            select(DownloadMark.id, DownloadMark.mark)
            .where(DownloadMark.id > last)
            .order_by(DownloadMark.id)
            .limit(_MARKS_AT_ONCE)
        ).all()
        for last, mark in page:  # noqa: B007 - the next page begins behind it
            yield mark
        if len(page) < _MARKS_AT_ONCE:
            return


def is_search_waiting(session: Session, file_key: str) -> bool:
    """Whether a search still needs this file."""
    query = exists().where(LeakSearch.file_key == file_key, LeakSearch.state == SearchState.WAITING)
    return bool(session.scalar(select(query)))


def get_search(session: Session, search_id: UUID) -> LeakSearch:
    """One search. Raises NotFound `leak_search`."""
    search = session.get(LeakSearch, search_id)
    if search is None:
        raise NotFound("leak_search")
    return search


def list_searches(session: Session) -> tuple[SearchRow, ...]:
    """The latest searches, the newest first."""
    named = (
        select(func.count())
        .where(LeakFinding.search_id == LeakSearch.id)
        .correlate(LeakSearch)
        .scalar_subquery()
    )
    rows = session.execute(
        select(LeakSearch, User.display_name, named)
        .join(User, User.id == LeakSearch.created_by)
        .order_by(LeakSearch.id.desc())
        .limit(MOST_LISTED)
    )
    return tuple(SearchRow(search, by, count or 0) for search, by, count in rows)


def list_named(session: Session, search_id: UUID) -> tuple[NamedCopy, ...]:
    """The copies a search named, the surest first; two queries."""
    rows = session.execute(
        select(LeakFinding, DownloadMark, License, Product, Release.version, User, Order)
        .join(DownloadMark, DownloadMark.id == LeakFinding.mark_id)
        .join(License, License.id == DownloadMark.license_id)
        .join(Product, Product.id == License.product_id)
        .join(Release, Release.id == DownloadMark.release_id)
        .join(User, User.id == License.user_id)
        .outerjoin(OrderLine, OrderLine.id == License.order_line_id)
        .outerjoin(Order, Order.id == OrderLine.order_id)
        .where(LeakFinding.search_id == search_id)
        .order_by(LeakFinding.rank)
    ).all()
    fetched: dict[UUID | None, list[tuple[Download, User]]] = {}
    for download, who in session.execute(
        select(Download, User)
        .join(User, User.id == Download.user_id)
        .where(Download.mark_id.in_([row.DownloadMark.id for row in rows]))
        .order_by(Download.id)
    ):
        fetched.setdefault(download.mark_id, []).append((download, who))
    return tuple(NamedCopy(*row, fetched=fetched.get(row.DownloadMark.id, [])) for row in rows)


def _lock(session: Session, search_id: UUID) -> LeakSearch | None:
    return session.scalar(
        select(LeakSearch)
        .where(LeakSearch.id == search_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _ids_of(session: Session, marks: Sequence[str]) -> dict[str, UUID]:
    rows = session.execute(
        select(DownloadMark.mark, DownloadMark.id).where(DownloadMark.mark.in_(marks))
    )
    return {row.mark: row.id for row in rows}


def _summary(trace: Trace, reading: Reading) -> dict[str, Any]:
    return {
        "files": len(reading.files),
        "unread": reading.unread,
        "positions": {str(one): count for one, count in trace.positions.items()},
        "silent": [str(one) for one in trace.silent],
        "marks_compared": trace.marks_compared,
        "is_mixed": trace.is_mixed,
    }


def _evidence(found: Finding) -> dict[str, Any]:
    return {
        "names": list(found.names),
        "scores": {str(one): round(score, 2) for one, score in found.scores.items()},
        "agreement": round(found.agreement, 4),
        "files_agreeing": found.files_agreeing,
        "files_marked": found.files_marked,
    }
