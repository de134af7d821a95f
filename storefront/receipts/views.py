"""A member's receipts: the list, and one paper as a page and as a PDF."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from storefront.errors import NotFound
from storefront.hx import render
from storefront.kit.ids import parse_id
from storefront.receipts.flow import number_waiting_receipts
from storefront.receipts.papers import open_sheet, receipt_pdf
from storefront.receipts.queries import list_receipts
from storefront.receipts.sheets import made_by_computer
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("receipts", __name__)


@bp.get("/account/receipts")
@member
def index() -> Response:
    """One's receipts and credit notes, newest first; the page stands in the address."""
    cursor = request.args.get("cursor")
    found = list_receipts(read(), visitor().id, cursor=cursor)
    if any(row.reference is None for row in found.items):
        number_waiting_receipts(shop())
        found = list_receipts(read(), visitor().id, cursor=cursor)
    return render("storefront/receipts/index.html", found=found, is_first_page=not cursor)


@bp.get("/account/receipts/<receipt_id>")
@member
def show(receipt_id: str) -> Response:
    """One paper. Somebody else's, unknown and malformed ids are all the same 404."""
    receipt, sheet = open_sheet(_wanted(receipt_id), user_id=visitor().id)
    return render(
        "storefront/receipts/show.html",
        receipt=receipt,
        sheet=sheet,
        made_by=made_by_computer(),
    )


@bp.get("/account/receipts/<receipt_id>.pdf")
@member
@limiter.limit("30 per minute")
def pdf(receipt_id: str) -> Response:
    """The same as a PDF, in the language of the address."""
    return receipt_pdf(_wanted(receipt_id), user_id=visitor().id)


def _wanted(receipt_id: str) -> UUID:
    wanted = parse_id(receipt_id)
    if wanted is None:
        raise NotFound("receipt")
    return wanted
