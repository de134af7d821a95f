"""The life of an upload. Every change of state goes through `UPLOAD_MACHINE` under a row lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Select, delete, exists, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.archive_contents import ArchiveReport
from storefront.catalog.archive_findings import as_json, from_json
from storefront.catalog.archives import ArchiveFacts
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import ReleaseText, add_release, archive_key, check_release
from storefront.catalog.uploads.models import (
    OPEN_STATES,
    UPLOAD_MACHINE,
    ReleaseUpload,
    UploadAction,
    UploadState,
)
from storefront.catalog.uploads.rules import check_size
from storefront.errors import Conflict, DomainError, NotFound
from storefront.kit.ids import new_id
from storefront.kit.state import AlreadyDone, Illegal
from storefront.outbox import enqueue

# So long an upload may take; the links for its parts are far shorter.
LONGEST_UPLOAD: Final = timedelta(hours=24)
KEPT_ENDED: Final = timedelta(days=30)

_SWEPT: Final = 100


@dataclass(frozen=True, slots=True)
class FinishedArchive:
    """What buyers get: where it lies, its size in bytes, and its SHA-256 in hexadecimal."""

    file_key: str
    facts: ArchiveFacts


def open_upload(
    session: Session,
    product_id: UUID,
    *,
    version: str,
    words: ReleaseText,
    size_bytes: int,
    actor_id: UUID,
    now: datetime,
) -> ReleaseUpload:
    """Write down that an archive of so many bytes will come. Raises like `check_release` and
    `check_size`."""
    check_size(size_bytes)
    product = check_release(session, product_id, version, words)
    upload_id = new_id()
    upload = ReleaseUpload(
        id=upload_id,
        product_id=product.id,
        version=version,
        channel=words.channel,
        changelog_th=words.changelog_th,
        changelog_en=words.changelog_en,
        file_key=archive_key(product.slug, upload_id),
        size_bytes=size_bytes,
        created_by=actor_id,
        created_at=now,
    )
    session.add(upload)
    session.flush()
    _record(session, "begin_upload", upload, actor_id=actor_id)
    return upload


def note_parts(session: Session, upload_id: UUID, parts_id: str) -> None:
    """Remember what the store calls this upload. Raises Conflict `upload_ended` when it was
    abandoned meanwhile, NotFound `upload`."""
    upload = _lock(session, upload_id)
    if upload.state != UploadState.UPLOADING:
        raise Conflict("upload_ended")
    upload.parts_id = parts_id


def mark_uploaded(session: Session, upload_id: UUID, *, now: datetime) -> ReleaseUpload:
    """All bytes are stored: the worker checks them next. Idempotent: of two at once the second
    changes nothing. Raises Conflict `upload_ended` when it was abandoned or refused meanwhile,
    NotFound `upload`. Locks the upload."""
    upload = _lock(session, upload_id)
    if UploadState(upload.state) in (UploadState.CHECKING, UploadState.READY):
        return upload
    if _move(upload, UploadAction.COMPLETE, now=now):
        upload.uploaded_at = now
        payload = {"upload_id": str(upload.id)}
        key = f"check_release_upload:{upload.id}"
        enqueue(session, "check_release_upload", payload, dedupe_key=key)
    return upload


def begin_check(session: Session, upload_id: UUID, *, now: datetime) -> ReleaseUpload | None:
    """The upload to check, also when another worker began and was killed; None when there is
    nothing to check (any more). Locks the upload."""
    upload = session.scalar(_locked(upload_id))
    if upload is None or not upload.is_open or upload.state == UploadState.UPLOADING:
        return None
    _move(upload, UploadAction.CHECK, now=now)
    return upload


def accept_upload(
    session: Session,
    upload_id: UUID,
    *,
    report: ArchiveReport,
    finished: FinishedArchive,
    now: datetime,
) -> Release | None:
    """Make the draft of a checked archive; None when that was done before or the upload ended
    meanwhile. Locks the product, then the upload. Raises like `add_release`."""
    found = session.get(ReleaseUpload, upload_id)
    if found is None:
        return None
    session.execute(
        select(Product.id).where(Product.id == found.product_id).with_for_update(key_share=True)
    )
    upload = session.scalar(_locked(upload_id))
    if upload is None or upload.state != UploadState.CHECKING:
        return None
    release = add_release(
        session,
        upload.product_id,
        file_key=finished.file_key,
        version=upload.version,
        words=ReleaseText(upload.channel, upload.changelog_th, upload.changelog_en),
        facts=finished.facts,
        actor_id=upload.created_by,
    )
    upload.release_id = release.id
    upload.sha256 = report.facts.sha256
    upload.findings = as_json(report.findings)
    upload.findings_left_out = report.left_out
    _move(upload, UploadAction.ACCEPT, now=now)
    forget_file(session, upload)
    return release


def refuse_upload(
    session: Session, upload_id: UUID, refusal: DomainError, *, now: datetime
) -> None:
    """Say why an archive becomes no draft; its file goes. Idempotent, and nothing once the upload
    has ended. Locks the upload."""
    upload = session.scalar(_locked(upload_id))
    if upload is not None and upload.is_open:
        upload.refusal = refusal.code
        _move(upload, UploadAction.REFUSE, now=now)
        forget_file(session, upload)


def abandon_upload(
    session: Session, product_id: UUID, upload_id: UUID, *, actor_id: UUID, now: datetime
) -> ReleaseUpload:
    """Stop an upload or its check; what was stored goes. Idempotent. Raises NotFound `upload`,
    Conflict `upload_ended` when it is ready or refused already. Locks the upload."""
    upload = _lock(session, upload_id)
    if upload.product_id != product_id:
        raise NotFound("upload")
    if _move(upload, UploadAction.ABANDON, now=now):
        _record(session, "abandon_upload", upload, actor_id=actor_id)
        forget_file(session, upload)
    return upload


def confirm_findings(
    session: Session, product_id: UUID, release_id: UUID, *, actor_id: UUID, now: datetime
) -> None:
    """Somebody says that what was found belongs into this version: it can be published then.
    Idempotent: the first who said so stays. Raises NotFound `release` for a version without an
    upload. Locks the upload."""
    upload = session.scalar(
        select(ReleaseUpload)
        .where(ReleaseUpload.release_id == release_id, ReleaseUpload.product_id == product_id)
        .with_for_update()
    )
    if upload is None:
        raise NotFound("release")
    if upload.confirmed_at is not None:
        return
    upload.confirmed_at, upload.confirmed_by = now, actor_id
    paths = [f"{one.kind}: {one.path}" for one in from_json(upload.findings) if one.is_warning]
    _record(session, "confirm_findings", upload, actor_id=actor_id, findings=paths)


def abandon_stale(session: Session, *, now: datetime) -> int:
    """End what nobody finished within a day: uploads are abandoned, checks that never came to an
    end are refused. At most a hundred; how many. Rows in somebody's hands are left for the next
    time (FOR UPDATE SKIP LOCKED)."""
    stale = session.scalars(
        select(ReleaseUpload)
        .where(
            ReleaseUpload.state.in_(OPEN_STATES), ReleaseUpload.created_at < now - LONGEST_UPLOAD
        )
        .order_by(ReleaseUpload.created_at)
        .limit(_SWEPT)
        .with_for_update(skip_locked=True)
    ).all()
    for upload in stale:
        if upload.state == UploadState.UPLOADING:
            _move(upload, UploadAction.ABANDON, now=now)
        else:
            upload.refusal = "archive_unchecked"
            _move(upload, UploadAction.REFUSE, now=now)
        forget_file(session, upload)
    return len(stale)


def forget_ended(session: Session, *, now: datetime) -> None:
    """Delete the rows of uploads that came to nothing a month ago."""
    session.execute(
        delete(ReleaseUpload).where(
            ReleaseUpload.state.in_([UploadState.REFUSED, UploadState.ABANDONED]),
            ReleaseUpload.ended_at < now - KEPT_ENDED,
        )
    )


def forget_uploads_of(session: Session, product_id: UUID) -> None:
    """Before a product goes with its rows: have the files of its uploads thrown away."""
    for upload in session.scalars(
        select(ReleaseUpload).where(ReleaseUpload.product_id == product_id)
    ):
        forget_file(session, upload)


def forget_file(session: Session, upload: ReleaseUpload) -> None:
    """Have what an upload stored thrown away, unless it is needed by then."""
    # The row may be gone when this runs: the task carries all it needs.
    payload = {"file_key": upload.file_key, "parts_id": upload.parts_id}
    enqueue(session, "forget_upload", payload)


def is_upload_needed(session: Session, file_key: str) -> bool:
    """Whether what lies, or is about to lie, under this key is still wanted: by an open upload or
    by a release."""
    return bool(
        session.scalar(
            select(
                or_(
                    exists().where(
                        ReleaseUpload.file_key == file_key, ReleaseUpload.state.in_(OPEN_STATES)
                    ),
                    exists().where(Release.file_key == file_key),
                )
            )
        )
    )


def _locked(upload_id: UUID) -> Select[ReleaseUpload]:
    return (
        select(ReleaseUpload)
        .where(ReleaseUpload.id == upload_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _lock(session: Session, upload_id: UUID) -> ReleaseUpload:
    upload = session.scalar(_locked(upload_id))
    if upload is None:
        raise NotFound("upload")
    return upload


def _move(upload: ReleaseUpload, action: UploadAction, *, now: datetime) -> bool:
    """Apply an action to a locked upload; False when it was applied before. Raises Conflict
    `upload_ended` where it has no meaning."""
    outcome = UPLOAD_MACHINE.next_state(UploadState(upload.state), action)
    if isinstance(outcome, Illegal):
        raise Conflict("upload_ended", f"{action} in {upload.state}")
    if isinstance(outcome, AlreadyDone):
        return False
    upload.state = outcome.state
    if not upload.is_open:
        upload.ended_at = now
    return True


def _record(
    session: Session,
    action: str,
    upload: ReleaseUpload,
    *,
    actor_id: UUID,
    findings: Sequence[str] = (),
) -> None:
    said = {"findings": list(findings)} if findings else {}
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("product", upload.product_id),
        detail={"version": upload.version, **said},
    )
