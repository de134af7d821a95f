"""Telling owners of releases, and throwing away archives that none needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.catalog.releases import is_archive_needed
from storefront.delivery.release_news import tell_owners


def forget_archive(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Delete a stored archive whose release was never written or was taken back as a draft.
    Idempotent. Raises FilesUnavailable, after which it is tried again."""
    key = str(payload["file_key"])
    with shop.database.reading() as reader:
        if is_archive_needed(reader, key):
            return
    shop.files.delete(key)


def announce_release(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Tell everybody with a good licence that a version is out, a batch per transaction. Killed, it
    begins again and tells nobody twice."""
    release_id, last = UUID(payload["release_id"]), None
    while True:
        with shop.database.transaction() as session:
            last = tell_owners(session, release_id, after=last, now=shop.clock())
        if last is None:
            return
