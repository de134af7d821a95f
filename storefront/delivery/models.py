"""Tables of delivery: what was handed out, the copies made for it, and searches in leaks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified
from storefront.kit.state import Machine


class Download(Identified, Base):
    """One signed link handed to an owner. Those from before there were marks have neither a mark
    nor a checksum of their own."""

    __tablename__ = "downloads"
    __table_args__ = (
        Index("ix_downloads_license_id", "license_id"),
        Index("ix_downloads_user", "user_id"),
        Index("ix_downloads_mark_id", "mark_id"),
        CheckConstraint("(mark_id IS NULL) = (sha256 IS NULL)", name="marked"),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    mark_id: Mapped[UUID | None] = mapped_column(ForeignKey("download_marks.id"))
    sha256: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(45))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CopyState(StrEnum):
    """Where the copy of one mark stands; a copy that is gone can be made again, byte for byte."""

    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


class CopyAction(StrEnum):
    """What happens to a copy."""

    ORDER = "order"
    FINISH = "finish"
    FAIL = "fail"
    PURGE = "purge"


COPY_MACHINE: Final = Machine(
    {
        CopyAction.ORDER: {
            CopyState.GONE: CopyState.PREPARING,
            CopyState.FAILED: CopyState.PREPARING,
        },
        CopyAction.FINISH: {CopyState.PREPARING: CopyState.READY},
        CopyAction.FAIL: {CopyState.PREPARING: CopyState.FAILED},
        CopyAction.PURGE: {CopyState.READY: CopyState.GONE},
    }
)


class DownloadMark(Identified, Base):
    """The mark of one release for one licence, and the copy that carries it. `mark` is random and
    says nothing about anybody; what stands in the files follows from it and the shop's secret.

    `file_key` is where the copy lies or will lie, a new one for each making.
    """

    __tablename__ = "download_marks"
    __table_args__ = (
        UniqueConstraint("license_id", "release_id"),
        UniqueConstraint("mark"),
        CheckConstraint("mark ~ '^[0-9a-f]{32}$'", name="mark"),
        CheckConstraint("state IN ('preparing', 'ready', 'failed', 'gone')", name="state"),
        CheckConstraint(
            "state <> 'ready' OR (sha256 IS NOT NULL AND size_bytes IS NOT NULL"
            " AND expires_at IS NOT NULL)",
            name="ready_has_file",
        ),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failure"),
        Index("ix_download_marks_expiry", "expires_at", postgresql_where=text("state = 'ready'")),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id"))
    mark: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(10), default=CopyState.GONE)
    failure: Mapped[str | None] = mapped_column(String(40))
    file_key: Mapped[str | None] = mapped_column(String(200))
    size_bytes: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    marked_files: Mapped[int | None]
    ordered_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SearchState(StrEnum):
    """Where a search stands."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class LeakSearch(Identified, Base):
    """A file that staff found somewhere, and what its marks say. The file itself is thrown away
    once it was read; `summary` says what could be read in it."""

    __tablename__ = "leak_searches"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failure"),
        CheckConstraint("(state = 'waiting') = (finished_at IS NULL)", name="finished"),
    )

    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    file_name: Mapped[str] = mapped_column(String(120))
    file_key: Mapped[str] = mapped_column(String(200))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(300), server_default="")
    state: Mapped[str] = mapped_column(String(10), default=SearchState.WAITING)
    failure: Mapped[str | None] = mapped_column(String(40))
    summary: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class LeakFinding(Base):
    """A mark that a search found, the surest first; `evidence` as `storefront.marks.tracing` has
    it."""

    __tablename__ = "leak_findings"
    __table_args__ = (
        CheckConstraint("verdict IN ('certain', 'likely')", name="verdict"),
        CheckConstraint("false_alarm BETWEEN 0 AND 1", name="false_alarm"),
        CheckConstraint("rank >= 1", name="rank"),
        Index("ix_leak_findings_mark_id", "mark_id"),
    )

    search_id: Mapped[UUID] = mapped_column(ForeignKey("leak_searches.id"), primary_key=True)
    mark_id: Mapped[UUID] = mapped_column(ForeignKey("download_marks.id"), primary_key=True)
    rank: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(10))
    false_alarm: Mapped[float]
    evidence: Mapped[dict[str, Any]]
