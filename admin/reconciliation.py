"""Reconciliation for staff: how the last night went, what differs and what to do about it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, make_response, request, url_for
from flask_babel import gettext as _

from admin import reconciliation_words as words
from admin.guards import reconcile, wanted_id
from storefront.errors import Conflict, Invalid
from storefront.hx import is_fragment, render, see_other
from storefront.messages import message_for
from storefront.reconciliation import queries
from storefront.reconciliation.models import RunState
from storefront.reconciliation.notes import LONGEST_NOTE, add_note
from storefront.reconciliation.rules import next_nightly_at
from storefront.reconciliation.service import start_run
from storefront.wallet.forms import new_form_key
from storefront.web import read, shop, visitor

bp = Blueprint("admin_reconciliation", __name__)

LATEST = 8
LONGEST_KEY = 64


@bp.get("/admin/reconciliation")
@reconcile
def index() -> Response:
    """The latest run, the balances, what differs, and the runs before."""
    session = read()
    latest, cursor = queries.find_latest_run(session), request.args.get("cursor")
    if is_fragment():
        return _news(latest)
    open_now = queries.list_open(session, cursor=cursor)
    return render(
        "admin/reconciliation/index.html",
        words=words,
        run=latest,
        compared=queries.find_latest_compared(session),
        differences=[words.in_words(row) for row in open_now.items],
        next_cursor=open_now.next_cursor,
        is_first_page=not cursor,
        open_count=queries.count_open(session),
        runs=queries.list_runs(session, limit=LATEST).items,
        next_at=next_nightly_at(shop().clock()),
        seen=_mark(latest),
    )


@bp.post("/admin/reconciliation/runs")
@reconcile
def start() -> Response:
    """Compare now, instead of in the night."""
    try:
        with shop().database.transaction() as session:
            start_run(session, actor_id=visitor().id, now=shop().clock())
    except Conflict as refusal:
        flash(message_for(refusal), "warning")
    else:
        flash(_("The reconciliation has begun. It takes a few minutes."), "success")
    return see_other(url_for("admin_reconciliation.index"))


@bp.get("/admin/reconciliation/runs")
@reconcile
def runs() -> Response:
    """Every run, the latest first."""
    cursor = request.args.get("cursor")
    return render(
        "admin/reconciliation/runs.html",
        words=words,
        found=queries.list_runs(read(), cursor=cursor),
        is_first_page=not cursor,
    )


@bp.get("/admin/reconciliation/runs/<run_id>")
@reconcile
def show_run(run_id: str) -> Response:
    """One run: its figures, its balances, what it was the first to find."""
    run = queries.get_run(read(), wanted_id(run_id, "run"))
    return render(
        "admin/reconciliation/run.html",
        words=words,
        run=run,
        differences=[words.in_words(row) for row in queries.list_found_by(read(), run.id)],
    )


@bp.get("/admin/reconciliation/resolved")
@reconcile
def resolved() -> Response:
    """Differences that are gone, the latest first."""
    cursor = request.args.get("cursor")
    found = queries.list_resolved(read(), cursor=cursor)
    return render(
        "admin/reconciliation/resolved.html",
        words=words,
        differences=[words.in_words(row) for row in found.items],
        next_cursor=found.next_cursor,
        is_first_page=not cursor,
    )


@bp.get("/admin/reconciliation/differences/<difference_id>")
@reconcile
def show(difference_id: str) -> Response:
    """One difference with everything about it, and its notes."""
    return _page(wanted_id(difference_id, "difference"))


@bp.post("/admin/reconciliation/differences/<difference_id>/notes")
@reconcile
def note(difference_id: str) -> Response:
    """Write down what was found out."""
    wanted = wanted_id(difference_id, "difference")
    body = request.form.get("note", "").replace("\0", "")[: LONGEST_NOTE + 1]
    key = request.form.get("idempotency_key", "")[:LONGEST_KEY] or new_form_key()
    try:
        with shop().database.transaction() as session:
            add_note(
                session,
                wanted,
                body,
                actor_id=visitor().id,
                idempotency_key=key.replace("\0", ""),
                now=shop().clock(),
            )
    except Invalid as refusal:
        return _page(wanted, typed=body, error=message_for(refusal), status=422)
    flash(_("The note is written."), "success")
    return see_other(url_for("admin_reconciliation.show", difference_id=wanted))


def _page(
    difference_id: UUID, *, typed: str = "", error: str | None = None, status: int = 200
) -> Response:
    session = read()
    return render(
        "admin/reconciliation/difference.html",
        status=status,
        found=words.in_words(queries.get_difference(session, difference_id)),
        notes=queries.list_notes(session, difference_id),
        typed=typed,
        error=error,
        form_key=new_form_key(),
        longest_note=LONGEST_NOTE,
    )


def _news(run: queries.RunRow | None) -> Response:
    """What a page that watches a run is told: nothing while nothing changed, how far it is, or to
    load itself anew once it has ended."""
    if request.args.get("seen") == _mark(run):
        return make_response("", 204)
    if run is None or run.state is not RunState.RUNNING:
        return see_other(url_for("admin_reconciliation.index"))
    return render("admin/reconciliation/_running.html", words=words, run=run, seen=_mark(run))


def _mark(run: queries.RunRow | None) -> str:
    """What changes whenever there is something new to say of a run."""
    if run is None:
        return ""
    waits = "waits" if run.retry_at else ""
    return f"{run.id}.{run.state}.{run.step}.{run.movements}.{run.fees_booked}.{waits}"
