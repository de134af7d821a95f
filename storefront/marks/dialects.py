"""Which lines of a text may end with a space, or have a second one inside a comment, without
anything changing for whoever runs it.

No language is parsed. Where a line could stand inside a text of several lines, everything that
might be inside is left alone: too much rather than too little.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

Ranges = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a sort of file may be marked. `is_safe` judges the whole text, `ranges` the stretches
    that stay as they are, `can_end` a line without its ending; `comment` matches a line that is
    one comment, up to the blanks behind its sign."""

    name: str
    is_safe: Callable[[str], bool]
    ranges: Callable[[str], Ranges]
    can_end: Callable[[str], bool]
    comment: re.Pattern[str] | None = None


# What tools read in comments, and blanks there might matter to them.
_WORDS_OF_TOOLS: Final = (
    r"(?!(?:eslint|prettier|biome|jshint|jslint|tslint|istanbul|webpack|vite|globals?|exported"
    r"|luacheck|stylua|language|region|endregion|noinspection|source)\b)"
)


def _comment(sign: str) -> re.Pattern[str]:
    return re.compile(rf"([ \t]*{sign})  ?(?=[^\W\d_]){_WORDS_OF_TOOLS}", re.IGNORECASE)


def dialect_of(path: str) -> Dialect | None:
    """How files of this name are marked; None when they are left alone."""
    return _BY_ENDING.get(PurePosixPath(path.lower()).suffix)


def held_lines(text: str, dialect: Dialect) -> bytearray:
    """For each line 1 where it must stay as it is, because a stretch over several lines begins,
    goes on or ends there."""
    breaks = [match.start() for match in re.finditer("\n", text)]
    changes = [0] * (len(breaks) + 2)
    for start, end in dialect.ranges(text):
        first, last = bisect_left(breaks, start), bisect_left(breaks, end)
        if last > first:
            changes[first] += 1
            changes[last + 1] -= 1
    held, depth = bytearray(len(breaks) + 1), 0
    for line in range(len(held)):
        depth += changes[line]
        held[line] = depth > 0
    return held


def _long_brackets(text: str) -> Ranges:
    """From everything that could open a long string or comment of Lua to what would close it. The
    real ones are among them, whatever stands in strings and comments."""
    closers: dict[str, list[int]] = {}
    for match in re.finditer(r"(?=\](=*)\])", text):
        closers.setdefault(match[1], []).append(match.start())
    found: Ranges = []
    for match in re.finditer(r"(?=\[(=*)\[)", text):
        ends = closers.get(match[1], [])
        at = bisect_right(ends, match.start() + len(match[1]) + 1)
        found.append((match.start(), ends[at] + 1 if at < len(ends) else len(text)))
    return found


def _backticks(text: str) -> Ranges:
    """All template literals lie between the first and the last backtick."""
    first = text.find("`")
    return [] if first < 0 else [(first, text.rfind("`"))]


def _fences(text: str) -> Ranges:
    fences = [match.start() for match in re.finditer(r"```|~~~", text)]
    return [(fences[0], fences[-1])] if fences else []


def _nothing(_text: str) -> Ranges:
    return []


def _always(_text: str) -> bool:
    return True


def _goes_on(line: str) -> bool:
    """Whether a string might go on in the next line."""
    return line.rstrip(" \t").endswith("\\")


def _code_line(line: str) -> bool:
    return not _goes_on(line) and "sourceMappingURL" not in line


def _is_plain_lua(text: str) -> bool:
    # \z swallows the line break after it, so that a string may begin a line like a comment does.
    return re.search(r"\\z[ \t\r]*$", text, re.MULTILINE) is None


def _has_no_odd_quote(text: str) -> bool:
    """No string of SQL crosses a line: every line opens and closes its quotes."""
    if "\\" in text:
        return False
    return all(line.count(quote) % 2 == 0 for line in text.split("\n") for quote in "'\"`")


def _sql_line(line: str) -> bool:
    bare = line.strip()
    return not bare or bare.startswith("--") or bare.endswith((",", ";", "("))


def _has_no_long_property(text: str) -> bool:
    """Custom properties keep their white space, and scripts can read it."""
    return re.search(r"--[\w-]+\s*:[^;{}\n]*\n", text) is None


def _css_line(line: str) -> bool:
    return line.rstrip().endswith(("{", "}", ";", "*/"))


def _keeps_no_blanks(text: str) -> bool:
    marks = r"<(?:pre|textarea|xmp|listing|plaintext)\b|white-space|xml:space"
    return re.search(marks, text, re.IGNORECASE) is None


def _tag_line(line: str) -> bool:
    bare = line.strip()
    whole = bare.startswith("<") and bare.endswith(">")
    return whole and bare.count('"') % 2 == 0 and bare.count("'") % 2 == 0


def _is_json(text: str) -> bool:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


def _any_line(_line: str) -> bool:
    return True


def _is_plain_markdown(text: str) -> bool:
    return not text.startswith("---") and re.search(r"<pre\b", text, re.IGNORECASE) is None


def _markdown_line(line: str) -> bool:
    """Two blanks at the end, or a backslash, are a line break; four in front are code."""
    if line.startswith(("    ", "\t")) or _goes_on(line):
        return False
    return not line.endswith(("  ", "\t", "\t "))


def _setting_line(line: str) -> bool:
    bare = line.strip()
    return not bare or bare.startswith(("#", "//"))


_LUA: Final = Dialect("lua", _is_plain_lua, _long_brackets, _code_line, _comment("--"))
_SCRIPT: Final = Dialect("js", _always, _backticks, _code_line, _comment("//"))
# Between the tags of JSX a line that begins with // is text.
_JSX: Final = Dialect("jsx", _always, _backticks, _code_line)
_STYLE: Final = Dialect("css", _has_no_long_property, _nothing, _css_line, _comment(r"/\*"))
_PAGE: Final = Dialect("html", _keeps_no_blanks, _backticks, _tag_line)
_JSON: Final = Dialect("json", _is_json, _nothing, _any_line)
_MARKDOWN: Final = Dialect("md", _is_plain_markdown, _fences, _markdown_line)
_SETTINGS: Final = Dialect("cfg", _always, _nothing, _setting_line, _comment("#"))
_SQL: Final = Dialect("sql", _has_no_odd_quote, _nothing, _sql_line, _comment("--"))
# For reading only: a file whose name says nothing.
UNKNOWN: Final = Dialect("?", _always, _nothing, _any_line, _comment(r"(?:--|//|/\*|#)"))

_BY_ENDING: Final = {
    ".lua": _LUA,
    ".js": _SCRIPT,
    ".mjs": _SCRIPT,
    ".cjs": _SCRIPT,
    ".ts": _SCRIPT,
    ".jsx": _JSX,
    ".tsx": _JSX,
    ".css": _STYLE,
    ".scss": _STYLE,
    ".less": _STYLE,
    ".html": _PAGE,
    ".htm": _PAGE,
    ".json": _JSON,
    ".md": _MARKDOWN,
    ".cfg": _SETTINGS,
    ".ini": _SETTINGS,
    ".conf": _SETTINGS,
    ".sql": _SQL,
}
