"""Receipts and credit notes for staff: a list that can be searched, and any paper."""

from __future__ import annotations

from flask import Blueprint, Response, request

from admin.guards import see_orders, wanted_id
from storefront.hx import render
from storefront.receipts.flow import number_waiting_receipts
from storefront.receipts.papers import open_sheet, receipt_pdf
from storefront.receipts.queries import list_all_receipts, list_years
from storefront.receipts.sheets import made_by_computer
from storefront.web import limiter, read, shop

bp = Blueprint("admin_receipts", __name__)

LONGEST_SEARCH = 100


@bp.get("/admin/receipts")
@see_orders
def index() -> Response:
    """Every paper, newest first; search, year and page stand in the address."""
    search = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    year = _year(request.args.get("year", ""))
    cursor = request.args.get("cursor")
    found = list_all_receipts(read(), search=search, year=year, cursor=cursor)
    if any(row.reference is None for row in found.items):
        number_waiting_receipts(shop())
        found = list_all_receipts(read(), search=search, year=year, cursor=cursor)
    return render(
        "admin/receipts/index.html",
        found=found,
        search=search,
        year=year,
        years=list_years(read()),
        is_first_page=not cursor,
    )


@bp.get("/admin/receipts/<receipt_id>")
@see_orders
def show(receipt_id: str) -> Response:
    """One paper as its buyer sees it, in the language staff read."""
    receipt, sheet = open_sheet(wanted_id(receipt_id, "receipt"))
    return render(
        "admin/receipts/show.html",
        receipt=receipt,
        sheet=sheet,
        made_by=made_by_computer(),
    )


@bp.get("/admin/receipts/<receipt_id>.pdf")
@see_orders
@limiter.limit("60 per minute")
def pdf(receipt_id: str) -> Response:
    """The same as a PDF, in the language of the address."""
    return receipt_pdf(wanted_id(receipt_id, "receipt"))


def _year(text: str) -> int | None:
    is_year = text.isascii() and text.isdecimal() and len(text) == 4
    return int(text) if is_year else None
