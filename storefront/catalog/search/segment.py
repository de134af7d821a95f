"""Cutting Thai into words. Only what runs in the worker imports this: the dictionary takes 20 MB.

Words are found by maximal matching (PyThaiNLP's newmm) in its dictionary and the shop's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from pythainlp.corpus import thai_words
from pythainlp.tokenize.newmm import segment

from storefront.catalog.search.text import LONGEST_WORD, bare, fold, is_thai, may_begin, runs

_BEGIN: Final = 3
REMEMBERED_RUNS: Final = 50_000


class Dictionary:
    """The words newmm may choose from: it asks for nothing but those that begin at a place.

    PyThaiNLP's own trie of its 62,000 words takes 63 MB; a set takes a sixth, and the longest
    word per beginning keeps the look-ups few.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words: set[str] = set()
        self._longest: dict[str, int] = {}
        for word in words:
            self.add(word)

    def __contains__(self, word: object) -> bool:
        return word in self._words

    def __len__(self) -> int:
        return len(self._words)

    def add(self, word: str) -> None:
        """Know one more word."""
        self._words.add(word)
        begin = word[:_BEGIN]
        self._longest[begin] = max(len(word), self._longest.get(begin, 0))

    def remove(self, word: str) -> None:
        """Forget a word."""
        self._words.discard(word)

    def prefixes(self, text: str, start: int = 0) -> list[str]:
        """The words that begin at `start`, shorter ones first."""
        longest = max(
            self._longest.get(text[start : start + size], 0) for size in range(1, _BEGIN + 1)
        )
        pieces = (text[start:end] for end in range(start + 1, min(len(text), start + longest) + 1))
        return [piece for piece in pieces if piece in self._words]


class Segmenter:
    """Cuts Thai runs, knowing the words of the shop besides those of the language. There is one
    per process, `the_segmenter`, because two dictionaries would take the room of two."""

    def __init__(self) -> None:
        self._language = frozenset(fold(word) for word in thai_words())
        self._dictionary = Dictionary(self._language)
        self._own: frozenset[str] = frozenset()
        self._seen: dict[str, tuple[str, ...]] = {}

    def know(self, own: frozenset[str]) -> None:
        """From now on these are the words of the shop."""
        if own == self._own:
            return
        for word in self._own - own - self._language:
            self._dictionary.remove(word)
        for word in own - self._own:
            self._dictionary.add(word)
        self._own = own
        self._seen.clear()

    def cut(self, run: str) -> tuple[str, ...]:
        """The words of a folded Thai run. A compound is followed by its parts, so that each finds
        it; single letters that belong to no word are left out."""
        if (known := self._seen.get(run)) is not None:
            return known
        words: list[str] = []
        for word in self.split(run):
            if len(word) > 1 and may_begin(word[0]):
                words += [word, *self._parts(word)]
        result = tuple(dict.fromkeys(words))
        if len(self._seen) >= REMEMBERED_RUNS:
            self._seen.clear()
        self._seen[run] = result
        return result

    def split(self, run: str) -> list[str]:
        """The words of a Thai run as it is written; joined they are the run."""
        # It asks the dictionary for `prefixes` alone.
        return list(segment(run, custom_dict=self._dictionary))  # type: ignore[arg-type]

    def unknown_words(self, text: str) -> list[str]:
        """Thai words of a name that no dictionary holds, at most 40 letters each: an unknown word
        between known ones, or the whole run where single letters are left over."""
        found = []
        for run in runs(fold(text)):
            if not is_thai(run) or len(run) < 3:
                continue
            cut = self.split(run)
            if any(len(word) < 2 for word in cut):
                found.append(run)
            else:
                found += [word for word in cut if len(word) > 2 and word not in self._dictionary]
        return [word for word in found if len(word) <= LONGEST_WORD]

    def _parts(self, word: str) -> tuple[str, ...]:
        """The fewest words of two letters and more that make up a word without rest; none for
        short words, which would fall into meaningless pieces."""
        if len(bare(word)) < 5:
            return ()
        best: list[tuple[str, ...] | None] = [(), *[None] * len(word)]
        for end in range(2, len(word) + 1):
            # Not from the very beginning to the very end: that is the word itself.
            for begin in range(0 if end < len(word) else 1, end - 1):
                head, part = best[begin], word[begin:end]
                if head is None or part not in self._language or not may_begin(part[0]):
                    continue
                current = best[end]
                if current is None or len(head) + 1 < len(current):
                    best[end] = (*head, part)
        return best[len(word)] or ()


@lru_cache(maxsize=1)
def the_segmenter() -> Segmenter:
    """The one of this process, made when it is first needed."""
    return Segmenter()


def split_run(run: str) -> list[str]:
    """The words of a Thai run, for breaking lines; joined they are the run."""
    return the_segmenter().split(run)
