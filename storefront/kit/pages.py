"""Keyset pages: a page is found by the last row seen, so depth costs nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
CursorValue = str | int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows of one page and the opaque cursor of the next one, None on the last page."""

    items: Sequence[T]
    next_cursor: str | None


def encode_cursor(*values: CursorValue) -> str:
    """Pack the sort values of the last row into an opaque URL-safe string."""
    raw = json.dumps(values, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type[CursorValue]) -> tuple[CursorValue, ...] | None:
    """Unpack a cursor; None when it is missing, forged or of another shape (start at page one)."""
    if not cursor or len(cursor) > 300:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(values, list) or len(values) != len(kinds):
        return None
    if any(type(value) is not kind for value, kind in zip(values, kinds, strict=True)):
        return None
    return tuple(values)
