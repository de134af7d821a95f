"""Keyset pages: a page is found by the last row seen, so depth costs nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from storefront.kit.ids import parse_id

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


def id_in_cursor(cursor: str | None) -> UUID | None:
    """The last id seen, of a list whose ids are its order; None starts at page one."""
    last = decode_cursor(cursor, str)
    return parse_id(str(last[0])) if last else None


def page_by_id(rows: Sequence[T], limit: int, *, id_of: Callable[[T], UUID]) -> Page[T]:
    """A page of rows that were read with one more than `limit`, which says whether more follow."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(shown, encode_cursor(str(id_of(shown[-1]))) if more else None)
