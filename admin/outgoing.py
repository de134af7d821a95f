"""Endpoints for outgoing webhooks: who is told, of what, and whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from admin.guards import manage_outgoing, wanted_id
from admin.outgoing_list import find_endpoint, list_endpoints, list_last_deliveries
from admin.typed import refusal_values, revision_of, typed_text
from storefront.accounts.service import record_audit
from storefront.errors import Conflict, DomainError, Invalid
from storefront.hx import render, see_other
from storefront.kit.clock import bounds_of_day, in_shop_zone
from storefront.outgoing import endpoints
from storefront.outgoing.endpoints import EndpointDraft
from storefront.outgoing.models import SUBSCRIBABLE, OutgoingEndpoint
from storefront.outgoing.service import replay_given_up
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_outgoing", __name__)

SINCE_DAYS: Final = (1, 3, 7, 30)


@dataclass(frozen=True, slots=True)
class EndpointFields:
    """The form as it was typed."""

    url: str = ""
    description: str = ""
    events: tuple[str, ...] = ()
    revision: str = "1"


@bp.get("/admin/outgoing")
@manage_outgoing
def index() -> Response:
    """Every endpoint with how it is doing."""
    return render("admin/outgoing/index.html", found=list_endpoints(read()))


@bp.get("/admin/outgoing/new")
@manage_outgoing
def new() -> Response:
    """An empty form; everything is chosen that can be heard."""
    return _form_page(EndpointFields(events=tuple(SUBSCRIBABLE)))


@bp.post("/admin/outgoing")
@manage_outgoing
def create() -> Response:
    """Add an endpoint; its page offers the secret, once."""
    fields = _read_fields(request.form)
    try:
        with shop().database.transaction() as session:
            created = endpoints.create_endpoint(
                session,
                _draft(fields),
                courier=shop().courier,
                box=shop().secret_box,
                actor_id=visitor().id,
            )
    except (Invalid, Conflict) as refusal:
        return _form_page(fields, refusal=refusal)
    flash(_("The endpoint is added. Take its secret now."), "success")
    return see_other(url_for("admin_outgoing.show", endpoint_id=created))


@bp.get("/admin/outgoing/<endpoint_id>")
@manage_outgoing
def show(endpoint_id: str) -> Response:
    """One endpoint: what it hears, its secret's state, its last deliveries."""
    return _endpoint_page(wanted_id(endpoint_id, "endpoint"))


@bp.get("/admin/outgoing/<endpoint_id>/edit")
@manage_outgoing
def edit(endpoint_id: str) -> Response:
    """The form of an endpoint."""
    endpoint = find_endpoint(read(), wanted_id(endpoint_id, "endpoint"))
    return _form_page(_fields_of(endpoint), endpoint_id=endpoint.id)


@bp.post("/admin/outgoing/<endpoint_id>")
@manage_outgoing
def change(endpoint_id: str) -> Response:
    """Save an endpoint; told apart from changes somebody else made meanwhile."""
    wanted = wanted_id(endpoint_id, "endpoint")
    fields = _read_fields(request.form)
    try:
        with shop().database.transaction() as session:
            endpoints.change_endpoint(
                session,
                wanted,
                _draft(fields),
                revision=revision_of(fields.revision),
                courier=shop().courier,
                actor_id=visitor().id,
            )
    except (Invalid, Conflict) as refusal:
        return _form_page(fields, endpoint_id=wanted, refusal=refusal)
    flash(_("The endpoint is saved."), "success")
    return see_other(url_for("admin_outgoing.show", endpoint_id=wanted))


@bp.post("/admin/outgoing/<endpoint_id>/secret")
@manage_outgoing
@limiter.limit("30 per minute")
def secret(endpoint_id: str) -> Response:
    """The secret, once and on this page only."""
    wanted = wanted_id(endpoint_id, "endpoint")
    with shop().database.transaction() as session:
        shown = endpoints.show_secret(
            session, wanted, box=shop().secret_box, actor_id=visitor().id, now=shop().clock()
        )
    response = _endpoint_page(wanted, shown=shown)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/admin/outgoing/<endpoint_id>/rotations")
