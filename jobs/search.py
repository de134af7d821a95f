"""Keeping the index of words up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.catalog.search import indexing, service


def index_product(shop: Shop, payload: Mapping[str, Any]) -> None:
    """One product that changed; safe to run twice."""
    indexing.index_batch(shop.database, [UUID(payload["product_id"])])


def index_stale(shop: Shop, _payload: Mapping[str, Any]) -> None:
    """Every product whose index is older than itself; safe to run twice."""
    indexing.index_stale(shop.database)


def tend_index(shop: Shop) -> None:
    """Have the worker index what was missed, and choose the best sellers anew. The scheduler cuts
    no Thai itself: it would keep the dictionary in memory for ever."""
    with shop.database.transaction() as session:
        if service.find_stale(session, limit=1):
            service.enqueue_stale(session)
        indexing.refresh_top(session)
