"""The first page of an account: what was bought last, and what is new."""

from __future__ import annotations

from flask import Blueprint, Response

from storefront.hx import render
from storefront.licenses.queries import count_licenses
from storefront.notifications.queries import list_notifications
from storefront.notifications.texts import in_words
from storefront.orders.queries import list_orders
from storefront.web import member, read, shop, visitor

bp = Blueprint("overview", __name__)

LATEST = 3


@bp.get("/account")
@member
def show() -> Response:
    """Latest orders and notices, licences and wallet at a glance."""
    person = visitor().id
    return render(
        "storefront/overview/show.html",
        orders=list_orders(read(), person, limit=LATEST).items,
        licenses=count_licenses(read(), person, now=shop().clock()),
        notices=[in_words(row) for row in list_notifications(read(), person, limit=LATEST).items],
    )
