"""The log of outgoing webhooks: what was sent, what was answered, and once more."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.filters import asked_choice, asked_text
from admin.guards import manage_outgoing, wanted_id
from admin.outgoing_list import (
    WantedDeliveries,
    list_deliveries,
    list_endpoints,
    open_delivery,
)
from admin.typed import chosen_ids, kept_filters
from storefront.accounts.service import record_audit
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.outgoing.flow import AGENT, CONTENT_TYPE
from storefront.outgoing.models import DeliveryState, EventName
from storefront.outgoing.service import replay_deliveries, replay_delivery
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_outgoing_log", __name__)


@bp.get("/admin/outgoing/deliveries")
@manage_outgoing
def index() -> Response:
    """Every delivery, newest first; the filters stand in the address."""
    wanted = WantedDeliveries(
        state=asked_choice("state", DeliveryState),
        event=asked_choice("event", EventName) or "",
        endpoint_id=parse_id(asked_text("to")),
        subject=asked_text("q"),
    )
    cursor = request.args.get("cursor")
    query = {
        "state": wanted.state,
        "event": wanted.event or None,
        "to": wanted.endpoint_id,
        "q": wanted.subject or None,
    }
    return render(
        "admin/outgoing/deliveries.html",
        found=list_deliveries(read(), wanted, cursor=cursor),
        endpoints=[row.endpoint for row in list_endpoints(read())],
        wanted=wanted,
        query=query,
        is_filtered=any(query.values()),
        is_first_page=not cursor,
        states=DeliveryState,
        events=EventName,
    )


@bp.get("/admin/outgoing/deliveries/<delivery_id>")
@manage_outgoing
def show(delivery_id: str) -> Response:
    """One delivery: headers with the signature masked, body, attempts."""
    dossier = open_delivery(read(), wanted_id(delivery_id, "delivery"), now=shop().clock())
    headers = [
        ("Content-Type", CONTENT_TYPE),
        ("User-Agent", AGENT),
        ("webhook-id", dossier.row.message_id),
        ("webhook-timestamp", _("seconds since 1970, of each attempt")),
        ("webhook-signature", " ".join(["v1,•••"] * dossier.signatures)),
    ]
    return render("admin/outgoing/delivery.html", dossier=dossier, headers=headers)


@bp.post("/admin/outgoing/deliveries/<delivery_id>/replays")
@manage_outgoing
@limiter.limit("60 per minute")
def replay(delivery_id: str) -> Response:
    """Send one again, under the id it had."""
    wanted = wanted_id(delivery_id, "delivery")
    with shop().database.transaction() as session:
        replay_delivery(session, wanted, now=shop().clock())
        record_audit(
            session,
            actor_id=visitor().id,
            action="replay_deliveries",
            subject=("delivery", wanted),
            detail={"count": 1},
        )
    flash(_("It is sent again in a moment."), "success")
    return see_other(url_for("admin_outgoing_log.show", delivery_id=wanted))


@bp.post("/admin/outgoing/deliveries/replays")
@manage_outgoing
@limiter.limit("20 per minute")
def replay_many() -> Response:
    """Send the chosen ones again; those that wait, or whose endpoint is off, are left out."""
    chosen = chosen_ids("delivery")
    if not chosen:
        flash(_("Choose at least one delivery."), "error")
        return see_other(_back())
    with shop().database.transaction() as session:
        count = replay_deliveries(session, chosen, now=shop().clock())
        for delivery_id in chosen:
            record_audit(
                session,
                actor_id=visitor().id,
                action="replay_deliveries",
                subject=("delivery", delivery_id),
                detail={"count": count},
            )
    said = ngettext("%(num)d delivery is sent again.", "%(num)d deliveries are sent again.", count)
    if count:
        flash(said, "success")
    else:
        flash(_("None of them can be sent again: they wait, or their endpoint is off."), "error")
    return see_other(_back())


def _back() -> str:
    return url_for("admin_outgoing_log.index", **kept_filters("state", "event", "to", "q"))
