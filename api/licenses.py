"""`/api/licenses/verify`: what game servers ask every time a script starts.

The game server's HTTP client drops the body of every status of 400 and above, repeats a POST
without its body after a redirect, and sends JSON as a form when told nothing (see
docs/licences.md). So every verdict is a 200, and the body is read as JSON whatever it calls
itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, request

from storefront.errors import DomainError, Kind
from storefront.licenses.verification import GRACE, MESSAGES, NEXT_CHECK, Code, Verdict, verify_key
from storefront.web import public_machine, read, shop

bp = Blueprint("api_licenses", __name__)

LARGEST_BODY_BYTES = 8 * 1024
KEY_NAMES = ("license_key", "key", "license", "licenseKey")
RESOURCE_NAMES = ("resource", "resourceName", "resName")


class BadRequest(DomainError):
    """The body is not a JSON object: 400, because it is a fault of the program that asks."""

    def __init__(self) -> None:
        super().__init__("bad_json", Kind.INVALID)

    @property
    def http_status(self) -> int:
        """400 instead of 422."""
        return 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, under whichever names."""

    key: str
    product: str | None
    resource: str
    version: str
    nonce: str | None


@bp.route("/api/licenses/verify", methods=["GET", "POST"], strict_slashes=False)
@public_machine
def verify_license() -> Response:
    """Judge a key. 200 for every verdict; 400 for a body that is no JSON object; 413 above
    8 KiB; 503 while the database is away."""
    question = _read_question()
    now = shop().clock()
    verdict = verify_key(
        read(), question.key, product=question.product, vault=shop().vault, now=now
    )
    body = _answer(question, verdict, now=now)
    response = current_app.response_class(
        json.dumps(body, separators=(",", ":")), mimetype="application/json"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _read_question() -> Question:
    fields: dict[str, Any] = {**request.args.to_dict(), **_read_body()}
    return Question(
        key=_first(fields, KEY_NAMES) or _key_of_header(),
        product=_first(fields, ("product",)) or None,
        resource=_first(fields, RESOURCE_NAMES),
        version=_first(fields, ("version",)),
        nonce=_nonce(fields.get("nonce")),
    )


def _read_body() -> Mapping[str, Any]:
    if request.method == "GET":
        return {}
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise DomainError("too_large", Kind.TOO_LARGE)
    raw = request.stream.read(LARGEST_BODY_BYTES + 1)
    if len(raw) > LARGEST_BODY_BYTES:
        raise DomainError("too_large", Kind.TOO_LARGE)
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest from error
    if body == []:
        # An empty Lua table is encoded as an empty list.
        return {}
    if not isinstance(body, dict):
        raise BadRequest
    return body


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = fields.get(name)
        is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
        if is_text and value != "":
            return str(value)[:200]
    return ""


def _key_of_header() -> str:
    """The key alone, or behind a scheme word such as Bearer."""
    return request.headers.get("Authorization", "").strip()[:200].rpartition(" ")[2]


def _nonce(value: Any) -> str | None:
    return value if isinstance(value, str) and 16 <= len(value) <= 64 else None


def _answer(question: Question, verdict: Verdict, *, now: datetime) -> dict[str, Any]:
    """The answer. Scripts in the field glue product, version, user, username and discriminator
    into a message without looking whether they are there: those are strings in every answer."""
    facts, is_valid = verdict.facts, verdict.code is Code.VALID
    message = MESSAGES[verdict.code]
    # Without a match the caller learns nothing about the licence but its code.
    shown = facts if facts and verdict.code is not Code.PRODUCT_MISMATCH else None
    expires_at = shown.expires_at.isoformat() if shown and shown.expires_at else None
    answer: dict[str, Any] = {
        "valid": is_valid,
        "code": verdict.code,
        "message": message,
        "error": None if is_valid else message,
        "license": {
            "product": shown.product if shown else (question.product or ""),
            "version": question.version or (shown.latest_version if shown else ""),
            "status": shown.status if shown else "",
            "expires_at": expires_at,
            "user": shown.username if shown else "",
        },
        "user": {"username": shown.username if shown else "", "discriminator": "0"},
        "ips": {
            "used": 0,
            "max": shown.slots if shown else 0,
            "yours": request.remote_addr or "",
        },
        "server_time": now.isoformat(),
        "next_check": (now + NEXT_CHECK).isoformat(),
        "grace_until": (now + GRACE).isoformat() if is_valid else None,
        "latest_version": shown.latest_version if shown else "",
        "nonce": question.nonce,
    }
    return {**answer, "payload": None, "sig": None, "kid": None}
