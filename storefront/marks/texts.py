"""Marks in one text: a blank at the end of a line, a second blank inside a comment.

A place is known by what stands there and around it, without white space: so it is found again in a
file that was renamed, moved, indented anew or cut, and it is the same in another release.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from enum import IntEnum
from hashlib import blake2b
from typing import Final, NamedTuple

from storefront.marks.code import MarkKey
from storefront.marks.dialects import UNKNOWN, Dialect, dialect_of, held_lines

# Larger texts are data or bundles; they are left alone.
MOST_TEXT_BYTES: Final = 4 * 1024 * 1024
MANIFESTS: Final = ("fxmanifest.lua", "__resource.lua")

_LONGEST_CONTEXT: Final = 200
_NAME_LINE: Final = re.compile(
    r"^[ \t]*(?:--[ \t]*)?build_id[ \t]*\(?[ \t]*['\"]?([0-9A-HJKMNP-TV-Z]{20})\b[^\n]*(?:\n|\Z)",
    re.MULTILINE,
)
_RETURN: Final = re.compile(r"\breturn\b")


class Kind(IntEnum):
    """What carries a bit."""

    LINE_END = 0
    COMMENT = 1
    TIME = 2


class Place(NamedTuple):
    """A line that carries a bit, and the position of the code that it carries."""

    line: int
    kind: Kind
    position: int


def read_text(body: bytes) -> str | None:
    """The text of a file that may be touched; None for everything that is no plain text: compiled,
    encrypted or protected files, other encodings, files too large."""
    if len(body) > MOST_TEXT_BYTES or b"\0" in body or body.startswith((b"FXAP", b"\x1bLua")):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def is_manifest(path: str) -> bool:
    """Whether the game server reads this file as the manifest of a resource."""
    return path.rpartition("/")[2].lower() in MANIFESTS


def mark_text(text: str, path: str, *, key: MarkKey, mark: str, word: bytes) -> str:
    """The text with this mark; any mark it had is gone. The same mark again changes nothing."""
    dialect = dialect_of(path)
    if is_manifest(path):
        text = _whole(_NAME_LINE.sub("", text))
    if dialect is not None and dialect.is_safe(text):
        text = _set_places(text, dialect, key=key, word=word)
    if is_manifest(path):
        text += _name_line(text, key.token(mark, "manifest"))
    return text


def strip_text(text: str, path: str, *, key: MarkKey) -> str:
    """The text without any mark: as it was, but that lines which can carry one have no blanks at
    their end and one blank behind the sign of a comment, and that a manifest ends with a line."""
    dialect = dialect_of(path)
    if is_manifest(path):
        text = _whole(_NAME_LINE.sub("", text))
    if dialect is None or not dialect.is_safe(text):
        return text
    return _set_places(text, dialect, key=key, word=None)


def read_bits(text: str, path: str, *, key: MarkKey) -> array[int]:
    """What stands in the places of a text that may carry a mark, see `pack`."""
    text = _NAME_LINE.sub("", text)
    dialect = dialect_of(path)
    if dialect is None or not dialect.is_safe(text):
        dialect = UNKNOWN
    lines = text.split("\n")
    bits = array("H")
    for place in _places(text, lines, dialect, key):
        bits.append(pack(place.kind, place.position, _bit(lines[place.line], place.kind, dialect)))
    return bits


def find_names(text: str) -> frozenset[str]:
    """The names of marks that stand in clear in a text."""
    return frozenset(_NAME_LINE.findall(text))


def content_digest(body: bytes, text: str | None) -> str:
    """What a file is, whatever its name, its mark and its white space."""
    if text is not None:
        body = "".join(_NAME_LINE.sub("", text).split()).encode()
    return blake2b(body, digest_size=16).hexdigest()


def pack(kind: Kind, position: int, bit: int) -> int:
    """One bit that was read, with what carried it and its position, in 14 bits."""
    return position << 3 | kind << 1 | bit


def unpack(packed: int) -> tuple[int, int, int]:
    """Kind, position and bit."""
    return packed >> 1 & 3, packed >> 3, packed & 1


def _whole(text: str) -> str:
    """Ending with a line break, in the text's own way."""
    return text if not text or text.endswith("\n") else text + _break(text)


def _break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _name_line(text: str, token: str) -> str:
    # Nothing may follow a `return` but a comment; anything else is a field the server ignores.
    form = f"-- build_id {token}" if _RETURN.search(text) else f"build_id '{token}'"
    return form + _break(text)


def _places(text: str, lines: list[str], dialect: Dialect, key: MarkKey) -> Iterator[Place]:
    """All places in the order of the lines. The last piece is followed by no line break, so its
    end is not a place."""
    held = held_lines(text, dialect)
    bare = ["".join(line.split())[:_LONGEST_CONTEXT] for line in lines]
    after = _next_words(bare)
    before, blanks, goes_on = "", 0, False
    for at, line in enumerate(lines[:-1]):
        if bare[at]:
            blanks = 0
        else:
            blanks += 1
        body = line.removesuffix("\r")
        around = f"{before}\0{bare[at]}\0{after[at]}\0{blanks}"
        if not held[at]:
            if dialect.can_end(body):
                yield Place(at, Kind.LINE_END, key.position_of(around))
            if bare[at] and not goes_on and dialect.comment and dialect.comment.match(body):
                yield Place(at, Kind.COMMENT, key.position_of(f"comment\0{around}"))
        goes_on = body.rstrip(" \t").endswith("\\")
        before = bare[at] or before


def _next_words(bare: list[str]) -> list[str]:
    """For each line the next one that is not empty."""
    after, following = [""] * len(bare), ""
    for at in range(len(bare) - 1, -1, -1):
        after[at] = following
        following = bare[at] or following
    return after


def _set_places(text: str, dialect: Dialect, *, key: MarkKey, word: bytes | None) -> str:
    lines = text.split("\n")
    for place in _places(text, list(lines), dialect, key):
        bit = 0 if word is None else word[place.position]
        lines[place.line] = _with_bit(lines[place.line], place.kind, dialect, bit)
    return "\n".join(lines)


def _with_bit(line: str, kind: Kind, dialect: Dialect, bit: int) -> str:
    if kind is Kind.LINE_END:
        body = line.removesuffix("\r")
        return body.rstrip(" \t") + " " * bit + line[len(body) :]
    assert dialect.comment is not None  # noqa: S101 - only such dialects have these places
    return dialect.comment.sub(r"\1 " + " " * bit, line, count=1)


def _bit(line: str, kind: Kind, dialect: Dialect) -> int:
    if kind is Kind.LINE_END:
        return int(line.removesuffix("\r").endswith((" ", "\t")))
    match = dialect.comment.match(line) if dialect.comment else None
    return int(match is not None and match[0].endswith("  "))
