"""How writing is read: one form for what looks or sounds the same, and where words may begin."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

LONGEST_PHRASE: Final = 100
LONGEST_WORD: Final = 40

THAI: Final = re.compile(r"[\u0e01-\u0e4e]+")
_RUN: Final = re.compile(r"[\u0e01-\u0e4e]+|[^\W_\u0e00-\u0e7f]+")
_THAI_DIGITS: Final = {0x0E50 + digit: str(digit) for digit in range(10)}

# Thai that looks the same on the screen but is typed as other characters, or in another order.
_SAME_LOOK: Final = (("\u0e4d\u0e32", "\u0e33"), ("\u0e40\u0e40", "\u0e41"))
_MARK_BEFORE_VOWEL: Final = re.compile(r"([\u0e48-\u0e4b])([\u0e31\u0e34-\u0e3a])")
_REPEATED_MARK: Final = re.compile(r"([\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])\1+")

# What is not heard, or heard only as a tone: a letter under thanthakhat, tone marks, maitaikhu.
_SILENT: Final = re.compile(r"[\u0e01-\u0e2e][\u0e34\u0e38]?\u0e4c|[\u0e47-\u0e4c\u0e4e]")

# A word does not begin with these: they stand after, above or below a consonant.
_NEVER_FIRST: Final = frozenset("ะัาำิีึืฺุู็่้๊๋์ํ๎ๅๆฯ")


def clean_phrase(text: str) -> str:
    """The phrase as it is shown again and searched: at most 100 characters, one form for every
    character, no control or invisible characters, single spaces."""
    text = same_form(text[:LONGEST_PHRASE])
    kept = "".join(_visible(character) for character in text)
    return " ".join(kept.split())[:LONGEST_PHRASE]


def same_form(text: str) -> str:
    """Unicode NFKC, with the Thai that it takes apart or leaves alone put into one form."""
    text = unicodedata.normalize("NFKC", text)
    # NFKC splits sara am, which nobody types in two parts: put it together again.
    for typed, meant in _SAME_LOOK:
        text = text.replace(typed, meant)
    text = _MARK_BEFORE_VOWEL.sub(r"\2\1", text)
    return _REPEATED_MARK.sub(r"\1", text)


def fold(text: str) -> str:
    """The form in which texts are compared: one form, small letters, one kind of digit."""
    return same_form(text).casefold().translate(_THAI_DIGITS)


def bare(word: str) -> str:
    """A folded word without what is often left out or typed wrongly in Thai: tone marks and
    silent letters. Foreign words lose them first: เซิร์ฟเวอร์ is typed เซิฟเวอ too."""
    return _SILENT.sub("", word)


def runs(folded: str) -> list[str]:
    """Stretches of one script, in order: Thai (which may hold many words) or one other word."""
    return _RUN.findall(folded)


def is_thai(run: str) -> bool:
    return THAI.match(run) is not None


def singular(word: str) -> str | None:
    """An English word without the ending of its plural, if it has one."""
    if len(word) < 4 or not word.isascii() or word.endswith(("ss", "us", "is")):
        return None
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else None


def may_begin(character: str) -> bool:
    """Whether a word can start with this character."""
    return character not in _NEVER_FIRST


def starts(run: str) -> Iterator[int]:
    """The places in a run where a word can start."""
    return (at for at, character in enumerate(run) if may_begin(character))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else character
