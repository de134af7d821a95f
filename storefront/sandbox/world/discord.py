"""Discord's OAuth 2 and users/@me (https://discord.com/developers/docs/topics/oauth2)."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, Response, jsonify, make_response, redirect, render_template
from flask import request as http
from werkzeug.wrappers import Response as AnyResponse

from storefront.sandbox.world.discord_users import all_users, find_user
from storefront.sandbox.world.state import DISCORD_CLIENT_ID, DISCORD_CLIENT_SECRET, World
from storefront.sandbox.world.storage import JsonObject

CODE_LIVES_S = 60
TOKEN_LIVES_S = 7 * 24 * 3600
SCOPES = {"identify", "email", "guilds", "guilds.join", "openid"}


class Refused(Exception):
    """An authorize request that must not be redirected anywhere: the page says why."""


@dataclass(frozen=True)
class Wish:
    """A checked authorize request."""

    redirect_uri: str
    scope: str
    state: str | None
    challenge: str | None

    def leading_back(self, **answer: str) -> str:
        if self.state is not None:
            answer["state"] = self.state
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{joint}{urlencode(answer)}"


def register_discord(app: Flask, world: World) -> None:
    blueprint = Blueprint("discord", __name__, url_prefix="/discord")

    @blueprint.before_request
    def down() -> AnyResponse | None:
        if not world.discord.down:
            return None
        return Response("upstream connect error or disconnect/reset before headers", 503)

    @blueprint.route("/oauth2/authorize", methods=["GET", "POST"])
    def authorize() -> AnyResponse:
        try:
            wish = _read_wish()
        except Refused as refusal:
            page = render_template("discord_refused.html", reason=str(refusal))
            return make_response(page, 400)
        if http.method == "POST":
            return redirect(_decide(world, wish), 302)
        users = all_users(world.store)
        return make_response(render_template("discord_authorize.html", users=users, wish=wish))

    @blueprint.post("/api/oauth2/token")
    def token() -> tuple[Response, int]:
        return _token(world)

    @blueprint.get("/api/users/@me")
    def me() -> tuple[Response, int]:
        return _me(world)

    app.register_blueprint(blueprint)


def _read_wish() -> Wish:
    asked = http.args
    if asked.get("client_id") != DISCORD_CLIENT_ID:
        raise Refused("Unknown client_id.")
    redirect_uri = asked.get("redirect_uri", "")
    if not _is_loopback(redirect_uri):
        raise Refused("Invalid redirect_uri: the sandbox sends people back to this machine only.")
    if asked.get("response_type") != "code":
        raise Refused("Unsupported response_type: it must be code.")
    scope = asked.get("scope", "")
    if not scope.split() or not set(scope.split()) <= SCOPES:
        raise Refused("Invalid scope.")
    challenge = asked.get("code_challenge")
    if challenge is not None and asked.get("code_challenge_method") != "S256":
        raise Refused("Invalid code_challenge_method: it must be S256.")
    return Wish(redirect_uri, scope, asked.get("state"), challenge)


def _is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    host = parts.hostname or ""
    return parts.scheme in ("http", "https") and (
        host in ("127.0.0.1", "localhost", "::1") or host.endswith(".localhost")
    )


def _decide(world: World, wish: Wish) -> str:
    user = find_user(world.store, http.form.get("user_id", ""))
    if user is None:
        return wish.leading_back(
            error="access_denied",
            error_description="The resource owner or authorization server denied the request",
        )
    code = secrets.token_urlsafe(22)
    world.store.run(
        "INSERT INTO discord_codes VALUES (?, ?, ?, ?, ?, ?)",
        code,
        user["id"],
        wish.redirect_uri,
        wish.scope,
        wish.challenge,
        world.clock() + CODE_LIVES_S,
    )
    return wish.leading_back(code=code)


def _token(world: World) -> tuple[Response, int]:
    if world.discord.fail_token:
        return jsonify(message="500: Internal Server Error", code=0), 500
    if not _is_known_client():
        return jsonify(error="invalid_client"), 401
    if http.form.get("grant_type") != "authorization_code":
        return jsonify(error="unsupported_grant_type"), 400
    with world.store.transaction():
        grant = _use_code(world, http.form.get("code", ""))
        if grant is None:
            description = 'Invalid "code" in request.'
            return jsonify(error="invalid_grant", error_description=description), 400
        token = secrets.token_urlsafe(30)
        world.store.run(
            "INSERT INTO discord_tokens VALUES (?, ?, ?, ?)",
            token,
            grant["user_id"],
            grant["scope"],
            world.clock() + TOKEN_LIVES_S,
        )
    answer = {
        "token_type": "Bearer",
        "access_token": token,
        "expires_in": TOKEN_LIVES_S,
        "refresh_token": secrets.token_urlsafe(30),
        "scope": grant["scope"],
    }
    return jsonify(answer), 200


def _is_known_client() -> bool:
    given = http.authorization
    if given is not None and given.type == "basic":
        client_id, secret = given.username or "", given.password or ""
    else:
        client_id, secret = http.form.get("client_id", ""), http.form.get("client_secret", "")
    is_secret = hmac.compare_digest(secret.encode(), DISCORD_CLIENT_SECRET.encode())
    return client_id == DISCORD_CLIENT_ID and is_secret


def _use_code(world: World, code: str) -> JsonObject | None:
    """Take a code out of the table, whether or not the rest of the request fits it."""
    row = world.store.row("SELECT * FROM discord_codes WHERE code = ?", code)
    if row is None:
        return None
    world.store.run("DELETE FROM discord_codes WHERE code = ?", code)
    grant: JsonObject = dict(row)
    if grant["expires_at"] < world.clock():
        return None
    if grant["redirect_uri"] != http.form.get("redirect_uri"):
        return None
    verifier = http.form.get("code_verifier", "")
    if grant["challenge"] is not None and _challenge_of(verifier) != grant["challenge"]:
        return None
    return grant


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _me(world: World) -> tuple[Response, int]:
    given = http.authorization
    token = given.token if given is not None and given.type == "bearer" else None
    row = world.store.row(
        "SELECT * FROM discord_tokens WHERE token = ? AND expires_at > ?", token, world.clock()
    )
    user = find_user(world.store, row["user_id"]) if row else None
    if row is None or user is None:
        return jsonify(message="401: Unauthorized", code=0), 401
    profile = {
        "id": user["id"],
        "username": user["username"],
        "global_name": user["global_name"],
        "discriminator": "0",
        "avatar": user["avatar"],
        "banner": None,
        "accent_color": None,
        "public_flags": 0,
        "flags": 0,
        "locale": user["locale"],
        "mfa_enabled": False,
        "premium_type": 0,
    }
    if "email" in row["scope"].split():
        profile.update(email=user["email"], verified=user["verified"])
    return jsonify(profile), 200
