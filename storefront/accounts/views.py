"""Sign-in with Discord, sign-out, and the list of one's sign-ins."""

from __future__ import annotations

import hmac
import time
from uuid import UUID

from flask import Blueprint, Response, flash, request, session, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_login import current_user, logout_user

from storefront.accounts import queries, service
from storefront.accounts.cookie import sign_browser_in
from storefront.accounts.rules import safe_next_path
from storefront.cart.guests import guest_token, merge_guest_cart
from storefront.errors import Invalid, NotFound
from storefront.guests.adoption import adopt_guest
from storefront.hx import render, see_other
from storefront.i18n import ENGLISH_PREFIX
from storefront.kit.ids import parse_id
from storefront.tebex.service import claim_matching
from storefront.web import limiter, member, public, read, shop, visitor

bp = Blueprint("accounts", __name__)

CALLBACK_PATH = "/sign-in/discord/callback"
CHALLENGE_LIFETIME_SECONDS = 600
_CHALLENGE = "sign_in"


@bp.get("/sign-in")
@public
def sign_in() -> Response:
    """The page with the Discord button; whoever is signed in already goes on. A guest is here to
    become a member."""
    target = safe_next_path(request.args.get("next"), fallback=url_for("catalog.home"))
    if current_user.is_authenticated and not visitor().is_guest:
        return see_other(target)
    return render("storefront/accounts/sign_in.html", next_path=target)


@bp.post("/sign-in/discord")
@public
@limiter.limit("120 per minute")
def begin_discord() -> Response:
    """Remember state and PKCE verifier in the signed cookie and go to Discord."""
    challenge = shop().identity.begin(redirect_uri=_redirect_uri())
    session[_CHALLENGE] = {
        "state": challenge.state,
        "verifier": challenge.verifier,
        "next": safe_next_path(request.form.get("next"), fallback=url_for("catalog.home")),
        "at": int(time.time()),
    }
    return see_other(challenge.url)


@bp.get(CALLBACK_PATH)
@public
@limiter.limit("120 per minute")
def discord_callback() -> Response:
    """Back from Discord. The challenge is used up whatever comes of it. What this browser bought
    as a guest is the member's from now on, and what waits for them from Tebex; a sign-in it had
    before is over, as its cookie is."""
    challenge = session.pop(_CHALLENGE, None)
    _check_state(challenge)
    if request.args.get("error"):
        raise Invalid("sign_in_cancelled")
    identity = shop().identity.identify(
        code=request.args.get("code", ""),
        verifier=challenge["verifier"],
        redirect_uri=_redirect_uri(),
    )
    now, guest_id = shop().clock(), _guest_here()
    before = visitor() if current_user.is_authenticated and guest_id is None else None
    with shop().database.transaction() as tx:
        user = service.register_identity(
            tx, identity, admin_discord_ids=shop().settings.admin_discord_ids
        )
        token = service.open_session(
            tx,
            user.id,
            user_agent=request.user_agent.string,
            address=request.remote_addr or "",
            now=now,
        )
        if before is not None:
            service.revoke_session(tx, before.session_id, user_id=before.id, now=now)
        if guest_id is not None:
            adopt_guest(tx, guest_id, member_id=user.id, now=now)
        claimed = claim_matching(tx, user.id, vault=shop().vault, now=now)
        merge_guest_cart(tx, user_id=user.id, token=guest_token(session), now=now)
    sign_browser_in(token)
    with force_locale("en" if challenge["next"].startswith(ENGLISH_PREFIX) else "th"):
        flash(_("Welcome, %(name)s!", name=user.display_name), "success")
        if guest_id is not None:
            flash(_("What you bought as a guest is in your account now."), "success")
        if claimed:
            flash(_("What you bought on Tebex is in your account now."), "success")
    return see_other(challenge["next"])


@bp.post("/sign-out")
@public
def sign_out() -> Response:
    """End this sign-in on the server; the cookie is worthless afterwards even if it was copied."""
    if current_user.is_authenticated:
        with shop().database.transaction() as tx:
            service.revoke_session(
                tx, visitor().session_id, user_id=visitor().id, now=shop().clock()
            )
    logout_user()
    session.clear()
    return see_other(url_for("catalog.home"))


@bp.get("/account/sessions")
@member
def sessions() -> Response:
    """Every browser this person is signed in with."""
    return render(
        "storefront/accounts/sessions.html",
        sessions=queries.list_sessions(read(), visitor().id, now=shop().clock()),
        this_session_id=visitor().session_id,
    )


@bp.post("/account/sessions/<session_id>/revocation")
@member
def revoke_session(session_id: str) -> Response:
    """Sign one of them out, at once."""
    chosen = parse_id(session_id)
    if chosen is None:
        raise NotFound("session")
    with shop().database.transaction() as tx:
        service.revoke_session(tx, chosen, user_id=visitor().id, now=shop().clock())
    flash(_("That browser is signed out."), "success")
    return see_other(url_for("accounts.sessions"))


def _guest_here() -> UUID | None:
    """The guest who is signed in with this browser, if it is one."""
    is_guest = current_user.is_authenticated and visitor().is_guest
    return visitor().id if is_guest else None


def _check_state(challenge: dict[str, str | int] | None) -> None:
    state = request.args.get("state", "")
    if (
        not challenge
        or not hmac.compare_digest(str(challenge["state"]).encode(), state.encode())
        or time.time() - int(challenge["at"]) > CHALLENGE_LIFETIME_SECONDS
    ):
        raise Invalid("sign_in_expired")


def _redirect_uri() -> str:
    # One fixed address, the same in both languages, never taken from the Host header.
    return shop().settings.public_url + CALLBACK_PATH
