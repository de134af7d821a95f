"""Cutting what somebody typed into words that the index knows. Pure; no Thai dictionary needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import Final

from storefront.catalog.search.text import bare, is_thai, may_begin, singular, starts

LONGEST_PIECE: Final = 30
LONGEST_TAIL: Final = 24

# What a cut costs: few words are better than many, whole words better than begun ones, and a
# letter that belongs to no word is worse than any word.
_WORD, _OTHER_TONE, _BEGUN, _STRAY = 1.0, 0.3, 0.3, 2.5


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the index, in how many products it stands, and of how many it is a label."""

    text: str
    documents: int
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a run. `exact` are the terms it is, `others` those it may become or stand for;
    a piece with neither is unknown. `meant` is the word a slip was mended to."""

    typed: str
    exact: tuple[Term, ...] = ()
    others: tuple[Term, ...] = ()
    meant: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether the index has anything for it."""
        return bool(self.exact or self.others)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The part of the vocabulary that a phrase needs: terms by their bare form, and terms by the
    beginning of theirs."""

    by_bare: Mapping[str, Sequence[Term]] = field(default_factory=dict)
    endings: Mapping[str, Sequence[Term]] = field(default_factory=dict)

    def exact(self, typed: str) -> tuple[Term, ...]:
        """The term that is written like this; else those that differ in tones or silent letters
        only."""
        near = self.by_bare.get(bare(typed), ())
        same = tuple(term for term in near if term.text == typed)
        # Of one letter alone too little is left to guess from.
        return same or (tuple(near) if len(bare(typed)) > 1 else ())

    def begun(self, typed: str) -> tuple[Term, ...]:
        """Terms that begin with this, without the one that is just this."""
        return tuple(term for term in self.endings.get(typed, ()) if term.text != typed)


def cut(run: str, vocabulary: Vocabulary, *, is_last: bool) -> list[Piece]:
    """The cheapest cut of a run; its last piece may be a word that is still being typed when the
    run `is_last`. The pieces put together are the run."""
    if is_thai(run):
        pieces = _cheapest(run, vocabulary, is_last=is_last)
        stray = sum(len(piece.typed) for piece in pieces if not piece.is_known)
        # More leavings than words: nothing here was understood.
        return pieces if stray * 2 <= len(run) else [Piece(run)]
    if whole := _whole(run, vocabulary, is_last=is_last):
        return [whole]
    pieces = _cheapest(run, vocabulary, is_last=is_last)
    return pieces if all(piece.is_known for piece in pieces) else [Piece(run)]


def pieces_of(run: str) -> Iterator[str]:
    """Every stretch of a run that may be a word."""
    if is_thai(run):
        yield from (run[begin:end] for begin, end in _spans(run))
        return
    yield run
    if one := singular(run):
        yield one
    yield from (run[begin:end] for begin, end in _spans(run))


def tails_of(run: str) -> list[str]:
    """Every end of a run that may be the beginning of a word: the whole run, else two letters and
    more."""
    tails = [run[begin:] for begin in starts(run)]
    return [tail for tail in tails if tail == run or 2 <= len(tail) <= LONGEST_TAIL]


def best(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Those that are labels of most products first."""
    return tuple(sorted(terms, key=lambda term: (-term.labels, -term.documents, term.text)))


def _whole(run: str, vocabulary: Vocabulary, *, is_last: bool) -> Piece | None:
    exact = vocabulary.exact(run)
    others = list(vocabulary.begun(run)) if is_last else []
    if one := singular(run):
        others += vocabulary.exact(one)
    piece = Piece(run, exact, tuple(dict.fromkeys(others)))
    return piece if piece.is_known else None


def _spans(run: str) -> Iterator[tuple[int, int]]:
    borders = [at for at in starts(run) if at] + [len(run)]
    for begin in starts(run):
        yield from (
            (begin, end)
            for end in borders
            if 1 < end - begin <= LONGEST_PIECE or end - begin == len(run)
        )


def _cheapest(run: str, vocabulary: Vocabulary, *, is_last: bool) -> list[Piece]:
    ways: dict[int, tuple[float, list[Piece]]] = {0: (0.0, [])}

    def offer(end: int, cost: float, pieces: list[Piece]) -> None:
        if end not in ways or cost < ways[end][0]:
            ways[end] = (cost, pieces)

    spans: dict[int, list[int]] = {}
    for begin, end in _spans(run):
        spans.setdefault(begin, []).append(end)
    for begin in range(len(run)):
        if begin not in ways:
            continue
        cost, pieces = ways[begin]
        for end in spans.get(begin, ()):
            ends_typing = is_last and end == len(run)
            if piece := _piece(run[begin:end], vocabulary, ends_typing=ends_typing):
                offer(end, cost + _price(piece), [*pieces, piece])
        # A stray letter takes the marks that follow it along.
        stray = begin + 1
        while stray < len(run) and not may_begin(run[stray]):
            stray += 1
        offer(stray, cost + _STRAY * (stray - begin), _with_stray(pieces, run[begin:stray]))
    return ways[len(run)][1]


def _piece(typed: str, vocabulary: Vocabulary, *, ends_typing: bool) -> Piece | None:
    piece = Piece(typed, vocabulary.exact(typed), vocabulary.begun(typed) if ends_typing else ())
    return piece if piece.is_known else None


def _price(piece: Piece) -> float:
    # Among equal cuts the one of commoner words.
    commonness = 0.01 * log2(1 + max(term.documents for term in (*piece.exact, *piece.others)))
    if not piece.exact:
        return _WORD + _BEGUN - commonness
    same = piece.exact[0].text == piece.typed
    return _WORD + (0 if same else _OTHER_TONE) - commonness


def _with_stray(pieces: list[Piece], letters: str) -> list[Piece]:
    if pieces and not pieces[-1].is_known:
        return [*pieces[:-1], Piece(pieces[-1].typed + letters)]
    return [*pieces, Piece(letters)]
