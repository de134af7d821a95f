"""What a list is asked for by its address: words, a day, one of several choices."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from flask import request

Choice = TypeVar("Choice", bound=StrEnum)

LONGEST_SEARCH: Final = 100
# The ends of the calendar overflow when a day is added or moved to UTC.
FIRST_YEAR, LAST_YEAR = 2000, 2199


def asked_text(name: str, *, longest: int = LONGEST_SEARCH) -> str:
    """Words, without what PostgreSQL cannot hold and without the rest of a very long text."""
    return request.args.get(name, "").replace("\0", "").strip()[:longest]


def asked_day(name: str) -> date | None:
    """A day like 2026-11-21; None for anything else."""
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def asked_choice(name: str, choices: type[Choice]) -> Choice | None:
    """One of the choices; None for anything else."""
    text = request.args.get(name, "")
    return choices(text) if text in list(choices) else None
