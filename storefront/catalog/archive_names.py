"""Names inside uploaded archives: what every system can unpack, below the folder it unpacks into.

Numbers of sections are from PKWARE's APPNOTE 6.3.10. The names Windows keeps for devices:
https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

LONGEST_PATH: Final = 255

_FORBIDDEN: Final = frozenset('\\:*?"<>|\x7f')
# These turn the direction of writing: a name reads as another than it is.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE
)
_UNICODE_PATH: Final = 0x7075


def is_safe_path(path: str) -> bool:
    """Relative, and on every system a name of its own (4.4.17.1)."""
    if not path or len(path) > LONGEST_PATH or path.startswith("/"):
        return False
    if any(symbol in _FORBIDDEN or symbol in _TURNING or ord(symbol) < 32 for symbol in path):
        return False
    return all(_is_safe_part(part) for part in path.removesuffix("/").split("/"))


def find_clash(paths: Iterable[str]) -> str | None:
    """The first name that would land on another one where capitals do not count, or where a file
    stands in the way of a folder; None when all can lie side by side."""
    files: set[str] = set()
    folders: set[str] = set()
    spelled: dict[str, str] = {}
    for path in paths:
        parts = path.removesuffix("/").split("/")
        is_folder = path.endswith("/")
        for place in range(1, len(parts) + 1):
            whole = "/".join(parts[:place])
            same = unicodedata.normalize("NFC", whole).casefold()
            if spelled.setdefault(same, whole) != whole:
                return path
            (folders if place < len(parts) or is_folder else files).add(same)
            if same in files and same in folders:
                return path
    return None


def other_names(extra: bytes) -> Iterator[str]:
    """The names an entry carries beside its own (4.6.9), which some programs unpack it as. What
    cannot be read as one comes as an empty name, which is not safe."""
    while len(extra) >= 4:
        kind = int.from_bytes(extra[:2], "little")
        length = int.from_bytes(extra[2:4], "little")
        if kind == _UNICODE_PATH:
            try:
                yield extra[9 : 4 + length].decode()
            except UnicodeDecodeError:
                yield ""
        extra = extra[4 + length :]


def _is_safe_part(part: str) -> bool:
    # Windows drops dots and spaces at the end, and so would one name become another.
    if part in (".", "..", "") or part.endswith((".", " ")):
        return False
    return _DEVICE.fullmatch(part) is None
