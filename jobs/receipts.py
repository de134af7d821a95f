"""Numbering receipts right after the transactions that wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storefront.bootstrap import Shop
from storefront.receipts.flow import number_waiting_receipts


def number(shop: Shop, _payload: Mapping[str, Any]) -> None:
    """Number the receipt that asked, and whatever else waits. Safe to run twice, also at once."""
    number_waiting_receipts(shop)


def sweep(shop: Shop) -> int:
    """Number what no worker came to; returns how many."""
    return number_waiting_receipts(shop)
