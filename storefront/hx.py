"""HTMX behind our own words: page or partial, redirects and toasts. Made for htmx 4."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template
from htmx_flask import request


def is_fragment() -> bool:
    """Whether htmx asks for a piece of this page. htmx 4 says so with HX-Request-Type; a history
    restore asks for the whole page."""
    return (
        bool(request.htmx)
        and not request.htmx.history_restore_request
        and request.headers.get("HX-Request-Type", "partial") == "partial"
    )


def render(page: str, *, partial: str | None = None, status: int = 200, **context: Any) -> Response:
    """The page, or only its partial when htmx asks for that."""
    template = partial if partial and is_fragment() else page
    response = make_response(render_template(template, **context), status)
    response.vary.add("HX-Request")
    return response


def see_other(location: str) -> Response:
    """303: after a form was accepted, the browser shows another page with GET. For htmx the whole
    page is replaced, because the answer belongs to another address."""
    if is_fragment():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = location
        return response
    return make_response(redirect(location, code=303))
