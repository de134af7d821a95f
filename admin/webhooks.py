"""The inbox of webhooks for staff: what the gateway sent, what became of it, and once more."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.filters import asked_choice, asked_text
from admin.guards import manage_webhooks, wanted_id
from admin.payloads import pretty_json
from admin.typed import chosen_ids, kept_filters
from admin.webhook_list import (
    InboxTab,
    Wanted,
    count_stuck,
    list_event_types,
    list_inbox,
    open_webhook,
)
from storefront.accounts.service import record_audit
from storefront.errors import NotFound
from storefront.hx import render, see_other
from storefront.payments.service import replay_event
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_webhooks", __name__)


@bp.get("/admin/webhooks")
@manage_webhooks
def index() -> Response:
    """Every event, newest first; tab, type, search and page stand in the address."""
    session, now = read(), shop().clock()
    wanted = Wanted(
        tab=asked_choice("state", InboxTab),
        event_type=asked_text("type"),
        search=asked_text("q"),
    )
    cursor = request.args.get("cursor")
    query = _query(wanted)
    return render(
        "admin/webhooks/index.html",
        found=list_inbox(session, wanted, now=now, cursor=cursor),
        stuck=count_stuck(session, now=now),
        wanted=wanted,
        query=query,
        is_filtered=any(query.values()),
        is_first_page=not cursor,
        tabs=InboxTab,
        types=list_event_types(session),
    )


@bp.get("/admin/webhooks/<webhook_id>")
@manage_webhooks
def show(webhook_id: str) -> Response:
    """One event: its state, its attempts, what it said, without anybody's personal data."""
    return _page(wanted_id(webhook_id, "webhook"), personal=False)


@bp.post("/admin/webhooks/<webhook_id>/disclosures")
@manage_webhooks
@limiter.limit("30 per minute")
def disclose(webhook_id: str) -> Response:
    """The same page with the names and addresses in the event, which is written down."""
    chosen = wanted_id(webhook_id, "webhook")
    with shop().database.transaction() as session:
        open_webhook(session, chosen, now=shop().clock())
        record_audit(
            session,
            actor_id=visitor().id,
            action="disclose_webhook",
            subject=("webhook", chosen),
        )
    return _page(chosen, personal=True)


@bp.post("/admin/webhooks/<webhook_id>/replays")
@manage_webhooks
@limiter.limit("60 per minute")
def replay(webhook_id: str) -> Response:
    """Have one event applied again. Harmless any number of times."""
    chosen = wanted_id(webhook_id, "webhook")
    with shop().database.transaction() as session:
        replay_event(session, chosen, actor_id=visitor().id, now=shop().clock())
    flash(_("The event will be applied again in a moment."), "success")
    return see_other(url_for("admin_webhooks.show", webhook_id=chosen))


@bp.post("/admin/webhooks/replays")
@manage_webhooks
@limiter.limit("20 per minute")
def replay_many() -> Response:
    """Have the chosen events applied again, all or none; unknown ones are left out."""
    chosen = chosen_ids("webhook")
    done = _replay_all(chosen) if chosen else 0
    if done:
        said = ngettext(
            "%(num)d event will be applied again.", "%(num)d events will be applied again.", done
        )
        flash(said, "success")
    else:
        flash(_("Choose at least one event."), "error")
    return see_other(url_for("admin_webhooks.index", **kept_filters("state", "type", "q")))


def _replay_all(chosen: list[UUID]) -> int:
    done = 0
    with shop().database.transaction() as session:
        # In one order for everybody, so that two who choose the same events never deadlock.
        for webhook_id in sorted(chosen):
            try:
                replay_event(session, webhook_id, actor_id=visitor().id, now=shop().clock())
            except NotFound:
                continue
            done += 1
    return done


def _page(webhook_id: UUID, *, personal: bool) -> Response:
    dossier = open_webhook(read(), webhook_id, now=shop().clock())
    return render(
        "admin/webhooks/show.html",
        dossier=dossier,
        payload=pretty_json(dossier.payload, personal=personal),
        personal=personal,
    )


def _query(wanted: Wanted) -> dict[str, str | None]:
    """The filters as they stand in an address; None leaves a name out."""
    return {
        "state": wanted.tab.value if wanted.tab else None,
        "type": wanted.event_type or None,
        "q": wanted.search or None,
    }
