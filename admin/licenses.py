"""Licences for staff: a list that can be searched, and one licence with everything about it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.filters import LONGEST_SEARCH, asked_choice, asked_text
from admin.guards import manage_licenses, see_licenses, wanted_id
from admin.license_changes import Change, allowed_changes
from admin.license_dossier import open_license
from admin.license_list import (
    LicenseTab,
    Wanted,
    find_by_key,
    list_licensed_products,
    list_staff_licenses,
    looks_like_key,
)
from admin.license_words import (
    CHANGE_ICONS,
    CHANGE_NAMES,
    EVENT_NAMES,
    KIND_NAMES,
    actor_name,
)
from storefront.errors import Conflict
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.licenses.actors import lock_license
from storefront.licenses.service import set_note
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_licenses", __name__)


@bp.get("/admin/licenses")
@see_licenses
def index() -> Response:
    """Every licence, newest first; tab, filters, search and page stand in the address. A whole key
    never does: the search form is sent by POST."""
    search = asked_text("q")
    if looks_like_key(search):
        flash(_("Please paste whole keys into the search field, not into an address."), "warning")
        return see_other(url_for("admin_licenses.index"))
    wanted = Wanted(
        tab=asked_choice("state", LicenseTab),
        search=search,
        product_id=parse_id(asked_text("product")),
        owner_id=parse_id(asked_text("owner")),
    )
    cursor = request.args.get("cursor")
    query = _query(wanted)
    return render(
        "admin/licenses/index.html",
        found=list_staff_licenses(read(), wanted, now=shop().clock(), cursor=cursor),
        products=list_licensed_products(read()),
        wanted=wanted,
        tabs=LicenseTab,
        query=query,
        is_filtered=any(query.values()),
        is_first_page=not cursor,
        bulk_changes=(Change.SUSPEND, Change.RESTORE, Change.EXTEND, Change.REVOKE),
    )


@bp.post("/admin/licenses/searches")
@see_licenses
@limiter.limit("60 per minute")
def search() -> Response:
    """Find a licence by its whole key, or go to the list with the words.

    A POST, so that no key ever stands in an address, a history or a log; it is compared by its
    hash."""
    words = request.form.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    found = find_by_key(read(), words, vault=shop().vault)
    if found is not None:
        return see_other(url_for("admin_licenses.show", license_id=found))
    if looks_like_key(words):
        flash(_("No licence has this key. Perhaps it was changed, or mistyped."), "warning")
        return see_other(url_for("admin_licenses.index"))
    return see_other(
        url_for(
            "admin_licenses.index", q=words or None, state=_kept("state"), product=_kept("product")
        )
    )


@bp.get("/admin/licenses/<license_id>")
@see_licenses
def show(license_id: str) -> Response:
    """One licence: facts, owner, servers, last checks, diary, downloads, flags, note."""
    cursor = request.args.get("cursor")
    dossier = open_license(
        read(), wanted_id(license_id, "license"), now=shop().clock(), cursor=cursor
    )
    return render(
        "admin/licenses/show.html",
        dossier=dossier,
        license=dossier.license,
        changes=allowed_changes(dossier.license, dossier.status, slots=len(dossier.slots)),
        change_names=CHANGE_NAMES,
        change_icons=CHANGE_ICONS,
        kind_names=KIND_NAMES,
        event_names=EVENT_NAMES,
        actor_name=actor_name,
        is_first_page=not cursor,
        now=shop().clock(),
    )


@bp.post("/admin/licenses/<license_id>/note")
@manage_licenses
def note(license_id: str) -> Response:
    """Save what staff should know of a licence; told apart from what somebody else wrote
    meanwhile."""
    chosen = wanted_id(license_id, "license")
    text = request.form.get("note", "").replace("\0", "").replace("\r\n", "\n")
    seen = request.form.get("seen_note", "").replace("\r\n", "\n")
    with shop().database.transaction() as session:
        if lock_license(session, chosen).note not in (seen, text.strip()):
            raise Conflict("edited_elsewhere", f"the note of {chosen} was changed")
        set_note(session, chosen, note=text, actor_id=visitor().id)
    flash(_("The note is saved."), "success")
    return see_other(url_for("admin_licenses.show", license_id=chosen, _anchor="note"))


def _kept(name: str) -> str | None:
    """A filter of the list one came from."""
    value = request.form.get(name, "")[:60]
    return value if value and "\0" not in value else None


def _query(wanted: Wanted) -> Mapping[str, str | None]:
    """The filters as they stand in an address; None leaves a name out."""
    return {
        "state": wanted.tab.value if wanted.tab else None,
        "q": wanted.search or None,
        "product": str(wanted.product_id) if wanted.product_id else None,
        "owner": str(wanted.owner_id) if wanted.owner_id else None,
    }
