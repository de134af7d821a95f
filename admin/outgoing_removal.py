"""Deleting an endpoint for outgoing webhooks: a page that says what goes with it, then a button."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.guards import manage_outgoing, wanted_id
from admin.outgoing_list import count_deliveries, find_endpoint
from admin.typed import refusal_values, revision_of
from storefront.errors import Conflict
from storefront.hx import render, see_other
from storefront.outgoing.endpoints import delete_endpoint
from storefront.web import read, shop, visitor

bp = Blueprint("admin_outgoing_removal", __name__)


@bp.get("/admin/outgoing/<endpoint_id>/removal")
@manage_outgoing
def ask(endpoint_id: str) -> Response:
    """What deleting would do. It only looks."""
    return _page(wanted_id(endpoint_id, "endpoint"))


@bp.post("/admin/outgoing/<endpoint_id>/removal")
@manage_outgoing
def delete(endpoint_id: str) -> Response:
    """Delete it as it was read; whoever reads an older state is shown the one of now."""
    wanted = wanted_id(endpoint_id, "endpoint")
    try:
        with shop().database.transaction() as session:
            delete_endpoint(
                session,
                wanted,
                revision=revision_of(request.form.get("revision", "")),
                actor_id=visitor().id,
            )
    except Conflict as refusal:
        return _page(wanted, refusal=refusal)
    flash(_("The endpoint is deleted. Nothing is sent to it any more."), "success")
    return see_other(url_for("admin_outgoing.index"))


def _page(endpoint_id: UUID, *, refusal: Conflict | None = None) -> Response:
    return render(
        "admin/outgoing/removal.html",
        endpoint=find_endpoint(read(), endpoint_id),
        log=count_deliveries(read(), endpoint_id),
        **refusal_values(refusal),
    )
