"""Throwing away archives that no release needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storefront.bootstrap import Shop
from storefront.catalog.releases import is_archive_needed


def forget_archive(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Delete a stored archive whose release was never written or was taken back as a draft.
    Idempotent. Raises FilesUnavailable, after which it is tried again."""
    key = str(payload["file_key"])
    with shop.database.reading() as reader:
        if is_archive_needed(reader, key):
            return
    shop.files.delete(key)
