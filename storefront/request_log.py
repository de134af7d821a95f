"""One log line per request, and an id that ties its lines together."""

from __future__ import annotations

import time

import structlog
from flask import Flask, Response, g, request

from storefront.kit.ids import new_id


def init_request_logging(app: Flask) -> None:
    """Give each request an id, return it in X-Request-Id, and log one line when it is done."""
    log = structlog.get_logger()

    @app.before_request
    def begin() -> None:
        g.request_id = str(new_id())
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        if "request_id" not in g:
            return response
        response.headers["X-Request-Id"] = g.request_id
        log.info(
            "request",
            method=request.method,
            path=_path_for_log(),
            status=response.status_code,
            milliseconds=round((time.perf_counter() - g.began) * 1000, 1),
        )
        return response


def _path_for_log() -> str:
    """The path without the secret of a mailed link: whoever reads the log must not open it."""
    token = (request.view_args or {}).get("token")
    return request.path.replace(token, "***") if token else request.path
