"""Words one slip of the finger away."""

from __future__ import annotations

from typing import Final

from storefront.catalog.search.text import is_thai

SHORTEST: Final = 3
LONGEST: Final = 24

_LATIN: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_THAI: Final = "".join(
    chr(code) for code in range(0x0E01, 0x0E4F) if code not in range(0x0E3B, 0x0E40)
)


def neighbours(word: str) -> set[str]:
    """Every text that one letter more, less, changed or exchanged makes of a word: about 1,000
    for ten letters. None for words too short to guess at; for those of three letters only two
    letters exchanged."""
    if not SHORTEST <= len(word) <= LONGEST:
        return set()
    pairs = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {head + tail[1] + tail[0] + tail[2:] for head, tail in pairs if len(tail) > 1}
    if len(word) > SHORTEST or is_thai(word):
        letters = _THAI if is_thai(word) else _LATIN
        found |= {head + tail[1:] for head, tail in pairs if tail}
        found |= {head + letter + tail[1:] for head, tail in pairs if tail for letter in letters}
        found |= {head + letter + tail for head, tail in pairs for letter in letters}
    found.discard(word)
    return found
