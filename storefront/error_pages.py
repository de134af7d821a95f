"""What visitors and programs get when something goes wrong: one place for pages, partials, JSON."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request, url_for
from flask_limiter import RateLimitExceeded
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed, SecurityError

from storefront.errors import DomainError, Kind, Unavailable
from storefront.hx import is_fragment, see_other
from storefront.messages import message_for

RETRY_AFTER_SECONDS = {429: "60", 503: "5"}
OWN_PAGES = (403, 404, 413, 429, 500, 503)

log = structlog.get_logger()


def init_error_pages(app: Flask) -> None:
    """Answer every error in the shop's own words; a crash shows nothing of its inside."""
    app.register_error_handler(DomainError, _show_error)
    app.register_error_handler(
        CSRFError, lambda _error: _show_error(DomainError("csrf", Kind.INVALID))
    )
    app.register_error_handler(
        RateLimitExceeded,
        lambda _error: _show_error(DomainError("too_many_requests", Kind.TOO_MANY)),
    )
    for lost in (OperationalError, PoolTimeout):
        app.register_error_handler(lost, _database_is_away)
    app.register_error_handler(DataError, _show_data_error)
    app.register_error_handler(SecurityError, _refuse_host)
    app.register_error_handler(HTTPException, _show_http_error)
    app.register_error_handler(Exception, _show_crash)


def _show_error(error: DomainError) -> Response:
    log.info("refused", error=error.code, reason=error.message, status=error.http_status)
    if error.kind is Kind.UNAUTHENTICATED and not _wants_json():
        return see_other(url_for("accounts.sign_in", next=_return_path()))
    return _error_response(error.http_status, error.code, message_for(error))


def _show_data_error(error: DataError) -> Response:
    # A NUL typed into any field or address: no text for PostgreSQL, and not our crash.
    if "NUL" in str(error.orig):
        return _error_response(400, "bad_request", "")
    return _show_crash(error)


def _refuse_host(_error: SecurityError) -> Response:
    # For a host that is not ours Flask can make no address, so there is no page either.
    return Response("This shop does not answer to that host.\n", 400, mimetype="text/plain")


def _show_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    known = {
        404: DomainError("page_not_found", Kind.NOT_FOUND),
        413: DomainError("too_large", Kind.TOO_LARGE),
    }.get(status)
    code = known.code if known else (error.name or "error").lower().replace(" ", "_")
    response = _error_response(status, code, message_for(known) if known else "")
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        # Required with a 405 (RFC 9110, 15.5.6).
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _database_is_away(error: Exception) -> Response:
    log.error("database_unavailable", error=type(error).__name__)
    # The page that says so must not look its reader up: nobody is signed in on it.
    g._login_user = AnonymousUserMixin()
    return _show_error(Unavailable("database_unavailable"))


def _show_crash(error: Exception) -> Response:
    log.error("crash", exc_info=error)
    return _error_response(500, "internal_error", "")


def _error_response(status: int, code: str, message: str) -> Response:
    if _wants_json():
        response = jsonify({"error": code})
        response.status_code = status
    else:
        # Error pages must not need the database, which may be what is broken.
        template = "errors/_toast.html" if is_fragment() else _error_page(status)
        response = make_response(
            render_template(template, status=status, code=code, message=message), status
        )
        if is_fragment():
            response.headers["HX-Reswap"] = "none"
    if status in RETRY_AFTER_SECONDS:
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS[status]
    response.headers["Cache-Control"] = "no-store"
    return response


def _error_page(status: int) -> str:
    return f"errors/{status}.html" if status in OWN_PAGES else "errors/error.html"


def _wants_json() -> bool:
    return request.path.startswith(("/api/", "/health"))


def _return_path() -> str:
    # After a form that needed a sign-in, the page it stood on is the place to come back to.
    if request.method == "GET":
        return request.script_root + request.full_path.rstrip("?")
    referrer = urlsplit(request.referrer or "")
    if referrer.netloc != request.host or not referrer.path:
        return "/"
    return f"{referrer.path}?{referrer.query}" if referrer.query else referrer.path
