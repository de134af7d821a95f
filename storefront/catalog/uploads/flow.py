"""Uploads with their calls to the file store, which stand outside every transaction: the intent is
written first, so that a process that dies in between leaves nothing behind that no sweep finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import IO
from uuid import UUID

from storefront.catalog.archives import inspect_archive
from storefront.catalog.releases import ReleaseText, check_release
from storefront.catalog.uploads.models import ReleaseUpload, UploadState
from storefront.catalog.uploads.queries import get_upload
from storefront.catalog.uploads.rules import PART_LINK_LIFETIME, count_parts, part_size
from storefront.catalog.uploads.service import (
    abandon_upload,
    forget_file,
    mark_uploaded,
    note_parts,
    open_upload,
)
from storefront.db import Database
from storefront.errors import Conflict, NotFound
from storefront.providers.file_parts import StoredPart
from storefront.providers.files import FileStore, FilesUnavailable

CONTENT_TYPE = "application/zip"


def begin_upload(
    database: Database,
    files: FileStore,
    product_id: UUID,
    *,
    version: str,
    words: ReleaseText,
    size_bytes: int,
    actor_id: UUID,
    now: datetime,
) -> ReleaseUpload:
    """Begin an upload in parts, straight from a browser into the store. Raises like `open_upload`,
    FilesUnavailable."""
    with database.transaction() as session:
        upload = open_upload(
            session,
            product_id,
            version=version,
            words=words,
            size_bytes=size_bytes,
            actor_id=actor_id,
            now=now,
        )
    try:
        parts_id = files.parts.start(upload.file_key, content_type=CONTENT_TYPE)
    except FilesUnavailable:
        with database.transaction() as session:
            abandon_upload(session, product_id, upload.id, actor_id=actor_id, now=now)
        raise
    with database.transaction() as session:
        note_parts(session, upload.id, parts_id)
    return upload


def sign_part(
    database: Database, files: FileStore, product_id: UUID, upload_id: UUID, *, number: int
) -> str:
    """A link for one part, good for ten minutes and exactly its bytes; asking again gives another
    one for the same part. Raises NotFound `upload`, Conflict `upload_ended`, Invalid
    `no_such_part`."""
    with database.reading() as reader:
        upload = get_upload(reader, product_id, upload_id)
    if upload.state != UploadState.UPLOADING or upload.parts_id is None:
        raise Conflict("upload_ended")
    return files.parts.signed_link(
        upload.file_key,
        upload.parts_id,
        number=number,
        size_bytes=part_size(upload.size_bytes, number),
        lifetime=PART_LINK_LIFETIME,
    )


def complete_upload(
    database: Database, files: FileStore, product_id: UUID, upload_id: UUID, *, now: datetime
) -> ReleaseUpload:
    """Make the file of its parts and have it checked. Idempotent, also when the answer of an
    earlier call was lost, and of two at once both get the same upload.

    What has arrived is asked of the store, not of the browser. Raises NotFound `upload`, Conflict
    `upload_incomplete` while parts are missing and `upload_ended` when it was abandoned meanwhile,
    FilesUnavailable.
    """
    with database.reading() as reader:
        upload = get_upload(reader, product_id, upload_id)
    if upload.state == UploadState.UPLOADING and upload.parts_id is not None:
        _put_together(files, upload, upload.parts_id)
    return _hand_over(database, upload, now=now)


def upload_archive(
    database: Database,
    files: FileStore,
    product_id: UUID,
    *,
    version: str,
    words: ReleaseText,
    body: IO[bytes],
    actor_id: UUID,
    now: datetime,
) -> ReleaseUpload:
    """Take an archive in that came through the web server. What its table of contents says is
    judged at once, the rest by the worker. Raises like `open_upload` and `inspect_archive` before
    anything is stored, FilesUnavailable."""
    with database.reading() as reader:
        check_release(reader, product_id, version, words)
    facts = inspect_archive(body)
    with database.transaction() as session:
        upload = open_upload(
            session,
            product_id,
            version=version,
            words=words,
            size_bytes=facts.size_bytes,
            actor_id=actor_id,
            now=now,
        )
    try:
        files.put_stream(upload.file_key, body, content_type=CONTENT_TYPE)
    except FilesUnavailable:
        with database.transaction() as session:
            abandon_upload(session, product_id, upload.id, actor_id=actor_id, now=now)
        raise
    return _hand_over(database, upload, now=now)


def _hand_over(database: Database, upload: ReleaseUpload, *, now: datetime) -> ReleaseUpload:
    try:
        with database.transaction() as session:
            return mark_uploaded(session, upload.id, now=now)
    except Conflict:
        # Abandoned while its file was being stored: what was thrown away then is there again.
        with database.transaction() as session:
            forget_file(session, upload)
        raise


def _put_together(files: FileStore, upload: ReleaseUpload, parts_id: str) -> None:
    try:
        arrived = files.parts.list_arrived(upload.file_key, parts_id)
        _refuse_gaps(upload, arrived)
        files.parts.complete(upload.file_key, parts_id, arrived)
    except NotFound as gone:
        # Completed by another request or one whose answer was lost, if the file is there.
        if not files.has(upload.file_key):
            raise Conflict("upload_ended") from gone


def _refuse_gaps(upload: ReleaseUpload, arrived: Sequence[StoredPart]) -> None:
    wanted = [
        (number, part_size(upload.size_bytes, number))
        for number in range(1, count_parts(upload.size_bytes) + 1)
    ]
    if [(part.number, part.size_bytes) for part in arrived] != wanted:
        raise Conflict("upload_incomplete", f"{len(arrived)} of {len(wanted)} parts")
