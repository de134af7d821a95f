"""What an uploaded archive really holds: every entry is unpacked into nowhere, to see what its
table of contents may lie about. Nothing is executed, or written under a name of the archive.

The file format is PKWARE's APPNOTE 6.3.10; numbers of sections below are from there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipInfo

from storefront.catalog.archive_findings import (
    HEAD_BYTES,
    MOST_FINDINGS,
    Finding,
    FindingKind,
    FoundFile,
    judge_file,
    judge_names,
)
from storefront.catalog.archive_names import is_safe_path, other_names
from storefront.catalog.archives import (
    MOST_ENTRIES,
    MOST_UNPACKED_BYTES,
    ArchiveFacts,
    digest,
    read_table,
)
from storefront.errors import Invalid

# An archive in an archive in an archive; quines have no end.
DEEPEST: Final = 3

_LOCAL: Final = b"PK\x03\x04"
_LOCAL_BYTES: Final = 30
_UTF8: Final = 0x800
_TAKEN_BYTES: Final = 64 * 1024
_GIVEN_BYTES: Final = 1024 * 1024
_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_NOTHING_INSIDE: Final = frozenset({"archive_empty"})
# Of an archive inside the archive these only mean that nobody can look into it.
_CLOSED: Final = frozenset({"archive_broken", "archive_encrypted", "archive_method"})


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What an archive is and what staff should know of it: the first hundred findings, and how many
    more there were."""

    facts: ArchiveFacts
    findings: tuple[Finding, ...]
    left_out: int


def inspect_contents(body: IO[bytes]) -> ArchiveReport:
    """Judge a seekable archive by all it holds, archives inside it too. Memory is bounded, and so
    is the work: 2 GB unpacked and 5,000 files over everything.

    Raises Invalid like `read_table`, and `archive_bomb` for sizes that are a lie, entries that
    share their bytes and archives nested more than three deep, `archive_method` for a compression
    that game servers' tools do not all know.
    """
    looking = _Looking()
    entries = looking.into(body, place="", depth=1)
    names = [entry.filename for entry in entries if not entry.is_dir()]
    findings = [*judge_names(names), *looking.findings]
    facts = ArchiveFacts(body.seek(0, 2), digest(body), len(names))
    kept = tuple(findings[:MOST_FINDINGS])
    return ArchiveReport(facts, kept, looking.left_out + len(findings) - len(kept))


