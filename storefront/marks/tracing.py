"""Whose copy leaked: every mark there is against what was read.

For a mark that had no part in a leak the score of each position is a fair game: zero on average,
with a variance of at most one, whatever those who leaked did. Bernstein's inequality then bounds
how probable it is that one of all marks scores that high by chance; this bound is what is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storefront.marks.archives import Reading
from storefront.marks.code import LARGEST_WEIGHT, MarkKey, Scoring
from storefront.marks.texts import Kind, unpack

# How probable a false accusation may be, over all marks together.
CERTAIN: Final = 1e-6
LIKELY: Final = 1e-3
MOST_NAMED: Final = 20

_FEWEST_IN_FILE: Final = 6
_AGREEING: Final = 0.9
_LEAST_FOR_SILENCE: Final = 24


class Verdict(StrEnum):
    """How sure a mark is; what is less than likely is not named."""

    CERTAIN = "certain"
    LIKELY = "likely"


class Evidence(StrEnum):
    """What is counted together: blanks at line ends, in comments, both, and times of files."""

    LINE_ENDS = "line_ends"
    COMMENTS = "comments"
    TEXTS = "texts"
    TIMES = "times"


_KINDS: Final[Mapping[Evidence, frozenset[int]]] = {
    Evidence.LINE_ENDS: frozenset({Kind.LINE_END}),
    Evidence.COMMENTS: frozenset({Kind.COMMENT}),
    Evidence.TEXTS: frozenset({Kind.LINE_END, Kind.COMMENT}),
    Evidence.TIMES: frozenset({Kind.TIME}),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A mark that is in the leak. `false_alarm` bounds the probability that some mark without any
    part in it looks like that; 0 where its name stands in clear, which nobody else can write.
    `agreement` is the share of positions that fit, `files_agreeing` of `files_marked` files fit
    nearly everywhere."""

    mark: str
    verdict: Verdict
    names: tuple[str, ...]
    false_alarm: float
    scores: Mapping[Evidence, float]
    agreement: float
    files_agreeing: int
    files_marked: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found, the surest first. `positions` says how many positions of the code could be
    read by each sort of evidence, `silent` which sorts were wiped out. `is_mixed` when more than
    one copy seems to have been used."""

    findings: tuple[Finding, ...]
    positions: Mapping[Evidence, int]
    silent: tuple[Evidence, ...]
    marks_compared: int
    is_mixed: bool


def trace(key: MarkKey, reading: Reading, marks: Iterable[str]) -> Trace:
    """Compare a reading with all these marks: about 0.2 ms for each."""
    shares = {one: _shares(reading, kinds) for one, kinds in _KINDS.items()}
    silent = tuple(one for one, by in shares.items() if _is_silent(by))
    scorings = {one: Scoring(key, by) for one, by in shares.items() if by and one not in silent}
    suspects, compared = [], 0
    for mark in marks:
        compared += 1
        suspect = _suspect(key, mark, reading, scorings)
        if suspect.chance <= LIKELY:
            suspects.append(suspect)
    tests = max(compared * len(scorings), 1)
    found = sorted(
        (
            _finding(reading, shares[Evidence.TEXTS], one, tests)
            for one in suspects
            if one.chance * tests <= LIKELY
        ),
        key=lambda one: (one.false_alarm, -one.agreement),
    )
    return Trace(
        findings=tuple(found[:MOST_NAMED]),
        positions={one: len(by) for one, by in shares.items()},
        silent=silent,
        marks_compared=compared,
        is_mixed=_is_mixed(found),
    )


@dataclass(frozen=True, slots=True)
class _Suspect:
    mark: str
    word: bytes
    chance: float
    names: tuple[str, ...]
    scores: Mapping[Evidence, float]


def _suspect(
    key: MarkKey, mark: str, reading: Reading, scorings: Mapping[Evidence, Scoring]
) -> _Suspect:
    """One mark, and how probable it is that it fits so well by chance; not at all where its name
    stands in clear."""
    word = key.word(mark)
    scores = {one: scoring.score(word) for one, scoring in scorings.items()}
    names = tuple(
        sorted(place for place, found in reading.names.items() if key.token(mark, place) in found)
    )
    chances = [_chance(score, scorings[one].positions) for one, score in scores.items()]
    return _Suspect(mark, word, 0.0 if names else min(chances, default=1.0), names, scores)


def _shares(reading: Reading, kinds: frozenset[int]) -> dict[int, float]:
    """By position the share of ones, over all places that carry it."""
    ones: dict[int, int] = {}
    seen: dict[int, int] = {}
    for file in reading.files:
        for packed in file.bits:
            kind, position, bit = unpack(packed)
            if kind in kinds:
                seen[position] = seen.get(position, 0) + 1
                ones[position] = ones.get(position, 0) + bit
    return {position: ones[position] / count for position, count in seen.items()}


def _is_silent(shares: Mapping[int, float]) -> bool:
    """All the same: somebody or some tool has put them all in order."""
    return len(shares) >= _LEAST_FOR_SILENCE and len(set(shares.values())) == 1


def _chance(score: float, positions: int) -> float:
    """Bernstein's bound for one mark and one sort of evidence."""
    if score <= 0:
        return 1.0
    return math.exp(-(score**2) / (2 * (positions + LARGEST_WEIGHT * score / 3)))


def _finding(
    reading: Reading, shares: Mapping[int, float], suspect: _Suspect, tests: int
) -> Finding:
    false_alarm = min(suspect.chance * tests, 1.0)
    agreeing, marked = _files_agreeing(reading, suspect.word)
    fits = [share if suspect.word[at] else 1 - share for at, share in shares.items()]
    return Finding(
        mark=suspect.mark,
        verdict=Verdict.CERTAIN if false_alarm <= CERTAIN else Verdict.LIKELY,
        names=suspect.names,
        false_alarm=false_alarm,
        scores=suspect.scores,
        agreement=sum(fits) / len(fits) if fits else 0.0,
        files_agreeing=agreeing,
        files_marked=marked,
    )


def _files_agreeing(reading: Reading, word: bytes) -> tuple[int, int]:
    """Of the files with enough places, those that fit this mark nearly everywhere."""
    agreeing = marked = 0
    for file in reading.files:
        bits = [one for one in map(unpack, file.bits) if one[0] != Kind.TIME]
        if len(bits) >= _FEWEST_IN_FILE:
            marked += 1
            fits = sum(word[position] == bit for _kind, position, bit in bits)
            agreeing += fits >= _AGREEING * len(bits)
    return agreeing, marked


def _is_mixed(found: Sequence[Finding]) -> bool:
    """Several names, or one that fits well but far from everywhere."""
    if len(found) > 1:
        return True
    return any(not one.names and one.agreement < _AGREEING for one in found)
