"""Reading a phrase against the vocabulary of the index: which words it holds, also where no spaces
stand between them, where the last is not finished, or one letter is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from storefront.catalog.search.cutting import (
    Piece,
    Term,
    Vocabulary,
    best,
    cut,
    pieces_of,
    tails_of,
)
from storefront.catalog.search.text import LONGEST_WORD, bare, fold, is_thai, runs
from storefront.catalog.search.typos import neighbours

MOST_WORDS: Final = 8
MOST_RUNS: Final = 12
MOST_ENDINGS: Final = 12
# Looking into all words reads the whole vocabulary, so only the first unknown words are worth it.
_SHORTEST_INSIDE: Final = 3
_MOST_INSIDE: Final = 2

# Left out of a phrase that has other words: every second product has them, and who types them
# means the others.
_FILLERS: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "for",
        "from",
        "in",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
        "my",
        "fivem",
        "script",
        "scripts",
        "ที่",
        "ใน",
        "ของ",
        "และ",
        "กับ",
        "ให้",
        "สำหรับ",
        "แบบ",
        "หรือ",
        "จาก",
        "เป็น",
        "มี",
        "ได้",
        "อยาก",
        "ต้องการ",
        "หา",
        "ระบบ",
        "สคริปต์",
        "ครับ",
        "ค่ะ",
    ]
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a phrase and the terms of the index that stand for it. `exact` are what was
    typed; `others` its endings while it is typed, its singular, or what was meant. No more than
    `documents` products have it."""

    typed: str
    exact: tuple[str, ...]
    others: tuple[str, ...]
    documents: int

    @property
    def terms(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.exact, *self.others)))


@dataclass(frozen=True)
class Reading:
    """What a phrase means. `corrected` is the phrase as it was understood, where a slip was
    mended; `missing` are words that stand in no product at all."""

    phrase: str = ""
    words: tuple[Word, ...] = ()
    corrected: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def is_hopeless(self) -> bool:
        """Something was typed, and nothing of it is known."""
        return bool(self.phrase) and not self.words

    @cached_property
    def rarest(self) -> int:
        """No more products than this can have all the words."""
        return min((word.documents for word in self.words), default=0)

    @cached_property
    def commonest(self) -> int:
        """About so many products have at least one of the words."""
        return max((word.documents for word in self.words), default=0)


def read_phrase(session: Session, phrase: str) -> Reading:
    """Read a clean phrase: 1 query; 2 when a word is unknown, 3 when it is no slip either."""
    found = [run if is_thai(run) else run[:LONGEST_WORD] for run in runs(fold(phrase))[:MOST_RUNS]]
    if not found:
        return Reading(phrase)
    vocabulary = _look_up(session, found)
    lines = [cut(run, vocabulary, is_last=at == len(found) - 1) for at, run in enumerate(found)]
    lines = _put_together(lines, vocabulary)
    if _unknown(lines):
        lines = _mend(session, lines)
    if _unknown(lines):
        lines = _look_inside(session, lines)
    return _reading(phrase, lines)


def _look_up(session: Session, found: Sequence[str]) -> Vocabulary:
    """Everything of the vocabulary that stands in the phrase, and what its end may become."""
    pieces = {bare(piece) for run in found for piece in pieces_of(run)}
    pieces |= {first + second for first, second in _neighbours_of(found)}
    tails = tails_of(found[-1])
    rows = session.execute(
        _LOOK_UP,
        {
            "pieces": sorted(piece for piece in pieces if piece),
            "tails": tails,
            "bare_tails": [bare(tail) or tail for tail in tails],
        },
    )
    by_bare: defaultdict[str, list[Term]] = defaultdict(list)
    endings: defaultdict[str, list[Term]] = defaultdict(list)
    for tail, term, bare_term, documents, labels in rows:
        if tail is None:
            by_bare[bare_term].append(Term(term, documents, labels))
        elif term not in _FILLERS:
            endings[tail].append(Term(term, documents, labels))
    return Vocabulary(
        {key: best(terms) for key, terms in by_bare.items()},
        {key: best(dict.fromkeys(terms))[:MOST_ENDINGS] for key, terms in endings.items()},
    )


