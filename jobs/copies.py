"""Making the copies that owners download, and letting old ones go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storefront.bootstrap import Shop
from storefront.delivery import copies, flow


def prepare(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `flow.prepare_copy`."""
    flow.prepare_copy(shop, str(payload["file_key"]))


def forget(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `flow.forget_copy`."""
    flow.forget_copy(shop, str(payload["file_key"]))


def purge(shop: Shop) -> int:
    """Let copies go that are older than they are kept; how many."""
    with shop.database.transaction() as session:
        return copies.purge_copies(session, now=shop.clock())
