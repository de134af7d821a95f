"""Licences that look shared, for staff: the evidence in words, and the seller's rules."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.filters import asked_choice, asked_text
from admin.guards import manage_licenses, see_licenses, wanted_id
from admin.license_words import KIND_NAMES, evidence_words
from storefront.errors import Conflict, DomainError, Invalid, NotFound
from storefront.hx import render, see_other
from storefront.licenses.abuse_rules import (
    FEWEST_NETWORKS,
    MOST_NETWORKS,
    AbuseRules,
    change_rules,
    find_rules,
)
from storefront.licenses.actors import LONGEST_REASON, lock_license
from storefront.licenses.flags import close_flag, list_flags
from storefront.licenses.service import suspend_license
from storefront.licenses.usage_models import FlagState, LicenseFlag
from storefront.messages import message_for
from storefront.web import read, shop, visitor

bp = Blueprint("admin_license_flags", __name__)


@bp.get("/admin/license-flags")
@see_licenses
def index() -> Response:
    """What waits for somebody to look at it, newest first; tab, kind and page stand in the
    address."""
    return _page()


@bp.post("/admin/license-flags/<flag_id>/dismissal")
@manage_licenses
def dismiss(flag_id: str) -> Response:
    """Nothing is wrong: the licence stays as it is, and the same is not raised for a day."""
    return _close(flag_id, FlagState.DISMISSED)


@bp.post("/admin/license-flags/<flag_id>/suspension")
@manage_licenses
def suspend(flag_id: str) -> Response:
    """Suspend the licence and close the flag, both or neither."""
    return _close(flag_id, FlagState.ACTED_ON)


@bp.post("/admin/license-flags/rules")
@manage_licenses
def save_rules() -> Response:
    """What is looked at, and what suspends a licence by itself; told apart from what somebody else
    saved meanwhile."""
    typed = request.form.get("networks", "").strip()
    try:
        if not (typed.isascii() and typed.isdigit() and len(typed) <= 5):
            raise Invalid("bad_network_count")
        rules = AbuseRules(
            networks_a_day=int(typed),
            suspend_many_networks=request.form.get("suspend_many") == "1",
            suspend_more_live=request.form.get("suspend_live") == "1",
        )
        revision = request.form.get("revision", "")
        with shop().database.transaction() as session:
            change_rules(
                session,
                rules,
                revision=int(revision) if revision.isdecimal() and len(revision) < 10 else -1,
                actor_id=visitor().id,
            )
    except (Invalid, Conflict) as refusal:
        return _page(refusal=refusal)
    flash(_("The rules are saved."), "success")
    return see_other(url_for("admin_license_flags.index", _anchor="rules"))


def _close(flag_id: str, state: FlagState) -> Response:
    chosen = wanted_id(flag_id, "flag")
    reason = request.form.get("reason", "").replace("\0", "").strip()
    now, actor_id = shop().clock(), visitor().id
    try:
        with shop().database.transaction() as session:
            flag = session.get(LicenseFlag, chosen)
            if flag is None:
                raise NotFound("flag")
            # The licence before the flag, like whoever raises one.
            lock_license(session, flag.license_id)
            close_flag(session, chosen, state=state, actor_id=actor_id, reason=reason, now=now)
            if state is FlagState.ACTED_ON:
                suspend_license(session, flag.license_id, actor_id=actor_id, reason=reason, now=now)
    except (Invalid, Conflict) as refusal:
        flash(message_for(refusal), "warning")
    else:
        flash(
            _("The licence is suspended.")
            if state is FlagState.ACTED_ON
            else _("The flag is dismissed."),
            "success",
        )
    return see_other(url_for("admin_license_flags.index"))


def _page(*, refusal: DomainError | None = None) -> Response:
    is_closed, kind = asked_choice("state", FlagState), asked_text("kind", longest=30)
    state = is_closed or FlagState.OPEN
    cursor = request.args.get("cursor")
    rules, revision = find_rules(read())
    return render(
        "admin/licenses/flags.html",
        status=refusal.http_status if refusal else 200,
        found=list_flags(
            read(), state=state, kind=kind if kind in KIND_NAMES else "", cursor=cursor
        ),
        state=state,
        states=FlagState,
        kind=kind if kind in KIND_NAMES else "",
        kind_names=KIND_NAMES,
        words=evidence_words,
        rules=rules,
        revision=revision,
        problem=message_for(refusal) if refusal else "",
        fewest=FEWEST_NETWORKS,
        most=MOST_NETWORKS,
        longest_reason=LONGEST_REASON,
        is_first_page=not cursor,
    )