def _neighbours_of(found: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Words typed with a space that the shop writes without: score board."""
    for first, second in pairwise(found):
        if not is_thai(first) and not is_thai(second):
            yield first, second


def _put_together(lines: list[list[Piece]], vocabulary: Vocabulary) -> list[list[Piece]]:
    joined: list[list[Piece]] = []
    for line in lines:
        before = joined[-1] if joined else []
        if len(before) == len(line) == 1:
            whole = before[0].typed + line[0].typed
            if exact := vocabulary.exact(whole):
                joined[-1] = [Piece(whole, exact)]
                continue
        joined.append(line)
    return joined


def _unknown(lines: Iterable[Sequence[Piece]]) -> list[str]:
    """Unknown pieces; single letters beside other words are passed over."""
    pieces = [piece for line in lines for piece in line]
    return [
        piece.typed
        for piece in pieces
        if not piece.is_known and (len(bare(piece.typed)) > 1 or len(pieces) == 1)
    ]


def _mend(session: Session, lines: list[list[Piece]]) -> list[list[Piece]]:
    """Replace unknown pieces, with their neighbours where that makes a word, by the commonest
    word one slip away."""
    windows = {
        (row, begin, end): "".join(piece.typed for piece in line[begin:end])
        for row, line in enumerate(lines)
        for begin, end in _windows(line)
    }
    guesses = {typed: neighbours(typed) for typed in set(windows.values())}
    wanted = sorted(set().union(*guesses.values())) if guesses else []
    if not wanted:
        return lines
    known = {row.term: Term(*row) for row in session.execute(_ANY, {"terms": wanted})}
    mended = [list(line) for line in lines]
    done: set[int] = set()
    for (row, begin, end), typed in sorted(windows.items(), key=lambda item: -len(item[1])):
        terms = best(known[guess] for guess in guesses[typed] if guess in known)
        if terms and row not in done:
            done.add(row)
            mended[row][begin:end] = [Piece(typed, (), terms[:1], terms[0].text)]
    return mended


def _windows(line: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """The unknown pieces, alone and with what stands beside them."""
    for at, piece in enumerate(line):
        if not piece.is_known:
            for begin in {at, max(0, at - 1)}:
                yield from ((begin, end) for end in {at + 1, min(len(line), at + 2)})


def _look_inside(session: Session, lines: list[list[Piece]]) -> list[list[Piece]]:
    """Unknown pieces that are the inside of longer words."""
    wanted = [typed for typed in _unknown(lines) if len(typed) >= _SHORTEST_INSIDE]
    wanted = wanted[:_MOST_INSIDE]
    if not wanted:
        return lines
    around: defaultdict[str, list[Term]] = defaultdict(list)
    for typed, *term in session.execute(_INSIDE, {"wanted": wanted}):
        around[typed].append(Term(*term))
    return [
        [
            piece if piece.is_known else replace(piece, others=tuple(around[piece.typed]))
            for piece in line
        ]
        for line in lines
    ]


def _reading(phrase: str, lines: Sequence[Sequence[Piece]]) -> Reading:
    pieces = [piece for line in lines for piece in line if piece.is_known]
    meant = [piece for piece in pieces if piece.typed not in _FILLERS] or pieces
    # The end of a phrase may be a filler on its way to become another word.
    if pieces and pieces[-1].others and pieces[-1] not in meant:
        meant.append(pieces[-1])
    corrected = None
    if any(piece.meant for piece in pieces):
        corrected = " ".join(
            "".join(piece.meant or piece.typed for piece in line) for line in lines
        )
    words = {piece.typed: _word(piece) for piece in meant}
    return Reading(phrase, tuple(words.values())[:MOST_WORDS], corrected, tuple(_unknown(lines)))


def _word(piece: Piece) -> Word:
    return Word(
        piece.typed,
        tuple(term.text for term in piece.exact),
        tuple(term.text for term in piece.others),
        sum(term.documents for term in {*piece.exact, *piece.others}),
    )


# U+10FFFF comes after every other character: the end of a range of beginnings.
_LOOK_UP: Final = text(
    """
    SELECT NULL AS tail, term, bare, documents, labels FROM search_terms
    WHERE bare = ANY(CAST(:pieces AS text[])) AND documents > 0
    UNION ALL
    SELECT tails.tail, begun.* FROM unnest(CAST(:tails AS text[])) AS tails(tail)
    CROSS JOIN LATERAL (
        SELECT term, bare, documents, labels FROM search_terms
        WHERE term >= tails.tail COLLATE "C" AND term < (tails.tail || U&'\\+10FFFF') COLLATE "C"
            AND documents > 0
        ORDER BY labels DESC, documents DESC, term LIMIT 12
    ) AS begun
    UNION ALL
    SELECT tails.tail, begun.*
    FROM unnest(CAST(:tails AS text[]), CAST(:bare_tails AS text[])) AS tails(tail, bare)
    CROSS JOIN LATERAL (
        SELECT term, bare, documents, labels FROM search_terms
        WHERE bare >= tails.bare COLLATE "C" AND bare < (tails.bare || U&'\\+10FFFF') COLLATE "C"
            AND documents > 0
        ORDER BY labels DESC, documents DESC, term LIMIT 12
    ) AS begun
    """
)
_ANY: Final = text(
    "SELECT term, documents, labels FROM search_terms"
    " WHERE term = ANY(CAST(:terms AS text[])) AND documents > 0"
)
_INSIDE: Final = text(
    """
    SELECT wanted.typed, around.*
    FROM unnest(CAST(:wanted AS text[])) AS wanted(typed)
    CROSS JOIN LATERAL (
        SELECT term, documents, labels FROM search_terms
        WHERE position(wanted.typed IN term) > 0 AND documents > 0
        ORDER BY labels DESC, documents DESC, term LIMIT 12
    ) AS around
    """
)
