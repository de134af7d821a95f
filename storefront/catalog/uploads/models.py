"""The table of uploads."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storefront.catalog.archives import MOST_BYTES
from storefront.db import Base, Identified
from storefront.kit.state import Machine


class UploadState(StrEnum):
    """Where an upload stands; the last three are ends."""

    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"
    ABANDONED = "abandoned"


class UploadAction(StrEnum):
    """What can happen to an upload."""

    COMPLETE = "complete"
    CHECK = "check"
    ACCEPT = "accept"
    REFUSE = "refuse"
    ABANDON = "abandon"


UPLOAD_MACHINE: Final = Machine(
    {
        UploadAction.COMPLETE: {UploadState.UPLOADING: UploadState.UPLOADED},
        UploadAction.CHECK: {UploadState.UPLOADED: UploadState.CHECKING},
        UploadAction.ACCEPT: {UploadState.CHECKING: UploadState.READY},
        UploadAction.REFUSE: {
            UploadState.UPLOADING: UploadState.REFUSED,
            UploadState.UPLOADED: UploadState.REFUSED,
            UploadState.CHECKING: UploadState.REFUSED,
        },
        UploadAction.ABANDON: {
            UploadState.UPLOADING: UploadState.ABANDONED,
            UploadState.UPLOADED: UploadState.ABANDONED,
            UploadState.CHECKING: UploadState.ABANDONED,
        },
    }
)
OPEN_STATES: Final = (UploadState.UPLOADING, UploadState.UPLOADED, UploadState.CHECKING)
ENDED: Final = "state IN ('ready', 'refused', 'abandoned')"


class ReleaseUpload(Identified, Base):
    """One archive that staff upload for a version, from the first byte to its draft or the reason
    why not. `parts_id` is the store's name for an upload in parts; one through the web server has
    none. `sha256` is that of the archive as it was uploaded."""

    __tablename__ = "release_uploads"
    __table_args__ = (
        CheckConstraint(
            "state IN ('uploading', 'uploaded', 'checking', 'ready', 'refused', 'abandoned')",
            name="state",
        ),
        CheckConstraint("channel IN ('stable', 'beta')", name="channel"),
        CheckConstraint(f"size_bytes BETWEEN 1 AND {MOST_BYTES}", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint(
            "(state = 'ready') = (release_id IS NOT NULL)"
            " AND (state = 'ready') = (sha256 IS NOT NULL)",
            name="ready_has_release",
        ),
        CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="refusal"),
        CheckConstraint(f"({ENDED}) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by IS NULL)"
            " AND (confirmed_at IS NULL OR state = 'ready')",
            name="confirmed",
        ),
        Index("ix_release_uploads_product", "product_id", "id"),
        Index("ix_release_uploads_open", "created_at", postgresql_where=text(f"NOT ({ENDED})")),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    version: Mapped[str] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(10))
    changelog_th: Mapped[str]
    changelog_en: Mapped[str]
    state: Mapped[str] = mapped_column(String(10), default=UploadState.UPLOADING)
    file_key: Mapped[str] = mapped_column(String(200), unique=True)
    parts_id: Mapped[str | None] = mapped_column(String(1024))
    size_bytes: Mapped[int]
    sha256: Mapped[str | None] = mapped_column(String(64))
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    findings_left_out: Mapped[int] = mapped_column(default=0)
    refusal: Mapped[str | None] = mapped_column(String(40))
    release_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("releases.id", ondelete="CASCADE"), unique=True
    )
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    uploaded_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self.state in OPEN_STATES
