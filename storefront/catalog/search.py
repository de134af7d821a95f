"""How a search phrase is read, and what it means in SQL."""

from __future__ import annotations

import unicodedata
from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, or_

from storefront.catalog.cards import PRODUCTS

LONGEST_PHRASE: Final = 100
MOST_WORDS: Final = 8
_ESCAPE: Final = "\\"

# Thai that looks the same on the screen but is typed as other characters.
_SAME_LOOK: Final = (("\u0e4d\u0e32", "\u0e33"), ("\u0e40\u0e40", "\u0e41"))


def clean_phrase(text: str) -> str:
    """The phrase as it is shown again and searched: at most 100 characters, one form for every
    character, no control or invisible characters, single spaces."""
    text = unicodedata.normalize("NFKC", text[:LONGEST_PHRASE])
    # NFKC splits sara am, which nobody types in two parts: put it together again.
    for typed, meant in _SAME_LOOK:
        text = text.replace(typed, meant)
    kept = "".join(_visible(character) for character in text)
    return " ".join(kept.split())[:LONGEST_PHRASE]


def words_of(phrase: str) -> tuple[str, ...]:
    """The words to look for, case-folded; eight at most, so one request cannot cost much."""
    return tuple(dict.fromkeys(phrase.casefold().split()))[:MOST_WORDS]


def contains_every(words: tuple[str, ...]) -> ColumnElement[bool]:
    """Every word appears somewhere: in a name, summary, tag or framework, in either language.

    Substrings, because Thai has no spaces between words.
    """
    return and_(*(or_(*(_holds(text, word) for text in _texts())) for word in words))


def relevance(words: tuple[str, ...]) -> ColumnElement[int]:
    """3: the name begins with the phrase; 2: all words are in a name; 1: some are; 0: none."""
    names = (PRODUCTS.name_th, PRODUCTS.name_en)
    phrase = " ".join(words)
    return case(
        (
            or_(*(func.lower(n).like(_like(phrase) + "%", escape=_ESCAPE) for n in names)),
            3,
        ),
        (or_(*(and_(*(_holds(n, word) for word in words)) for n in names)), 2),
        (or_(*(_holds(n, word) for word in words for n in names)), 1),
        else_=0,
    )


def _texts() -> tuple[ColumnElement[str], ...]:
    return (
        PRODUCTS.name_th,
        PRODUCTS.name_en,
        PRODUCTS.summary_th,
        PRODUCTS.summary_en,
        func.array_to_string(PRODUCTS.tags, " "),
        func.array_to_string(PRODUCTS.frameworks, " "),
    )


def _holds(text: ColumnElement[str], word: str) -> ColumnElement[bool]:
    return func.lower(text).like(f"%{_like(word)}%", escape=_ESCAPE)


def _like(text: str) -> str:
    """A phrase in which % and _ mean themselves."""
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else character
