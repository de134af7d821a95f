"""Orders for staff: a list that can be searched, and one order with everything about it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from admin.dossier import open_dossier
from admin.filters import asked_choice, asked_day, asked_text
from admin.guards import see_orders, wanted_id
from storefront.hx import render
from storefront.orders.models import OrderState
from storefront.orders.queries import list_all_orders
from storefront.web import read, shop

bp = Blueprint("admin_orders", __name__)


@bp.get("/admin/orders")
@see_orders
def index() -> Response:
    """Every order, newest first; tab, search, day and page stand in the address."""
    state = asked_choice("state", OrderState)
    search = asked_text("q")
    day = asked_day("day")
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
