"""What takes a transaction of its own: giving papers their numbers, at the latest when somebody
looks."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.receipts.models import Receipt
from storefront.receipts.numbering import number_receipts
from storefront.receipts.queries import get_receipt

log = structlog.get_logger()


def number_waiting_receipts(shop: Shop) -> int:
    """Number every paper that waits for it; returns how many. Idempotent; safe to run at once."""
    with shop.database.transaction() as session:
        numbered = number_receipts(session, shop_name=shop.settings.shop_name, now=shop.clock())
    if numbered:
        log.info("receipts_numbered", count=numbered)
    return numbered


def open_receipt(
    shop: Shop, reader: Session, receipt_id: UUID, *, user_id: UUID | None = None
) -> Receipt:
    """A paper for somebody to read, numbered now if no worker has come to it. Raises like
    `get_receipt`."""
    receipt = get_receipt(reader, receipt_id, user_id=user_id)
    corrected = receipt.corrects
    if receipt.number is not None and (corrected is None or corrected.number is not None):
        return receipt
    number_waiting_receipts(shop)
    return get_receipt(reader, receipt_id, user_id=user_id)
