"""The way to the verify desk that goes around Flask, because it is asked more often than everything
else together and must be answered fast (docs/decisions, 0017)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Final, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.verify_answer import write_answer
from api.verify_question import read_question
from storefront.bootstrap import Shop
from storefront.errors import DomainError, Kind
from storefront.kit.ids import new_id
from storefront.licenses.desk import VerifyDesk
from storefront.licenses.limits import Limits

_compact: Final = json.JSONEncoder(separators=(",", ":")).encode
PATH: Final = "/api/licenses/verify"
PATHS: Final = frozenset(prefix + PATH + slash for prefix in ("", "/en") for slash in ("", "/"))
RETRY_AFTER_SECONDS: Final = 5
SLOW_SECONDS: Final = 1.0
REFUSALS_LOGGED_EVERY_SECONDS: Final = 1.0
_SLASHES: Final = re.compile("//+")
_STATUS_LINES: Final = {
    200: "200 OK",
    400: "400 Bad Request",
    413: "413 Content Too Large",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}

log = structlog.get_logger()


class Answer(NamedTuple):
    """A response, ready for WSGI."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class VerifyGate:
    """WSGI middleware: answers GET and POST on the path of the key check, however its slashes are
    written, and lets everything else through. Never redirects: a game server would repeat the POST
    without its body."""

    def __init__(self, app: WSGIApplication, shop: Shop, *, limits: Limits) -> None:
        self.desk = VerifyDesk(shop, limits=limits)
        self._app = app
        self._shop = shop
        self._quiet_until = 0.0
        self._headers = [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if shop.settings.is_secure:
            self._headers.append(
                ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
            )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        if not is_verify_path(environ.get("PATH_INFO", "")) or environ["REQUEST_METHOD"] not in (
            "GET",
            "POST",
        ):
            return self._app(environ, start_response)
        answer = self.answer(environ)
        start_response(_STATUS_LINES[answer.status], answer.headers)
        return [answer.body]

    def answer(self, environ: WSGIEnvironment) -> Answer:
        """Answer one question: 200 for every verdict, and JSON for whatever keeps it from one: 400
        no JSON object, 413 above 8 KiB, 429 too many questions, 503 the database is away."""
        began, request_id, now = time.perf_counter(), new_id(), self._shop.clock()
        named = str(request_id)
        try:
            question = read_question(environ)
            verdict = self.desk.ask(question, request_id=request_id, now=now)
            body = write_answer(
                question,
                verdict,
                now=now,
                signing=self._shop.signing,
                shop_url=self._shop.settings.public_url,
            )
            answer = self._answer(200, body, named)
        except Exception as error:
            answer = self._refusal(error, named)
        took = time.perf_counter() - began
        if answer.status != 200 or took > SLOW_SECONDS:
            self._log(environ, answer.status, named, took)
        return answer

    def _answer(self, status: int, body: bytes, request_id: str) -> Answer:
        headers = [
            *self._headers,
            ("Content-Length", str(len(body))),
            ("X-Request-Id", request_id),
        ]
        return Answer(status, headers, body)

    def _refusal(self, error: Exception, request_id: str) -> Answer:
        if isinstance(error, OperationalError | PoolTimeout):
            error = DomainError("database_unavailable", Kind.UNAVAILABLE)
        if not isinstance(error, DomainError) or error.http_status not in _STATUS_LINES:
            log.error("crash", exc_info=error, request_id=request_id)
            return self._answer(500, b'{"error":"internal_error"}', request_id)
        retry_after = {429: getattr(error, "retry_after", 1), 503: RETRY_AFTER_SECONDS}
        seconds = retry_after.get(error.http_status)
        if seconds is None:
            body = _compact({"error": error.code})
            return self._answer(error.http_status, body.encode(), request_id)
        body = _compact({"error": error.code, "retry_after": seconds})
        answer = self._answer(error.http_status, body.encode(), request_id)
        answer.headers.append(("Retry-After", str(seconds)))
        return answer

    def _log(self, environ: WSGIEnvironment, status: int, request_id: str, took: float) -> None:
        """The line of the request, in the shop's format. Verdicts have none: every one is a row of
        license_checks under the same id. Of a flood of refusals one a second is shown."""
        moment = time.monotonic()
        if status == 429:
            if moment < self._quiet_until:
                return
            self._quiet_until = moment + REFUSALS_LOGGED_EVERY_SECONDS
        log.info(
            "request",
            request_id=request_id,
            method=environ["REQUEST_METHOD"],
            path=PATH,
            status=status,
            milliseconds=round(took * 1000, 1),
        )


def is_verify_path(path: str) -> bool:
    """Whether this is the path of the check, with any number of slashes."""
    return path in PATHS or ("//" in path and _SLASHES.sub("/", path) in PATHS)
