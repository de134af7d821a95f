"""Where a buyer from Tebex comes to their keys: the mailed link, asking for it, and what waits for
a member."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from storefront.accounts.cookie import sign_browser_in
from storefront.errors import DomainError, Kind
from storefront.guests.claims import Caller, claim_as_guest, claim_by_link
from storefront.guests.forms import EmailForm
from storefront.guests.rules import mask_email
from storefront.hx import render, see_other
from storefront.i18n import current_locale
from storefront.messages import message_for
from storefront.tebex.mailing import ask_for_claims
from storefront.tebex.queries import FoundClaim, find_claim, list_claimable
from storefront.tebex.rules import LinkState
from storefront.tebex.service import claim_matching
from storefront.web import limiter, member, public, read, shop, visitor

bp = Blueprint("tebex", __name__)

LONGEST_TOKEN: Final = 100
_STATUS: Final = {LinkState.GOOD: 200, LinkState.CLAIMED: 200, LinkState.UNKNOWN: 404}


@bp.get("/claim")
@public
def index() -> Response:
    """How to come from Tebex to one's keys; a member sees what waits for them."""
    return _page(EmailForm(formdata=None), is_sent="sent" in request.args)


@bp.post("/claim")
@public
@limiter.limit("5 per minute; 30 per hour")
def ask() -> Response:
    """Ask for the links of an address. The answer is the same whoever has it, or nobody."""
    form = EmailForm()
    if not form.validate():
        return _page(form, status=422)
    with shop().database.transaction() as tx:
        ask_for_claims(tx, form.address(), locale=current_locale(), now=shop().clock())
    return see_other(url_for("tebex.index", sent=1))


@bp.post("/claim/mine")
@member
@limiter.limit("30 per minute")
def claim_mine() -> Response:
    """Take everything that waits for this member's Discord account or verified e-mail."""
    with shop().database.transaction() as tx:
        found = claim_matching(tx, visitor().id, vault=shop().vault, now=shop().clock())
    if not found:
        flash(_("Nothing waits for your account."), "info")
        return see_other(url_for("tebex.index"))
    flash(claimed_text(len(found)), "success")
    return see_other(url_for("licenses.index"))


@bp.get("/claim/<token>")
@public
@limiter.limit("60 per minute")
def link(token: str) -> Response:
    """What a mailed link leads to. It only looks: programs that read mail open every link, so the
    keys are given by the buttons alone."""
    found = _find(token)
    answer = render(
        "storefront/tebex/link.html",
        status=_STATUS.get(found.state, 410),
        claim=found,
        state=found.state,
        email=mask_email(found.email) if found.email else "",
        token=token,
        is_mine=current_user.is_authenticated and found.owner_id == visitor().id,
    )
    # The address of this page is a secret; its origin is what the check of forms asks for.
    answer.headers["Referrer-Policy"] = "strict-origin"
    return answer


@bp.post("/claim/<token>")
@member
@limiter.limit("30 per minute")
def claim(token: str) -> Response:
    """Give the purchase to whoever is signed in."""
    try:
        with shop().database.transaction() as tx:
            claim_by_link(
                tx,
                token[:LONGEST_TOKEN],
                user_id=visitor().id,
                vault=shop().vault,
                now=shop().clock(),
            )
    except DomainError as refusal:
        return _back(token, refusal)
    flash(claimed_text(1), "success")
    return see_other(url_for("licenses.index"))


@bp.post("/claim/<token>/guest")
@public
@limiter.limit("30 per minute")
def claim_without_account(token: str) -> Response:
    """Give the purchase to a new guest and sign this browser in as them. Whoever is signed in
    already takes it to their account instead."""
    if current_user.is_authenticated:
        return see_other(url_for("tebex.link", token=token))
    try:
        with shop().database.transaction() as tx:
            sign_in_token = claim_as_guest(
                tx,
                token[:LONGEST_TOKEN],
                secret=shop().settings.secret_key,
                vault=shop().vault,
                caller=Caller(
                    user_agent=request.user_agent.string,
                    address=request.remote_addr or "",
                    locale=current_locale(),
                ),
                now=shop().clock(),
            )
    except DomainError as refusal:
        return _back(token, refusal)
    sign_browser_in(sign_in_token)
    flash(claimed_text(1), "success")
    return see_other(url_for("licenses.index"))


def claimed_text(number: int) -> str:
    """What somebody reads who came to keys."""
    return str(
        ngettext(
            "Your purchase from Tebex is here: its keys are below.",
            "%(num)d purchases from Tebex are here: their keys are below.",
            number,
        )
    )


def _find(token: str) -> FoundClaim:
    return find_claim(read(), token[:LONGEST_TOKEN], now=shop().clock())


def _back(token: str, refusal: DomainError) -> Response:
    """Why a link is no good stands on its own page; anything else is said there."""
    if refusal.kind is not Kind.NOT_FOUND:
        flash(message_for(refusal), "warning")
    return see_other(url_for("tebex.link", token=token))


def _page(form: EmailForm, *, status: int = 200, is_sent: bool = False) -> Response:
    waiting = list_claimable(read(), visitor().id) if current_user.is_authenticated else ()
    return render(
        "storefront/tebex/index.html",
        status=status,
        form=form,
        is_sent=is_sent,
        waiting=waiting,
    )
