"""Reading what a game server sends, however it sends it.

Its HTTP client calls JSON a form when told nothing, sends no Content-Length with an empty body, and
encodes an empty Lua table as `[]` (docs/verify.md). So the body is JSON whatever it calls itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from storefront.errors import DomainError, Kind
from storefront.licenses.addresses import server_of
from storefront.licenses.keys import normalize_key
from storefront.licenses.verification import Question

LARGEST_BODY_BYTES: Final = 8 * 1024
KEY_NAMES: Final = ("license_key", "key", "license", "licenseKey")
RESOURCE_NAMES: Final = ("resource", "resourceName", "resName")
EVENTS: Final = ("start", "heartbeat", "stop")
_LONGEST: Final = 200


class BadRequest(DomainError):
    """The body is not a JSON object: 400, because it is a fault of the program that asks."""

    def __init__(self) -> None:
        super().__init__("bad_json", Kind.INVALID)

    @property
    def http_status(self) -> int:
        """400 instead of 422."""
        return 400


def read_question(environ: WSGIEnvironment) -> Question:
    """The question in a request: a field of the body goes before one of the query.

    Raises BadRequest for a body that is no JSON object, and DomainError `too_large` above 8 KiB.
    """
    fields = _read_query(environ.get("QUERY_STRING", ""))
    if environ["REQUEST_METHOD"] == "POST":
        fields |= _read_body(environ)
    address, network = server_of(environ.get("REMOTE_ADDR", ""))
    event = _first(fields, ("event",))
    return Question(
        key=_first(fields, KEY_NAMES) or _key_of_header(environ.get("HTTP_AUTHORIZATION", "")),
        product=_stored(_first(fields, ("product",)).strip().lower(), 80),
        resource=_stored(_first(fields, RESOURCE_NAMES), 64),
        version=_stored(_first(fields, ("version",)), 40).removeprefix("v"),
        server_id=_within(_first(fields, ("server_id",)), 1, 64),
        nonce=_within(fields.get("nonce"), 16, 64),
        event=event if event in EVENTS else "",
        address=address,
        network=network,
    )


def _read_query(query: str) -> dict[str, Any]:
    if not query:
        return {}
    # WSGI hands bytes over as Latin-1; of a name that comes twice the first counts.
    text = query.encode("latin-1", "replace").decode("utf-8", "replace")
    return dict(reversed(parse_qsl(text, errors="replace")))


def _read_body(environ: WSGIEnvironment) -> Mapping[str, Any]:
    raw = _read_bytes(environ)
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest from error
    if body == []:
        return {}
    if not isinstance(body, dict):
        raise BadRequest
    return body


def _read_bytes(environ: WSGIEnvironment) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length <= 0:
        # Chunked: nobody says beforehand how long it is, and not every server ends the stream.
        if not environ.get("wsgi.input_terminated"):
            return b""
        length = LARGEST_BODY_BYTES + 1
    if length > LARGEST_BODY_BYTES + 1:
        raise DomainError("too_large", Kind.TOO_LARGE)
    raw: bytes = environ["wsgi.input"].read(length)
    if len(raw) > LARGEST_BODY_BYTES:
        raise DomainError("too_large", Kind.TOO_LARGE)
    return raw


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = fields.get(name)
        is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
        if is_text and value != "":
            return str(value)[:_LONGEST]
    return ""


def _key_of_header(header: str) -> str:
    """The key alone, or behind a scheme word such as Bearer."""
    whole = header.strip()[:_LONGEST]
    if " " not in whole or normalize_key(whole):
        return whole
    return whole.partition(" ")[2].strip()


def _within(value: Any, least: int, most: int) -> str:
    """Exactly as sent, because it is signed; nothing where it is no text of that length."""
    return value if isinstance(value, str) and least <= len(value) <= most else ""


def _stored(text: str, most: int) -> str:
    if not text.isprintable():
        text = "".join(symbol for symbol in text if symbol.isprintable())
    return text[:most]
