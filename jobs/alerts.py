"""Telling members that what they wait for can be bought."""

from __future__ import annotations

from storefront.bootstrap import Shop
from storefront.catalog.alerts import BATCH, tell_next

# One run ends even while alerts come in faster than they are answered.
MOST_BATCHES = 50


def tell_who_waits(shop: Shop) -> int:
    """Tell everybody whose alert is due, a batch per transaction; returns how many. Safe to
    run twice, also at once, and to kill: see `catalog.alerts.tell_next`."""
    told = 0
    for _ in range(MOST_BATCHES):
        with shop.database.transaction() as session:
            batch = tell_next(session, now=shop.clock(), batch=BATCH)
        told += batch
        if batch < BATCH:
            break
    return told
