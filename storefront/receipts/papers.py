"""What the pages of buyers and of staff share: a paper in words, and the answer with its PDF."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from storefront.orders.queries import find_references
from storefront.printing.press import MIMETYPE, print_paper
from storefront.receipts.flow import open_receipt
from storefront.receipts.models import Receipt
from storefront.receipts.sheets import Sheet, sheet_data, sheet_of
from storefront.web import give_back_connection, read, shop


def open_sheet(receipt_id: UUID, *, user_id: UUID | None = None) -> tuple[Receipt, Sheet]:
    """A paper and what stands on it. Raises NotFound `receipt_not_found`."""
    receipt = open_receipt(shop(), read(), receipt_id, user_id=user_id)
    references = find_references(read(), [receipt.order_id] if receipt.order_id else [])
    sheet = sheet_of(
        receipt,
        order_reference=references.get(receipt.order_id) if receipt.order_id else None,
        shop_name=shop().settings.shop_name,
    )
    return receipt, sheet


def receipt_pdf(receipt_id: UUID, *, user_id: UUID | None = None) -> Response:
    """The PDF of a paper. Raises NotFound, or PressUnavailable."""
    _receipt, sheet = open_sheet(receipt_id, user_id=user_id)
    return pdf_response("receipt", sheet, file_name=sheet.number)


def pdf_response(template: str, sheet: Any, *, file_name: str) -> Response:
    """A sheet as a file to keep. Raises PressUnavailable."""
    data = sheet_data(sheet)
    give_back_connection()
    response = Response(print_paper(template, data), mimetype=MIMETYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}.pdf"'
    return response
