"""What staff do to licences: each says what it will do before it is done, to one or to many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from admin.filters import FIRST_YEAR, LAST_YEAR
from admin.guards import manage_licenses, wanted_id
from admin.license_changes import (
    BULK,
    MOST_AT_ONCE,
    BulkOutcome,
    Change,
    Order,
    change_license,
    change_many,
)
from admin.license_dossier import LicenseDossier, open_license
from admin.license_list import find_staff_licenses
from admin.license_words import CHANGE_NAMES, WHAT_HAPPENS
from storefront.errors import DomainError, Invalid, NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.licenses.actors import LONGEST_REASON
from storefront.licenses.rules import MOST_DAYS
from storefront.messages import message_for
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_license_actions", __name__)


@bp.get("/admin/licenses/<license_id>/changes/<change>")
@manage_licenses
def ask(license_id: str, change: str) -> Response:
    """What this change will do, and why it is made: that is asked before it is done."""
    wanted = _change(change)
    dossier = open_license(read(), wanted_id(license_id, "license"), now=shop().clock())
    return _ask_page(dossier, wanted, seen=dossier.seen)


@bp.post("/admin/licenses/<license_id>/changes/<change>")
@manage_licenses
@limiter.limit("120 per minute")
def do(license_id: str, change: str) -> Response:
    """Do it. The second of two people who change one licence is told, and sees it as it is now."""
    wanted, chosen = _change(change), wanted_id(license_id, "license")
    try:
        order = _order(wanted, request.form)
        with shop().database.transaction() as session:
            change_license(
                session,
                chosen,
                order,
                seen=request.form.get("seen", ""),
                actor_id=visitor().id,
                vault=shop().vault,
                now=shop().clock(),
            )
    except NotFound:
        raise
    except DomainError as refusal:
        dossier = open_license(read(), chosen, now=shop().clock())
        # What was typed is kept; what was seen is only new when the licence was changed.
        return _ask_page(dossier, wanted, seen=dossier.seen, refusal=refusal)
    flash(_("%(change)s: done.", change=str(CHANGE_NAMES[wanted])), "success")
    return see_other(url_for("admin_licenses.show", license_id=chosen))


@bp.post("/admin/licenses/changes")
@manage_licenses
@limiter.limit("20 per minute")
def do_many() -> Response:
    """Change the chosen licences: first said, then done, then told what was refused and why."""
    change = _bulk_change(request.form.get("change", ""))
    ids = [one for one in map(parse_id, request.form.getlist("license")) if one]
    ids = list(dict.fromkeys(ids))[:MOST_AT_ONCE]
    if change is None or not ids:
        flash(_("Choose at least one licence, and what is to be done."), "warning")
        return see_other(url_for("admin_licenses.index"))
    if request.form.get("confirmed") != "1":
        return _ask_many(ids, change)
    try:
        order = _order(change, request.form)
        with shop().database.transaction() as session:
            outcome = change_many(
                session,
                ids,
                order,
                actor_id=visitor().id,
                vault=shop().vault,
                now=shop().clock(),
            )
    except Invalid as refusal:
        return _ask_many(ids, change, refusal=refusal)
    return _outcome(outcome, change)


def _ask_page(
    dossier: LicenseDossier,
    change: Change,
    *,
    seen: str,
    refusal: DomainError | None = None,
) -> Response:
    return render(
        "admin/licenses/change.html",
        status=refusal.http_status if refusal else 200,
        dossier=dossier,
        license=dossier.license,
        change=change,
        name=CHANGE_NAMES[change],
        what=WHAT_HAPPENS[change],
        seen=seen,
        typed=request.form if request.method == "POST" else MultiDict(),
        network=request.values.get("network", "")[:60],
        problem=message_for(refusal) if refusal else "",
        longest_reason=LONGEST_REASON,
        most_days=MOST_DAYS,
    )


def _ask_many(
    ids: Sequence[UUID], change: Change, *, refusal: DomainError | None = None
) -> Response:
    return render(
        "admin/licenses/change_many.html",
        status=refusal.http_status if refusal else 200,
        licenses=find_staff_licenses(read(), ids, now=shop().clock()),
        change=change,
        name=CHANGE_NAMES[change],
        what=WHAT_HAPPENS[change],
        typed=request.form,
        problem=message_for(refusal) if refusal else "",
        longest_reason=LONGEST_REASON,
        most_days=MOST_DAYS,
    )


def _outcome(outcome: BulkOutcome, change: Change) -> Response:
    said = ngettext(
        "%(num)d licence was changed.", "%(num)d licences were changed.", outcome.changed
    )
    if not outcome.refused:
        flash(said, "success")
        return see_other(url_for("admin_licenses.index"))
    ids = [one.license_id for one in outcome.refused]
    known = {one.id: one for one in find_staff_licenses(read(), ids, now=shop().clock())}
    return render(
        "admin/licenses/outcome.html",
        name=CHANGE_NAMES[change],
        said=said,
        refused=[
            (one.license_id, known.get(one.license_id), message_for(one.error))
            for one in outcome.refused
        ],
    )


def _order(change: Change, form: MultiDict[str, str]) -> Order:
    """What was typed. Raises Invalid `bad_days` where an extension has no length."""
    days, until = None, None
    if change is Change.EXTEND:
        match form.get("length"):
            case "days":
                days = _whole(form.get("days", ""))
            case "until":
                until = _day(form.get("until", ""))
            case "forever":
                pass
            case _:
                raise Invalid("bad_days", "no length was chosen")
    return Order(
        change=change,
        reason=form.get("reason", "").replace("\0", "").strip(),
        days=days,
        until=until,
        network=form.get("network", "")[:60],
    )


def _whole(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise Invalid("bad_days", "not a number of days")
    return int(text)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("bad_days", "not a day") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid("bad_days", "too far away")
    return day


def _change(text: str) -> Change:
    if text not in list(Change):
        raise NotFound("page")
    return Change(text)


def _bulk_change(text: str) -> Change | None:
    return Change(text) if text in BULK else None
