"""Monthly statements of one's wallet, as pages and as PDF."""

from __future__ import annotations

from flask import Blueprint, Response

from storefront.errors import Invalid, NotFound
from storefront.hx import render
from storefront.orders.queries import find_references
from storefront.receipts.papers import pdf_response
from storefront.receipts.seller import find_seller
from storefront.receipts.sheets import made_by_computer
from storefront.receipts.snapshot import seller_of, shop_as_seller
from storefront.receipts.statement_sheets import StatementSheet, statement_sheet_of
from storefront.wallet.history import Month, list_months, month_of, parse_month
from storefront.wallet.statements import Statement, find_statement
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("statements", __name__)


@bp.get("/account/wallet/statements")
@member
def index() -> Response:
    """The months in which something moved, and this one."""
    now = month_of(shop().clock())
    months = [month for month in list_months(read(), visitor().id) if month < now]
    return render("storefront/receipts/statements.html", months=[now, *months])


@bp.get("/account/wallet/statements/<month>")
@member
def show(month: str) -> Response:
    """One month. Months to come and what is no month are not found."""
    wanted = _wanted(month)
    statement, sheet = _open(wanted)
    return render(
        "storefront/receipts/statement.html",
        month=wanted,
        is_cut=statement.is_cut,
        sheet=sheet,
        made_by=made_by_computer(),
    )


@bp.get("/account/wallet/statements/<month>.pdf")
@member
@limiter.limit("30 per minute")
def pdf(month: str) -> Response:
    """The same as a PDF, in the language of the address. Invalid `statement_too_long` for a month
    that no paper holds: the CSV does."""
    wanted = _wanted(month)
    statement, sheet = _open(wanted)
    if statement.is_cut:
        raise Invalid("statement_too_long")
    return pdf_response("statement", sheet, file_name=f"wallet-{wanted}")


def _wanted(text: str) -> Month:
    month = parse_month(text)
    if month is None or month > month_of(shop().clock()):
        raise NotFound("page")
    return month


def _open(month: Month) -> tuple[Statement, StatementSheet]:
    statement = find_statement(read(), visitor().id, month)
    about = {movement.subject_id for movement in statement.movements if movement.subject_id}
    row = find_seller(read())
    sheet = statement_sheet_of(
        statement,
        owner=visitor(),
        seller=shop_as_seller(shop().settings.shop_name) if row is None else seller_of(row),
        references=find_references(read(), sorted(about)),
        now=shop().clock(),
    )
    return statement, sheet
