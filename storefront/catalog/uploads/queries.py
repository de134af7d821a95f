"""Reads about uploads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storefront.catalog.uploads.models import OPEN_STATES, ReleaseUpload, UploadState
from storefront.errors import NotFound

# So long a refusal stands on the page of versions.
NEWS_FOR: Final = timedelta(days=3)
_MOST_SHOWN: Final = 20


def get_upload(session: Session, product_id: UUID, upload_id: UUID) -> ReleaseUpload:
    """One upload of this product. Raises NotFound `upload`."""
    upload = session.get(ReleaseUpload, upload_id)
    if upload is None or upload.product_id != product_id:
        raise NotFound("upload")
    return upload


def find_upload_of(session: Session, release_id: UUID) -> ReleaseUpload | None:
    """The upload a version came of; None for versions from before there were any."""
    return session.scalar(select(ReleaseUpload).where(ReleaseUpload.release_id == release_id))


def list_under_way(session: Session, product_id: UUID, *, now: datetime) -> Sequence[ReleaseUpload]:
    """What is being uploaded or checked, and what was refused in the last three days, the latest
    first; at most twenty."""
    return session.scalars(
        select(ReleaseUpload)
        .where(
            ReleaseUpload.product_id == product_id,
            or_(
                ReleaseUpload.state.in_(OPEN_STATES),
                (ReleaseUpload.state == UploadState.REFUSED)
                & (ReleaseUpload.ended_at > now - NEWS_FOR),
            ),
        )
        .order_by(ReleaseUpload.id.desc())
        .limit(_MOST_SHOWN)
    ).all()
