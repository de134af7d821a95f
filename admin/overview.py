"""The first page of the back office: how the shop is doing right now."""

from __future__ import annotations

from flask import Blueprint, Response

from admin.figures import count_figures
from admin.guards import see_orders
from storefront.hx import render
from storefront.orders.queries import list_all_orders
from storefront.web import read, shop

bp = Blueprint("admin", __name__)

LATEST = 8


@bp.get("/admin")
@see_orders
def overview() -> Response:
    """Figures counted when the page is opened, and the latest orders."""
    return render(
        "admin/overview/show.html",
        figures=count_figures(read(), now=shop().clock()),
        orders=list_all_orders(read(), limit=LATEST).items,
    )
