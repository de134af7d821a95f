"""What a form was sent with, and how its page says what was refused. What a list is asked for by
its address is in `filters`."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import request

from storefront.errors import DomainError
from storefront.kit.ids import parse_id
from storefront.messages import message_for

MOST_CHOSEN: Final = 100
LONGEST_FILTER: Final = 100
_MOST_DIGITS: Final = 18


def typed_text(name: str, longest: int) -> str:
    """Words, without what PostgreSQL cannot hold and without the rest of a very long text."""
    return request.form.get(name, "").replace("\0", "").strip()[:longest]


def revision_of(text: str) -> int:
    """The state of a thing that a form was filled from; 0, which nothing has, when unreadable."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else 0


def chosen_ids(name: str) -> list[UUID]:
    """The rows of a list that were ticked, each once, 100 at most; what is no id is left out."""
    named = request.form.getlist(name)[:MOST_CHOSEN]
    return list({found for one in named if (found := parse_id(one)) is not None})


def kept_filters(*names: str) -> dict[str, Any]:
    """The filters of the list one came from, so that one returns to it."""
    kept = {name: request.form.get(name, "")[:LONGEST_FILTER] for name in names}
    return {name: value for name, value in kept.items() if value and "\0" not in value}


def refusal_values(refusal: DomainError | None) -> dict[str, Any]:
    """What the page of a form needs to say why it was refused: at the field that the refusal names
    (`field`), or above the form where it names none; with the status of the answer."""
    if refusal is None:
        return {"status": 200, "problem": "", "errors": [], "error_at": {}}
    field: str | None = getattr(refusal, "field", None)
    said = message_for(refusal)
    return {
        "status": refusal.http_status,
        "problem": "" if field else said,
        "errors": [(f"field-{field}", said)] if field else [],
        "error_at": {field: said} if field else {},
    }
