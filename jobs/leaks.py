"""Searching leaked files for the marks of copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.delivery import leak_search


def search(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `leak_search.search_leak`."""
    leak_search.search_leak(shop, UUID(payload["search_id"]))


def forget(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `leak_search.forget_leak`."""
    leak_search.forget_leak(shop, str(payload["file_key"]))
