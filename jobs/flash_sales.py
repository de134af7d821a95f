"""Telling staff of flash sales that began or ended."""

from __future__ import annotations

import structlog

from storefront.bootstrap import Shop
from storefront.catalog.flash_sales.announcing import announce_begun, announce_ended

log = structlog.get_logger()


def announce_flash_sales(shop: Shop) -> None:
    """Announce what began and what ended, each once; safe to run twice, also at once. Prices do
    not depend on it: a sale begins and ends by the clock."""
    with shop.database.transaction() as session:
        now = shop.clock()
        begun = announce_begun(session, now=now)
        announce_ended(session, now=now)
    for sale_id in begun:
        log.info("flash_sale_announced", sale_id=str(sale_id))
