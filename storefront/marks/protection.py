"""Which files of an archive are left as they are, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from storefront.marks.texts import MANIFESTS

_LIST: Final = re.compile(r"\bescrow_ignore\b\s*\(?\s*(\{[^}]*\}|'[^'\n]*'|\"[^\"\n]*\")")
_ITEM: Final = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")
_SUMS: Final = re.compile(
    r"(?:^|/)(?:(?:sha|md5|blake)[\w-]*sums?|checksums?)[^/]*$|\.(?:sha\d+|md5)$"
)
_INTEGRITY: Final = re.compile(r"\bintegrity\s*=|['\"\s]sha(?:256|384|512)-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Escrow:
    """A resource under the platform's own file protection: only what its manifest leaves out of it
    may change. `folder` ends with a slash or is empty."""

    folder: str
    open_to_owner: tuple[str, ...]

    def holds(self, path: str) -> bool:
        """Whether this file must stay as it is."""
        if not path.startswith(self.folder):
            return False
        inside = path.removeprefix(self.folder)
        return not any(fnmatchcase(inside, pattern) for pattern in self.open_to_owner)


@dataclass(frozen=True, slots=True)
class Protection:
    """What must not change in one archive."""

    escrows: tuple[Escrow, ...] = ()
    has_sums: bool = False
    has_page_sums: bool = False

    def holds(self, path: str) -> bool:
        """Whether this file must stay as it is."""
        if self.has_sums or path.lower().endswith(".fxap"):
            return True
        is_of_pages = path.lower().endswith((".js", ".mjs", ".css", ".html", ".htm"))
        if is_of_pages and self.has_page_sums:
            return True
        return any(escrow.holds(path) for escrow in self.escrows)


def plan_protection(paths: list[str], texts: Mapping[str, str]) -> Protection:
    """What the names of all files, and the texts of manifests and pages, say about protection."""
    folders = [
        path.rpartition("/")[0] + "/" if "/" in path else ""
        for path in paths
        if path.rpartition("/")[2].lower() == ".fxap"
    ]
    return Protection(
        escrows=tuple(Escrow(folder, _left_open(folder, texts)) for folder in folders),
        has_sums=any(_SUMS.search(path.lower()) for path in paths),
        has_page_sums=any(
            path.lower().endswith((".html", ".htm")) and _INTEGRITY.search(text)
            for path, text in texts.items()
        ),
    )


def is_telling(path: str) -> bool:
    """Whether the text of this file says something about protection."""
    name = path.rpartition("/")[2].lower()
    return name in MANIFESTS or name.endswith((".html", ".htm"))


def _left_open(folder: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in MANIFESTS:
        for match in _LIST.finditer(texts.get(folder + name, "")):
            found += [one or other for one, other in _ITEM.findall(match[1])]
    # A * crosses folders here, which the platform's does not: what that opens too much is
    # encrypted, so it is no text and stays as it is.
    return tuple(pattern.replace("**", "*") for pattern in found)
