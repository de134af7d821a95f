"""Sign-in with Discord, sign-out, and the list of one's sign-ins."""

from __future__ import annotations

import hmac
import time

from flask import Blueprint, Response, flash, request, session, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user

from storefront.accounts import queries, service
from storefront.accounts.rules import safe_next_path
from storefront.cart.guests import guest_token, merge_guest_cart
from storefront.errors import Invalid, NotFound
from storefront.hx import render, see_other
from storefront.i18n import ENGLISH_PREFIX
from storefront.kit.ids import parse_id
from storefront.web import limiter, member, public, read, shop, visitor

bp = Blueprint("accounts", __name__)

CALLBACK_PATH = "/sign-in/discord/callback"
CHALLENGE_LIFETIME_SECONDS = 600
_CHALLENGE = "sign_in"


@bp.get("/sign-in")
@public
def sign_in() -> Response:
    """The page with the Discord button; whoever is signed in already goes on."""
    target = safe_next_path(request.args.get("next"), fallback=url_for("catalog.home"))
    if current_user.is_authenticated:
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
    """Back from Discord. The challenge is used up whatever comes of it."""
    challenge = session.pop(_CHALLENGE, None)
    _check_state(challenge)
    if request.args.get("error"):
        raise Invalid("sign_in_cancelled")
    identity = shop().identity.identify(
        code=request.args.get("code", ""),
        verifier=challenge["verifier"],
        redirect_uri=_redirect_uri(),
    )
    now = shop().clock()
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
        merge_guest_cart(tx, user_id=user.id, token=guest_token(session), now=now)
    _rotate_cookie(token)
    with force_locale("en" if challenge["next"].startswith(ENGLISH_PREFIX) else "th"):
        flash(_("Welcome, %(name)s!", name=user.display_name), "success")
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


def _rotate_cookie(token: str) -> None:
    session.clear()
    session.permanent = True
    login_user(_Holder(token))


class _Holder:
    """What Flask-Login needs to write the token into the cookie; the person is loaded from the
    table at the next request."""

    is_active = True
    is_authenticated = True
    is_anonymous = False

    def __init__(self, token: str) -> None:
        self._token = token

    def get_id(self) -> str:
        return self._token
