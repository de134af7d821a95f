"""Leaked files: hand one in, and see whose copy it was."""

from __future__ import annotations

from typing import Final

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from admin.guards import trace_leaks, wanted_id
from admin.uploads import allowing
from storefront.accounts.rules import Permission
from storefront.catalog.archives import MOST_BYTES
from storefront.delivery import leaks
from storefront.delivery.leak_search import hand_in
from storefront.delivery.models import SearchState
from storefront.errors import DomainError, Invalid
from storefront.hx import is_fragment, render, see_other
from storefront.messages import message_for
from storefront.web import limiter, may, read, shop, visitor

bp = Blueprint("admin_leaks", __name__)
bp.url_value_preprocessor(
    allowing({"admin_leaks.create": MOST_BYTES}, permission=Permission.TRACE_LEAKS)
)

_LICENSE_PAGE: Final = "admin_licenses.show"


@bp.get("/admin/leaks")
@trace_leaks
def index() -> Response:
    """A form for a leaked file, and the searches there were."""
    return _index_page()


@bp.post("/admin/leaks")
@trace_leaks
@limiter.limit("20 per hour")
def create() -> Response:
    """Take a leaked file in; the worker searches it."""
    upload = request.files.get("file")
    note = request.form.get("note", "").replace("\0", "").strip()
    try:
        if upload is None or not upload.filename:
            raise Invalid("leak_missing")
        search_id = hand_in(
            shop(),
            upload.stream,
            file_name=upload.filename.replace("\0", ""),
            note=note,
            actor_id=visitor().id,
            now=shop().clock(),
        )
    except DomainError as refusal:
        return _index_page(note=note, refusal=refusal, status=refusal.http_status)
    flash(_("The file is taken in and being searched."), "success")
    return see_other(url_for("admin_leaks.show", search_id=search_id))


@bp.get("/admin/leaks/<search_id>")
@trace_leaks
def show(search_id: str) -> Response:
    """What a search found; polled while it waits, empty as long as nothing changed."""
    search = leaks.get_search(read(), wanted_id(search_id, "leak_search"))
    if is_fragment() and search.state == SearchState.WAITING:
        return make_response("", 204)
    failure = message_for(Invalid(search.failure)) if search.failure else ""
    return render(
        "admin/leaks/show.html",
        partial="admin/leaks/_result.html",
        search=search,
        named=leaks.list_named(read(), search.id),
        failure=failure,
        enough=leaks.ENOUGH_POSITIONS,
        has_license_page=_LICENSE_PAGE in current_app.view_functions,
    )


@bp.errorhandler(RequestEntityTooLarge)
def refuse_size(_error: RequestEntityTooLarge) -> Response:
    """More than the largest archive. What was typed was never read."""
    if not may(Permission.TRACE_LEAKS):
        return make_response(render_template("errors/413.html", status=413, message=""), 413)
    return _index_page(refusal=Invalid("archive_too_heavy"), status=413)


def _index_page(
    *, note: str = "", refusal: DomainError | None = None, status: int = 200
) -> Response:
    is_note = refusal is not None and refusal.code == "leak_note"
    text = message_for(refusal) if refusal else None
    return render(
        "admin/leaks/index.html",
        status=status,
        searches=leaks.list_searches(read()),
        note=note,
        note_error=text if is_note else None,
        file_error=None if is_note else text,
        most_megabytes=MOST_BYTES // (1024 * 1024),
    )
