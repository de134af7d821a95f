"""Handing out files: a copy for each licence, made by a job, fetched by a signed link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from tempfile import TemporaryFile
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.catalog.archives import MOST_BYTES
from storefront.catalog.models import Release
from storefront.delivery import copies
from storefront.delivery.copies import LINK_LIFETIME
from storefront.delivery.models import CopyState, DownloadMark
from storefront.errors import Invalid, NotFound
from storefront.marks.archives import mark_archive
from storefront.marks.code import MarkKey

log = structlog.get_logger()

CONTENT_TYPE: Final = "application/zip"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who wants which release by which licence."""

    license_id: UUID
    release_id: UUID
    user_id: UUID


def mark_key(shop: Shop) -> MarkKey:
    """The secret of this shop's marks."""
    return _mark_key(shop.settings.license_pepper)


def create_download_link(shop: Shop, wanted: Wanted, *, address: str) -> str | None:
    """A signed link to the copy of this licence; the download is recorded. None when the copy has
    to be made first: it is ordered then.

    Asks the store whether the file is there before the promise is made. Raises NotFound for
    anybody else's licence or another product's release, Conflict `license_not_active` or
    `release_not_available`, DomainError `too_many_downloads`, FilesUnavailable.
    """
    who = {"license_id": wanted.license_id, "release_id": wanted.release_id}
    now = shop.clock()
    with shop.database.reading() as reader:
        release = copies.find_open_release(reader, **who, user_id=wanted.user_id, now=now)
        copy = copies.find_copy(reader, **who)
    key = copy.file_key if copy and copies.can_hand_out(copy, now=now) else None
    is_there = key is not None and shop.files.has(key)
    with shop.database.transaction() as session:
        taken = None
        if is_there:
            taken = copies.take_copy(
                session, **who, user_id=wanted.user_id, address=address, now=now
            )
        if taken is None or taken.file_key is None:
            copies.order_copy(session, **who, user_id=wanted.user_id, now=now, lost_key=key)
            return None
        key = taken.file_key
    return shop.files.signed_link(key, file_name=release.file_name, lifetime=LINK_LIFETIME)


def prepare_copy(shop: Shop, file_key: str) -> None:
    """Make the copy that is to lie under this key. Safe to run twice: the bytes are the same.

    A release whose archive is missing or broken fails the copy for good. Raises FilesUnavailable,
    after which it is tried again.
    """
    with shop.database.reading() as reader:
        found = reader.execute(
            select(DownloadMark.mark, Release.file_key)
            .join(Release, Release.id == DownloadMark.release_id)
            .where(DownloadMark.file_key == file_key, DownloadMark.state == CopyState.PREPARING)
        ).one_or_none()
    if found is None:
        return
    mark, release_key = found
    try:
        with TemporaryFile() as source, TemporaryFile() as made:
            shop.files.fetch(release_key, source, most_bytes=MOST_BYTES)
            facts = mark_archive(source, made, key=mark_key(shop), mark=mark)
            shop.files.put_stream(file_key, made, content_type=CONTENT_TYPE)
    except (Invalid, NotFound) as refusal:
        log.error("copy_failed", file_key=file_key, reason=refusal.code)
        with shop.database.transaction() as session:
            copies.fail_copy(session, file_key, reason=refusal.code)
        return
    with shop.database.transaction() as session:
        is_wanted = copies.finish_copy(session, file_key, facts, now=shop.clock())
    if not is_wanted:
        shop.files.delete(file_key)


def forget_copy(shop: Shop, file_key: str) -> None:
    """Delete the file of a copy that is not handed out any more. Idempotent. Raises
    FilesUnavailable, after which it is tried again."""
    with shop.database.reading() as reader:
        if copies.is_copy_needed(reader, file_key):
            return
    shop.files.delete(file_key)


@lru_cache(maxsize=4)
def _mark_key(pepper: str) -> MarkKey:
    return MarkKey.from_pepper(pepper)
