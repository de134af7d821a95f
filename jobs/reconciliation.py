"""The nightly reconciliation: begun by the clock, done by a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.reconciliation.flow import reconcile, start_nightly


def start_due_run(shop: Shop) -> None:
    """Begin this night's run from 03:30 on, once; later where nothing ran at that time. See
    `reconciliation.flow.start_nightly`."""
    start_nightly(shop)


def run(shop: Shop, payload: Mapping[str, Any]) -> None:
    """See `reconciliation.flow.reconcile`."""
    reconcile(shop, UUID(payload["run_id"]))
