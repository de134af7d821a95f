"""Uploads of releases: the check that makes drafts of them, and what is left when none comes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final
from uuid import UUID

import structlog

from jobs.archive_checking import check_apart
from storefront.bootstrap import Shop
from storefront.catalog.archive_contents import ArchiveReport
from storefront.catalog.archives import MOST_BYTES, ArchiveFacts, digest
from storefront.catalog.models import Product
from storefront.catalog.releases import archive_key, plan_archive
from storefront.catalog.uploads.models import ReleaseUpload
from storefront.catalog.uploads.service import (
    LONGEST_UPLOAD,
    FinishedArchive,
    abandon_stale,
    accept_upload,
    begin_check,
    forget_ended,
    is_upload_needed,
    refuse_upload,
)
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.loader.archives import add_loader
from storefront.loader.files import verify_url

log = structlog.get_logger()

CONTENT_TYPE: Final = "application/zip"
PROTECTED: Final = "protected"
ARCHIVES: Final = "releases/"


def check_release_upload(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Look into one uploaded archive and make a draft of it, or refuse it with a reason. Runs again
    from the beginning when it was killed; nothing of the archive is executed or written under its
    own names. Raises FilesUnavailable or CheckingBroke, after which it is tried again."""
    upload_id = UUID(payload["upload_id"])
    with shop.database.transaction() as session:
        upload = begin_check(session, upload_id, now=shop.clock())
    if upload is None:
        return
    try:
        with TemporaryDirectory(prefix="release-") as folder:
            _check(shop, upload, Path(folder) / "archive.zip")
    except (Invalid, Conflict) as refusal:
        log.info("upload_refused", upload=str(upload_id), reason=refusal.code)
        with shop.database.transaction() as session:
            refuse_upload(session, upload_id, refusal, now=shop.clock())


def forget_upload(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Delete what an upload stored and nothing needs, and the parts of one that was not completed.
    Idempotent. Raises FilesUnavailable, after which it is tried again."""
    key, parts_id = str(payload["file_key"]), payload["parts_id"]
    if parts_id:
        shop.files.parts.abort(key, str(parts_id))
    with shop.database.reading() as reader:
        if is_upload_needed(reader, key):
            return
    shop.files.delete(key)


def sweep(shop: Shop) -> None:
    """End what nobody finished within a day, and throw away parts in the store that no upload
    knows of: whoever began them died before they were written down. Safe to run twice."""
    now = shop.clock()
    with shop.database.transaction() as session:
        abandon_stale(session, now=now)
        forget_ended(session, now=now)
    for left in shop.files.parts.list_open(ARCHIVES, began_before=now - 2 * LONGEST_UPLOAD):
        log.info("parts_left_open", key=left.key)
        shop.files.parts.abort(left.key, left.parts_id)


def _check(shop: Shop, upload: ReleaseUpload, archive: Path) -> None:
    try:
        with archive.open("wb") as into:
            shop.files.fetch(upload.file_key, into, most_bytes=MOST_BYTES)
    except NotFound as gone:
        raise Invalid("archive_lost", upload.file_key) from gone
    report = check_apart(archive)
    with archive.open("rb") as body:
        finished = _finish(shop, upload, report, body)
    with shop.database.transaction() as session:
        accept_upload(session, upload.id, report=report, finished=finished, now=shop.clock())


def _finish(
    shop: Shop, upload: ReleaseUpload, report: ArchiveReport, body: IO[bytes]
) -> FinishedArchive:
    """What buyers get: the archive as it is, or for protected products with the loader in it, as a
    file of its own for every attempt. One that no draft needs goes after an hour."""
    with shop.database.reading() as reader:
        product = reader.get_one(Product, upload.product_id)
    if product.delivery != PROTECTED:
        return FinishedArchive(upload.file_key, report.facts)
    key = archive_key(product.slug, new_id())
    with add_loader(
        body,
        product_slug=product.slug,
        verify_url=verify_url(shop.settings.public_url),
        public_keys=shop.signing.public,
    ) as made:
        facts = ArchiveFacts(made.seek(0, 2), digest(made), report.facts.entries)
        with shop.database.transaction() as session:
            plan_archive(session, key, now=shop.clock())
        shop.files.put_stream(key, made, content_type=CONTENT_TYPE)
    return FinishedArchive(key, facts)
