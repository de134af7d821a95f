"""Orders for staff: a list that can be searched, and one order with everything about it."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, request

from admin.dossier import open_dossier
from admin.guards import see_orders, wanted_id
from storefront.hx import render
from storefront.orders.models import OrderState
from storefront.orders.queries import list_all_orders
from storefront.web import read, shop

bp = Blueprint("admin_orders", __name__)

LONGEST_SEARCH = 100
FIRST_YEAR, LAST_YEAR = 2000, 2199


@bp.get("/admin/orders")
@see_orders
def index() -> Response:
    """Every order, newest first; tab, search, day and page stand in the address."""
    state = _state(request.args.get("state", ""))
    search = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    day = _day(request.args.get("day", ""))
    cursor = request.args.get("cursor")
    return render(
        "admin/orders/index.html",
        found=list_all_orders(read(), state=state, search=search, day=day, cursor=cursor),
        states=OrderState,
        state=state,
        search=search,
        day=day.isoformat() if day else "",
        is_first_page=not cursor,
    )


@bp.get("/admin/orders/<order_id>")
@see_orders
def show(order_id: str) -> Response:
    """One order: lines, payments, ledger, licences, events, webhooks, mails."""
    dossier = open_dossier(read(), wanted_id(order_id, "order"), now=shop().clock())
    return render("admin/orders/show.html", dossier=dossier, state=OrderState(dossier.order.state))


def _state(text: str) -> OrderState | None:
    return OrderState(text) if text in list(OrderState) else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # The ends of the calendar overflow when a day is added or moved to UTC.
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None