@manage_outgoing
@limiter.limit("10 per minute")
def rotate(endpoint_id: str) -> Response:
    """A new secret; the one before is good for another day."""
    wanted = wanted_id(endpoint_id, "endpoint")
    with shop().database.transaction() as session:
        endpoints.rotate_secret(
            session, wanted, box=shop().secret_box, actor_id=visitor().id, now=shop().clock()
        )
    flash(_("There is a new secret. For 24 hours both are good."), "success")
    return see_other(url_for("admin_outgoing.show", endpoint_id=wanted, _anchor="secret"))


@bp.post("/admin/outgoing/<endpoint_id>/switch")
@manage_outgoing
def switch(endpoint_id: str) -> Response:
    """On or off."""
    wanted = wanted_id(endpoint_id, "endpoint")
    enabled = request.form.get("enabled") == "1"
    with shop().database.transaction() as session:
        endpoints.switch_endpoint(
            session, wanted, enabled=enabled, actor_id=visitor().id, now=shop().clock()
        )
    flash(_("The endpoint is on.") if enabled else _("The endpoint is off."), "success")
    return see_other(url_for("admin_outgoing.show", endpoint_id=wanted))


@bp.post("/admin/outgoing/<endpoint_id>/pings")
@manage_outgoing
@limiter.limit("20 per minute")
def ping(endpoint_id: str) -> Response:
    """A test event; the page of its delivery says how it went."""
    wanted = wanted_id(endpoint_id, "endpoint")
    with shop().database.transaction() as session:
        delivery_id = endpoints.ping_endpoint(
            session, wanted, actor_id=visitor().id, now=shop().clock()
        )
    flash(_("A test event is on its way."), "success")
    return see_other(url_for("admin_outgoing_log.show", delivery_id=delivery_id))


@bp.post("/admin/outgoing/<endpoint_id>/replays")
@manage_outgoing
@limiter.limit("10 per minute")
def replay_since(endpoint_id: str) -> Response:
    """Send everything again that was given up in the last days."""
    wanted = wanted_id(endpoint_id, "endpoint")
    typed = request.form.get("days", "")
    days = int(typed) if typed in map(str, SINCE_DAYS) else SINCE_DAYS[0]
    now = shop().clock()
    with shop().database.transaction() as session:
        count = replay_given_up(session, wanted, since=_start_of(days, now), now=now)
        record_audit(
            session,
            actor_id=visitor().id,
            action="replay_deliveries",
            subject=("endpoint", wanted),
            detail={"days": days, "count": count},
        )
    said = ngettext("%(num)d delivery is sent again.", "%(num)d deliveries are sent again.", count)
    flash(said if count else _("Nothing was given up in that time."), "success")
    return see_other(url_for("admin_outgoing.show", endpoint_id=wanted))


def _endpoint_page(endpoint_id: UUID, *, shown: str = "") -> Response:
    endpoint = find_endpoint(read(), endpoint_id)
    return render(
        "admin/outgoing/show.html",
        endpoint=endpoint,
        secret=shown,
        last=list_last_deliveries(read(), endpoint_id),
        days=SINCE_DAYS,
        overlap=(endpoint.old_secret_until or endpoint.created_at) > shop().clock(),
    )


def _form_page(
    fields: EndpointFields,
    *,
    endpoint_id: UUID | None = None,
    refusal: DomainError | None = None,
) -> Response:
    return render(
        "admin/outgoing/form.html",
        fields=fields,
        endpoint_id=endpoint_id,
        choices=SUBSCRIBABLE,
        **refusal_values(refusal),
    )


def _read_fields(form: MultiDict[str, str]) -> EndpointFields:
    return EndpointFields(
        url=typed_text("url", 600),
        description=typed_text("description", 300),
        events=tuple(name for name in SUBSCRIBABLE if name in form.getlist("event")),
        revision=typed_text("revision", 18),
    )


def _fields_of(endpoint: OutgoingEndpoint) -> EndpointFields:
    return EndpointFields(
        url=endpoint.url,
        description=endpoint.description,
        events=tuple(endpoint.events),
        revision=str(endpoint.revision),
    )


def _draft(fields: EndpointFields) -> EndpointDraft:
    return EndpointDraft(url=fields.url, description=fields.description, events=fields.events)


def _start_of(days: int, now: datetime) -> datetime:
    first = in_shop_zone(now).date() - timedelta(days=days - 1)
    return bounds_of_day(first)[0]
