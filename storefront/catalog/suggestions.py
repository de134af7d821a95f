"""What the search box shows while somebody types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.catalog.cards import Card, card_from
from storefront.catalog.listing import FEW, Branch, find_best, list_branches
from storefront.catalog.search.matching import found_ids, values
from storefront.catalog.search.reading import Reading, read_phrase
from storefront.catalog.search.text import fold

MOST_CARDS: Final = 6
MOST_BRANCHES: Final = 2


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Products and categories for a phrase that may not be finished. `total` are all products it
    finds; beyond a thousand only about."""

    cards: Sequence[Card]
    branches: Sequence[Branch]
    total: int
    reading: Reading

    @property
    def is_about(self) -> bool:
        """Whether `total` was not counted."""
        return self.total > FEW

    def marked(self, name: str) -> list[tuple[str, bool]]:
        """A name in pieces, each with whether it is what was looked for."""
        return mark(name, self.reading)


def suggest_products(session: Session, phrase: str, *, now: datetime) -> Suggestions:
    """Up to six products and two categories; nothing for an empty phrase. At most 6 queries, 4 for
    most phrases."""
    reading = read_phrase(session, phrase) if phrase else Reading()
    if not reading.words:
        return Suggestions([], [], 0, reading)
    search = values(reading, every=True)
    total = _count(session, search, at_most=reading.rarest)
    if not total:
        search = values(reading, every=False)
        total = _count(session, search, at_most=reading.commonest)
    rows = find_best(session, search, total=total, now=now)[:MOST_CARDS] if total else []
    wanted = fold(reading.corrected or phrase)
    branches = [
        branch
        for branch in list_branches(session)
        if len(wanted) > 1 and (wanted in fold(branch.name_th) or wanted in fold(branch.name_en))
    ]
    cards = [card_from(row, now) for row in rows]
    return Suggestions(cards, branches[:MOST_BRANCHES], total, reading)


def _count(session: Session, search: Mapping[str, Any], *, at_most: int) -> int:
    """How many products there are under a phrase. Beyond a thousand nobody wants to know, and
    counting them would take longer than finding the best."""
    return session.scalar(_COUNT, search) or 0 if at_most <= FEW else at_most


def mark(name: str, reading: Reading) -> list[tuple[str, bool]]:
    """Cut a name where words of the phrase begin and end in it."""
    text = fold(name)
    if len(text) != len(name):
        return [(name, False)]
    wanted = [False] * len(name)
    for begin, end in _places(text, reading):
        wanted[begin:end] = [True] * (end - begin)
    pieces: list[tuple[str, bool]] = []
    for letter, is_wanted in zip(name, wanted, strict=True):
        if pieces and pieces[-1][1] == is_wanted:
            pieces[-1] = (pieces[-1][0] + letter, is_wanted)
        else:
            pieces.append((letter, is_wanted))
    return pieces


def _places(text: str, reading: Reading) -> Iterator[tuple[int, int]]:
    """Where what was typed stands in a text; failing that, what it was taken for."""
    for word in reading.words:
        for term in (word.typed, *word.terms):
            begin = text.find(term)
            if begin >= 0:
                yield begin, begin + len(term)
                break


_COUNT: Final = select(func.count()).select_from(select(found_ids()).subquery())
