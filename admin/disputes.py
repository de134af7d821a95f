"""Disputes for staff: which are open, until when evidence is due, and what each one did."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.filters import asked_choice
from admin.guards import refund_money, wanted_id
from storefront.disputes.flow import refresh_disputes
from storefront.disputes.models import DisputeState
from storefront.disputes.queries import get_case, list_disputes
from storefront.errors import Unavailable
from storefront.hx import render, see_other
from storefront.messages import message_for
from storefront.web import read, shop

bp = Blueprint("admin_disputes", __name__)


@bp.get("/admin/disputes")
@refund_money
def index() -> Response:
    """Every dispute, newest first; tab and page stand in the address."""
    state, cursor = asked_choice("state", DisputeState), request.args.get("cursor")
    return render(
        "admin/disputes/index.html",
        found=list_disputes(read(), state=state, cursor=cursor),
        states=DisputeState,
        state=state,
        is_first_page=not cursor,
        now=shop().clock(),
    )


@bp.get("/admin/disputes/<dispute_id>")
@refund_money
def show(dispute_id: str) -> Response:
    """One dispute: what it is about, what it did, and what to do."""
    case = get_case(read(), wanted_id(dispute_id, "dispute"))
    return render("admin/disputes/show.html", case=case, dispute=case.dispute, now=shop().clock())


@bp.post("/admin/disputes/<dispute_id>/refreshes")
@refund_money
def refresh(dispute_id: str) -> Response:
    """Ask the gateway how it stands."""
    case = get_case(read(), wanted_id(dispute_id, "dispute"))
    try:
        refresh_disputes(shop(), case.payment.id)
    except Unavailable as away:
        flash(message_for(away), "warning")
    else:
        flash(_("This is what the payment service says now."), "success")
    return see_other(url_for("admin_disputes.show", dispute_id=case.dispute.id))
