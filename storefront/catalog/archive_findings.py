"""What staff should know about the files of an archive before it is published."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

# So many bytes from the beginning of a file say what it is.
HEAD_BYTES: Final = 16
MOST_FINDINGS: Final = 100

_PROGRAMS: Final = (
    b"\x7fELF",
    b"MZ",
    # Mach-O in both byte orders and as a bundle of several; the last is also Java's.
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
    b"\xca\xfe\xba\xbe",
)
_PROGRAM_ENDINGS: Final = frozenset(
    {".exe", ".dll", ".so", ".dylib", ".com", ".scr", ".msi", ".jar", ".cpl", ".sys", ".lnk"}
)
_SCRIPT_ENDINGS: Final = frozenset(
    {".bat", ".cmd", ".ps1", ".psm1", ".vbs", ".vbe", ".wsf", ".wsh", ".hta", ".reg"}
)
_SEALED: Final = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_MANIFESTS: Final = frozenset({"fxmanifest.lua", "__resource.lua"})
_PROTECTED: Final = b"FXAP"


class FindingKind(StrEnum):
    """What was found. Everything but `protected` has to be confirmed by staff."""

    PROGRAM = "program"
    SCRIPT = "script"
    SEALED = "sealed"
    NO_MANIFEST = "no_manifest"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found; `path` is the name inside the archive, with ` > ` between archives
    in archives, and empty when it is about all of them."""

    kind: FindingKind
    path: str = ""

    @property
    def is_warning(self) -> bool:
        """Whether somebody has to say that this belongs in there."""
        return self.kind is not FindingKind.PROTECTED


@dataclass(frozen=True, slots=True)
class FoundFile:
    """What is known of one file: its name, its first bytes, its Unix permissions."""

    path: str
    head: bytes
    mode: int


def judge_file(file: FoundFile) -> Finding | None:
    """What there is to say about a file, by its content first and its name second."""
    ending = PurePosixPath(file.path).suffix.lower()
    if file.head.startswith(_PROGRAMS) or ending in _PROGRAM_ENDINGS:
        return Finding(FindingKind.PROGRAM, file.path)
    is_run = file.head.startswith(b"#!") and file.mode & (
        stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
    )
    if is_run or ending in _SCRIPT_ENDINGS:
        return Finding(FindingKind.SCRIPT, file.path)
    if file.head.startswith(_SEALED):
        return Finding(FindingKind.SEALED, file.path)
    if file.head.startswith(_PROTECTED) or ending == ".fxap":
        return Finding(FindingKind.PROTECTED, file.path)
    return None


def judge_names(paths: Iterable[str]) -> Sequence[Finding]:
    """What there is to say about the archive as a whole: a game server starts no resource without
    a manifest."""
    if any(PurePosixPath(path).name in _MANIFESTS for path in paths):
        return ()
    return (Finding(FindingKind.NO_MANIFEST),)


def as_json(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Findings for a JSON column."""
    return [{"kind": one.kind.value, "path": one.path} for one in findings]


def from_json(stored: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """What `as_json` wrote."""
    return tuple(Finding(FindingKind(one["kind"]), str(one["path"])) for one in stored)
