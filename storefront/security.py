"""Headers every answer carries, and the hosts the shop answers to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, current_app, request, session
from werkzeug.exceptions import NotFound

from storefront.config import Settings

SIGN_IN_PREFIX = "/sign-in"
PRIVATE_PREFIXES = ("/account", "/admin", "/checkout", "/cart", "/guest", SIGN_IN_PREFIX)
MACHINE_PREFIX = "/api/"
READING = ("GET", "HEAD", "OPTIONS")


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


class ReadableQuery:
    """WSGI middleware: raw bytes beyond ASCII in a query become percent signs, as a browser would
    have sent them. Werkzeug raises where they are no UTF-8, and every page would be a crash."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():
            environ["QUERY_STRING"] = _BEYOND_ASCII.sub(
                lambda found: quote(found[0].encode("latin-1", "replace")), query
            )
        return self._app(environ, start_response)


def init_security(app: Flask, settings: Settings) -> None:
    """Add the headers to every response."""
    policy = content_security_policy(settings)

    @app.before_request
    def refuse_unstorable_path() -> None:
        # PostgreSQL takes no NUL in text: a slug with one would be a crash, and is no page.
        if "\0" in request.path:
            raise NotFound

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        _speak_of_prefetching(response)
        if settings.is_secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if request.path.startswith(PRIVATE_PREFIXES):
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("X-Robots-Tag", "noindex")
        elif response.mimetype == "text/html":
            # Every page has its reader's name and cart in the header: no shared cache may keep it.
            headers.setdefault("Cache-Control", "private, no-cache")
        if "public" in headers.get("Cache-Control", ""):
            _keep_session_out()
        return response


def _speak_of_prefetching(response: Response) -> None:
    """Public pages say what may be fetched before a click; whatever may have changed the cart or
    the person says that pages fetched before are stale."""
    path = request.path
    if path.startswith(MACHINE_PREFIX):
        return
    if request.method not in READING or path.startswith(SIGN_IN_PREFIX):
        response.headers.setdefault("Clear-Site-Data", '"prefetchCache", "prerenderCache"')
    elif response.mimetype == "text/html" and "HX-Request" not in request.headers:
        rules = current_app.config["SPECULATION_RULES"]
        response.headers.setdefault("Speculation-Rules", f'"{rules}"')


def _keep_session_out() -> None:
    """Flask renews the cookie of a permanent session with every answer; a shared cache would hand
    this one to strangers. Unsaved, the browser's own cookie stays as it is."""
    if session.permanent:
        session.permanent = False
    session.modified = False


def content_security_policy(settings: Settings, *, connect_to: str = "") -> str:
    """Nothing inline, nothing from elsewhere (OWASP ASVS 5, 3.4.3). Forms may be redirected to
    the payment page, to Discord and to a signed download, which browsers count as form actions.
    Scripts speak with the shop alone; the one page that needs another origin names it."""
    checkout = "https://checkout.stripe.com"
    if not settings.is_production:
        checkout = _origin(settings.stripe_api_url)
    files = _origin(settings.s3_endpoint_url or "https://*.amazonaws.com")
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: https://cdn.discordapp.com",
            "font-src 'self'",
            f"connect-src 'self' {connect_to}".rstrip(),
            "manifest-src 'self'",
            f"form-action 'self' {checkout} {_origin(settings.discord_url)} {files}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}"