class _Looking:
    """One inspection: what was found, and what is used up of its limits."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.left_out = 0
        self._unpacked = 0
        self._entries = 0

    def into(self, body: IO[bytes], *, place: str, depth: int) -> Sequence[ZipInfo]:
        if depth > DEEPEST:
            raise Invalid("archive_bomb", f"more than {DEEPEST} archives in each other")
        entries = read_table(body)
        self._entries += len(entries)
        if self._entries > MOST_ENTRIES:
            raise Invalid("archive_too_many_files", f"{self._entries} entries in all")
        starts = _find_data(body, entries)
        for entry in entries:
            if not entry.is_dir():
                self._file(body, entry, starts[entry.header_offset], place=place, depth=depth)
            elif entry.file_size:
                raise Invalid("archive_broken", f"a folder with content: {entry.filename!r}")
        return entries

    def _file(self, body: IO[bytes], entry: ZipInfo, start: int, *, place: str, depth: int) -> None:
        path = place + entry.filename
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as inner:
            head = b""
            for part in _unpack(body, entry, start):
                self._unpacked += len(part)
                if self._unpacked > MOST_UNPACKED_BYTES:
                    raise Invalid("archive_bomb", f"more than {MOST_UNPACKED_BYTES} bytes")
                head += part[: HEAD_BYTES - len(head)]
                # It may be one still: a stream can give its first bytes one by one.
                if _LOCAL.startswith(head[: len(_LOCAL)]):
                    inner.write(part)
            self._note(judge_file(FoundFile(path, head, entry.external_attr >> 16)))
            if head.startswith(_LOCAL):
                self._nested(inner, path, depth=depth)

    def _nested(self, inner: IO[bytes], path: str, *, depth: int) -> None:
        try:
            self.into(inner, place=f"{path} > ", depth=depth + 1)
        except Invalid as refusal:
            if refusal.code in _CLOSED:
                self._note(Finding(FindingKind.SEALED, path))
            elif refusal.code not in _NOTHING_INSIDE:
                raise

    def _note(self, finding: Finding | None) -> None:
        if finding is None:
            return
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)
        else:
            self.left_out += 1


def _find_data(body: IO[bytes], entries: Sequence[ZipInfo]) -> dict[int, int]:
    """By the place of each local header (4.3.7), where its data begins. Two entries that share a
    byte are a bomb; a header that says otherwise than the table hides something."""
    starts: dict[int, int] = {}
    free_from = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < free_from:
            raise Invalid("archive_bomb", f"shares its bytes: {entry.filename!r}")
        start = _check_local(body, entry)
        starts[entry.header_offset] = start
        free_from = start + entry.compress_size
    return starts


def _check_local(body: IO[bytes], entry: ZipInfo) -> int:
    body.seek(entry.header_offset)
    header = body.read(_LOCAL_BYTES)
    if len(header) < _LOCAL_BYTES or not header.startswith(_LOCAL):
        raise Invalid("archive_broken", f"no header: {entry.filename!r}")
    flags, method = (int.from_bytes(header[at : at + 2], "little") for at in (6, 8))
    name_bytes, extra_bytes = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    raw = body.read(name_bytes)
    name = raw.decode("utf-8" if flags & _UTF8 else "cp437", errors="replace")
    if name != entry.orig_filename or method != entry.compress_type:
        raise Invalid("archive_broken", f"two names of one entry: {entry.filename!r}")
    if not all(is_safe_path(other) for other in other_names(body.read(extra_bytes))):
        raise Invalid("archive_bad_path", repr(entry.filename))
    return entry.header_offset + _LOCAL_BYTES + name_bytes + extra_bytes


def _unpack(body: IO[bytes], entry: ZipInfo, start: int) -> Iterator[bytes]:
    """The content of an entry in small parts. Raises Invalid at the first byte more than the table
    says, and at the end when there were fewer or others."""
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Invalid("archive_method", f"{entry.compress_type}: {entry.filename!r}")
    size = checksum = 0
    packed = _packed(body, entry, start)
    parts = _inflate(packed, entry) if entry.compress_type == ZIP_DEFLATED else packed
    for part in parts:
        size += len(part)
        if size > entry.file_size:
            raise Invalid("archive_bomb", f"larger than it says: {entry.filename!r}")
        checksum = zlib.crc32(part, checksum)
        yield part
    if size != entry.file_size or checksum != entry.CRC:
        raise Invalid("archive_broken", f"not what it says: {entry.filename!r}")


def _packed(body: IO[bytes], entry: ZipInfo, start: int) -> Iterator[bytes]:
    left = entry.compress_size
    at = start
    while left:
        # Whoever reads between two parts moves the place.
        body.seek(at)
        part = body.read(min(left, _TAKEN_BYTES))
        if not part:
            raise Invalid("archive_broken", f"ends too early: {entry.filename!r}")
        at += len(part)
        left -= len(part)
        yield part


def _inflate(packed: Iterator[bytes], entry: ZipInfo) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for part in packed:
            waiting = part
            while waiting and not stream.eof:
                given = stream.decompress(waiting, _GIVEN_BYTES)
                waiting = stream.unconsumed_tail
                if given:
                    yield given
            if stream.eof:
                break
        while not stream.eof and (given := stream.decompress(b"", _GIVEN_BYTES)):
            yield given
    except zlib.error as error:
        raise Invalid("archive_broken", f"{entry.filename!r}: {error}") from error
    if not stream.eof or stream.unused_data or next(packed, b""):
        raise Invalid("archive_broken", f"hides bytes: {entry.filename!r}")
