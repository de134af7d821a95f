"""Purchases made at Tebex whose keys wait for somebody to say what a package is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.tebex.service import apply_again


def deliver(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `tebex.service.apply_again`."""
    with shop.database.transaction() as session:
        apply_again(session, UUID(payload["purchase_id"]), vault=shop.vault, now=shop.clock())
