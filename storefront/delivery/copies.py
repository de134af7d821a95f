"""The copies of releases that are made for single licences, and handing them out.

The row of the licence is locked before anything is counted or decided, so that neither the daily
cap nor a revocation can be overtaken.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.catalog.models import Release
from storefront.delivery.models import (
    COPY_MACHINE,
    CopyAction,
    CopyState,
    Download,
    DownloadMark,
)
from storefront.errors import Conflict, DomainError, Kind, NotFound
from storefront.kit.ids import new_id
from storefront.kit.state import Moved
from storefront.licenses.models import License, LicenseStatus
from storefront.marks.archives import MarkedArchive
from storefront.outbox import enqueue

MOST_PER_DAY: Final = 20
DAY: Final = timedelta(hours=24)
COPIES_KEPT: Final = timedelta(days=3)
LINK_LIFETIME: Final = timedelta(minutes=10)
# A worker that has not come by then never will: its message was given up.
PATIENCE: Final = timedelta(minutes=30)

_PURGED_AT_ONCE: Final = 100


def find_own_release(
    session: Session, *, license_id: UUID, release_id: UUID, user_id: UUID
) -> Release:
    """A release of the product that this person has a licence for, whether or not it may be
    downloaded now. Raises NotFound for anybody else's licence or another product's release."""
    return _find_pair(session, license_id, release_id, user_id)[1]


def find_open_release(
    session: Session, *, license_id: UUID, release_id: UUID, user_id: UUID, now: datetime
) -> Release:
    """The release, if its owner may have it now. Raises like `find_own_release`, and Conflict
    `license_not_active` or `release_not_available`."""
    license, release = _find_pair(session, license_id, release_id, user_id)
    if license.effective_status(now) is not LicenseStatus.ACTIVE:
        raise Conflict("license_not_active")
    if release.published_at is None or release.published_at > now or release.yanked_at:
        raise Conflict("release_not_available")
    return release


def find_copy(session: Session, *, license_id: UUID, release_id: UUID) -> DownloadMark | None:
    """The mark of this release for this licence, whatever became of its copy."""
    return session.scalar(
        select(DownloadMark)
        .where(DownloadMark.license_id == license_id, DownloadMark.release_id == release_id)
        .execution_options(populate_existing=True)
    )


def can_hand_out(copy: DownloadMark | None, *, now: datetime) -> bool:
    """Whether the copy stays long enough for a link that is given now."""
    if copy is None or copy.state != CopyState.READY or copy.expires_at is None:
        return False
    return copy.expires_at > now + LINK_LIFETIME


def order_copy(
    session: Session,
    *,
    license_id: UUID,
    release_id: UUID,
    user_id: UUID,
    now: datetime,
    lost_key: str | None = None,
) -> DownloadMark:
    """Have a copy made unless one is there or on its way; `lost_key` names one whose file is gone.
    The mark is drawn the first time and stays. Locks the licence. Raises like `find_open_release`,
    and DomainError `too_many_downloads`."""
    _lock_license(session, license_id)
    find_open_release(
        session, license_id=license_id, release_id=release_id, user_id=user_id, now=now
    )
    _check_cap(session, license_id, now)
    copy = _get_or_draw(session, license_id, release_id)
    if copy.state == CopyState.READY and (
        copy.file_key == lost_key or not can_hand_out(copy, now=now)
    ):
        # Its file goes by the sweep of files; the new one has another key.
        _move(copy, CopyAction.PURGE)
    is_stuck = copy.state == CopyState.PREPARING and _is_overdue(copy, now)
    if _move(copy, CopyAction.ORDER) or is_stuck:
        old_key, copy.file_key = copy.file_key, f"copies/{copy.id}/{new_id()}.zip"
        copy.failure, copy.ordered_at, copy.expires_at = None, now, None
        _forget_file(session, old_key)
        enqueue(session, "prepare_copy", {"file_key": copy.file_key})
    return copy


def take_copy(
    session: Session,
    *,
    license_id: UUID,
    release_id: UUID,
    user_id: UUID,
    address: str,
    now: datetime,
) -> DownloadMark | None:
    """Record one download of a ready copy; None when it is not ready (any more). Locks the
    licence: of many at once no more than `MOST_PER_DAY` in 24 hours get through. Raises like
    `order_copy`."""
    _lock_license(session, license_id)
    find_open_release(
        session, license_id=license_id, release_id=release_id, user_id=user_id, now=now
    )
    _check_cap(session, license_id, now)
    copy = find_copy(session, license_id=license_id, release_id=release_id)
    if copy is None or not can_hand_out(copy, now=now):
        return None
    session.add(
        Download(
            license_id=license_id,
            release_id=release_id,
            user_id=user_id,
            mark_id=copy.id,
            sha256=copy.sha256,
            address=address,
            created_at=now,
        )
    )
    return copy


def finish_copy(session: Session, file_key: str, made: MarkedArchive, *, now: datetime) -> bool:
    """The copy is stored under this key; False when nobody waits for that one any more."""
    copy = _lock_copy(session, file_key)
    if copy is None or not _move(copy, CopyAction.FINISH):
        return copy is not None and copy.state == CopyState.READY
    copy.size_bytes, copy.sha256 = made.size_bytes, made.sha256
    copy.marked_files, copy.expires_at = made.marked_files, now + COPIES_KEPT
    return True


def fail_copy(session: Session, file_key: str, *, reason: str) -> None:
    """The copy cannot be made, and trying again would not help. Idempotent."""
    copy = _lock_copy(session, file_key)
    if copy is not None and _move(copy, CopyAction.FAIL):
        copy.failure = reason[:40]


def purge_copies(session: Session, *, now: datetime) -> int:
    """Let copies go whose time is over, a hundred at a time; how many. Their files are deleted by
    the worker. Rows that somebody holds are left for the next time (FOR UPDATE SKIP LOCKED)."""
    old = session.scalars(
        select(DownloadMark)
        .where(DownloadMark.state == CopyState.READY, DownloadMark.expires_at <= now)
        .order_by(DownloadMark.expires_at)
        .limit(_PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for copy in old:
        _move(copy, CopyAction.PURGE)
        _forget_file(session, copy.file_key)
        copy.file_key = None
    return len(old)


def is_copy_needed(session: Session, file_key: str) -> bool:
    """Whether a copy lies or will lie under this key."""
    found = session.scalar(
        select(func.count()).select_from(DownloadMark).where(DownloadMark.file_key == file_key)
    )
    return bool(found)


def count_downloads_left(session: Session, license_id: UUID, *, now: datetime) -> int:
    """How many more downloads this licence has at `now`."""
    return max(0, MOST_PER_DAY - _count_recent(session, license_id, now))


def _find_pair(
    session: Session, license_id: UUID, release_id: UUID, user_id: UUID
) -> tuple[License, Release]:
    license = session.scalar(
        select(License)
        .where(License.id == license_id, License.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    if license is None:
        raise NotFound("license")
    release = session.scalar(
        select(Release).where(Release.id == release_id, Release.product_id == license.product_id)
    )
    if release is None:
        raise NotFound("release")
    return license, release


def _get_or_draw(session: Session, license_id: UUID, release_id: UUID) -> DownloadMark:
    session.execute(
        insert(DownloadMark)
        .values(
            id=new_id(),
            license_id=license_id,
            release_id=release_id,
            mark=secrets.token_hex(16),
            state=CopyState.GONE,
        )
        .on_conflict_do_nothing(index_elements=["license_id", "release_id"])
    )
    return session.scalars(
        select(DownloadMark)
        .where(DownloadMark.license_id == license_id, DownloadMark.release_id == release_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _lock_license(session: Session, license_id: UUID) -> None:
    session.execute(
        select(License.id).where(License.id == license_id).with_for_update(key_share=True)
    )


def _lock_copy(session: Session, file_key: str) -> DownloadMark | None:
    return session.scalar(
        select(DownloadMark)
        .where(DownloadMark.file_key == file_key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _check_cap(session: Session, license_id: UUID, now: datetime) -> None:
    if _count_recent(session, license_id, now) >= MOST_PER_DAY:
        raise DomainError("too_many_downloads", Kind.TOO_MANY)


def _count_recent(session: Session, license_id: UUID, now: datetime) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Download)
            .where(Download.license_id == license_id, Download.created_at > now - DAY)
        )
        or 0
    )


def _is_overdue(copy: DownloadMark, now: datetime) -> bool:
    return copy.ordered_at is None or copy.ordered_at < now - PATIENCE


def _move(copy: DownloadMark, action: CopyAction) -> bool:
    """Whether the action moves the copy; it is moved then."""
    outcome = COPY_MACHINE.next_state(CopyState(copy.state), action)
    if isinstance(outcome, Moved):
        copy.state = outcome.state
        return True
    return False


def _forget_file(session: Session, file_key: str | None) -> None:
    if file_key is not None:
        enqueue(session, "forget_copy", {"file_key": file_key})
