"""What a product is found by: its words with the weight of the best place each stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from storefront.catalog.search.text import LONGEST_WORD, fold, is_thai, runs, singular

NAME, LABEL, SUMMARY, TEXT = "A", "B", "C", "D"
LONGEST_TEXT: Final = 8_000
_ADDRESS: Final = re.compile(r"https?://\S+")


class Cutter(Protocol):
    """Whoever cuts Thai into words."""

    def cut(self, run: str) -> tuple[str, ...]:
        """The words of a folded Thai run."""


@dataclass(frozen=True, slots=True)
class ProductText:
    """Everything of a product that words are looked for in, both languages together."""

    names: Sequence[str]
    labels: Sequence[str]
    summaries: Sequence[str]
    texts: Sequence[str]


def weigh_words(
    text: ProductText, cutter: Cutter, *, synonyms: Mapping[str, str]
) -> dict[str, str]:
    """Each word of a product with its weight: A in a name, B in tags, features, frameworks and
    categories, C in a summary, D in the rest. A synonym weighs what its word does."""
    weights: dict[str, str] = {}
    for weight, parts in (
        (NAME, text.names),
        (LABEL, text.labels),
        (SUMMARY, text.summaries),
        (TEXT, text.texts),
    ):
        for part in parts:
            for word in words_of(part[:LONGEST_TEXT], cutter):
                weights.setdefault(word, weight)
    for word, other in synonyms.items():
        for present, added in ((word, other), (other, word)):
            if present in weights:
                weights[added] = min(weights.get(added, TEXT), weights[present])
    return weights


def words_of(text: str, cutter: Cutter) -> Iterable[str]:
    """The words of a text as they stand in the index, plurals with their singular."""
    for run in runs(fold(_ADDRESS.sub(" ", text))):
        if is_thai(run):
            yield from (word for word in cutter.cut(run) if len(word) <= LONGEST_WORD)
        elif len(run) <= LONGEST_WORD:
            yield run
            if one := singular(run):
                yield one


def vector(weights: Mapping[str, str]) -> str:
    """The words as the text of a tsvector."""
    return " ".join(f"{quoted(word)}:1{weight}" for word, weight in weights.items())


def head_of(weights: Mapping[str, str]) -> dict[str, str]:
    """Only the words that rank a product: those of the description are left out."""
    return {word: weight for word, weight in weights.items() if weight != TEXT}


def labels_of(weights: Mapping[str, str]) -> list[str]:
    """The words of a name, a tag, a feature, a framework or a category."""
    return [word for word, weight in weights.items() if weight in (NAME, LABEL)]


def quoted(word: str) -> str:
    """A word inside the text of a tsvector or tsquery, whatever stands in it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
