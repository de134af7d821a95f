"""Taking a leaked file in, and searching it: stored and read outside every transaction."""

from __future__ import annotations

from datetime import datetime
from hashlib import file_digest
from tempfile import TemporaryFile
from typing import IO, Final
from uuid import UUID

import structlog

from storefront.bootstrap import Shop
from storefront.catalog.archives import MOST_BYTES, inspect_archive
from storefront.delivery import leaks
from storefront.delivery.flow import mark_key
from storefront.delivery.models import LeakSearch, SearchState
from storefront.errors import Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.marks.archives import Reading, read_archive, read_single
from storefront.marks.code import MarkKey
from storefront.marks.texts import MOST_TEXT_BYTES, read_text
from storefront.marks.tracing import trace

log = structlog.get_logger()

# Only names are wrong with these: nothing is unpacked, so they may be read.
_HARMLESS: Final = frozenset({"archive_bad_path", "archive_links"})


def hand_in(
    shop: Shop, body: IO[bytes], *, file_name: str, note: str, actor_id: UUID, now: datetime
) -> UUID:
    """Take a leaked ZIP archive or one text file in and have it searched; the id of the search.
    Memory is bounded whatever the file claims to be.

    Raises Invalid `archive_*`, `leak_no_text`, `leak_empty` or `leak_note` before anything is
    stored, FilesUnavailable.
    """
    if len(note) > leaks.LONGEST_NOTE:
        raise Invalid("leak_note")
    size = _check(body)
    body.seek(0)
    search_id = new_id()
    search = LeakSearch(
        id=search_id,
        created_by=actor_id,
        file_name=file_name[-leaks.LONGEST_NAME :],
        file_key=f"leaks/{search_id}",
        size_bytes=size,
        sha256=file_digest(body, "sha256").hexdigest(),  # type: ignore[arg-type]
        note=note,
        state=SearchState.WAITING,
    )
    with shop.database.transaction() as session:
        leaks.plan_search(session, search.file_key, now=now)
    shop.files.put_stream(search.file_key, body, content_type="application/octet-stream")
    with shop.database.transaction() as session:
        leaks.begin_search(session, search)
    return search_id


def search_leak(shop: Shop, search_id: UUID) -> None:
    """Read a leaked file and compare it with every mark there is; safe to run twice. The file is
    deleted afterwards. Raises FilesUnavailable, after which it is tried again."""
    with shop.database.reading() as reader:
        search = leaks.get_search(reader, search_id)
    if search.state == SearchState.WAITING:
        _search(shop, search)
    shop.files.delete(search.file_key)


def forget_leak(shop: Shop, file_key: str) -> None:
    """Delete a leaked file that no search waits for. Idempotent. Raises FilesUnavailable, after
    which it is tried again."""
    with shop.database.reading() as reader:
        if leaks.is_search_waiting(reader, file_key):
            return
    shop.files.delete(file_key)


def _search(shop: Shop, search: LeakSearch) -> None:
    key = mark_key(shop)
    try:
        with TemporaryFile() as body:
            shop.files.fetch(search.file_key, body, most_bytes=MOST_BYTES)
            reading = _read(body, search.file_name, key)
    except (Invalid, NotFound) as refusal:
        log.info("leak_unreadable", search=str(search.id), reason=refusal.code)
        with shop.database.transaction() as session:
            leaks.fail_search(session, search.id, reason=refusal.code, now=shop.clock())
        return
    with shop.database.reading() as reader:
        found = trace(key, reading, leaks.all_marks(reader))
    with shop.database.transaction() as session:
        leaks.finish_search(session, search.id, found, reading, now=shop.clock())


def _check(body: IO[bytes]) -> int:
    """The size of a file that can be searched."""
    size = body.seek(0, 2)
    body.seek(0)
    if size == 0:
        raise Invalid("leak_empty")
    if not _is_archive(body):
        if size > MOST_TEXT_BYTES or read_text(body.read()) is None:
            raise Invalid("leak_no_text")
        return size
    try:
        inspect_archive(body)
    except Invalid as refusal:
        if refusal.code not in _HARMLESS:
            raise
    return size


def _read(body: IO[bytes], file_name: str, key: MarkKey) -> Reading:
    if _is_archive(body):
        return read_archive(body, key=key)
    body.seek(0)
    return read_single(body.read(), file_name, key=key)


def _is_archive(body: IO[bytes]) -> bool:
    body.seek(0)
    start = body.read(4)
    body.seek(0)
    return start in (b"PK\x03\x04", b"PK\x05\x06")
