"""Marks in a whole archive: in its texts, in its manifests, and in the archive's own records.

Memory is bounded by one text of `MOST_TEXT_BYTES` and the table of contents; what is not touched is
taken over packed. Archives come in checked (see `storefront.catalog.archives`).
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from storefront.errors import Invalid
from storefront.marks.code import TOKEN_SYMBOLS, MarkKey
from storefront.marks.protection import Protection, is_telling, plan_protection
from storefront.marks.texts import (
    MOST_TEXT_BYTES,
    Kind,
    content_digest,
    find_names,
    mark_text,
    pack,
    read_bits,
    read_text,
)
from storefront.marks.zip_writing import ZipWriter, dos_time_of

MANIFEST, COMMENT, RECORD = "manifest", "archive", "record"

# A header id that PKWARE has given to nobody (4.5.2).
_RECORD_ID: Final = 0x7151
_COMMENT_LINE: Final = re.compile(rb"build ([0-9A-HJKMNP-TV-Z]{20})")
_PART_BYTES: Final = 1024 * 1024
_BROKEN: Final = (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


@dataclass(frozen=True, slots=True)
class MarkedArchive:
    """What was made: its size in bytes, its SHA-256 in hexadecimal, how many of its files carry
    marks in their text, and how many files it has."""

    size_bytes: int
    sha256: str
    marked_files: int
    files: int


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What one file of a leak says: bits as `texts.pack` puts them."""

    name: str
    bits: array[int]


@dataclass(slots=True)
class Reading:
    """What a leak says: its files, and the names that stand in clear by where they were found."""

    files: list[ReadFile] = field(default_factory=list)
    names: dict[str, frozenset[str]] = field(default_factory=dict)
    unread: int = 0

    def add_names(self, place: str, names: frozenset[str]) -> None:
        """Take down names that were found."""
        if names:
            self.names[place] = self.names.get(place, frozenset()) | names


def mark_archive(source: IO[bytes], into: IO[bytes], *, key: MarkKey, mark: str) -> MarkedArchive:
    """Write a copy of an archive that carries this mark. The same mark gives the same bytes.

    Both files must be seekable, `into` readable as well. Raises Invalid `archive_broken`.
    """
    try:
        with ZipFile(source) as archive:
            marked, files = _write_copy(archive, source, ZipWriter(into), key=key, mark=mark)
    except _BROKEN as error:
        raise Invalid("archive_broken", str(error)) from error
    size = into.tell()
    into.seek(0)
    digest = hashlib.sha256()
    while part := into.read(_PART_BYTES):
        digest.update(part)
    return MarkedArchive(size, digest.hexdigest(), marked, files)


def read_archive(source: IO[bytes], *, key: MarkKey) -> Reading:
    """Everything in a leaked archive that may be a mark. Raises Invalid `archive_broken`; single
    files that cannot be read are counted and left out."""
    reading = Reading()
    try:
        with ZipFile(source) as archive:
            reading.add_names(COMMENT, _names_in(archive.comment))
            for entry in archive.infolist():
                reading.add_names(RECORD, _names_in_record(entry.extra))
                if not entry.is_dir():
                    _read_entry(archive, entry, reading, key)
    except (BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise Invalid("archive_broken", str(error)) from error
    return reading


def read_single(body: bytes, name: str, *, key: MarkKey) -> Reading:
    """The same for one file that leaked alone. Raises Invalid `leak_no_text`."""
    text = read_text(body)
    if text is None:
        raise Invalid("leak_no_text", name)
    reading = Reading(files=[ReadFile(name, read_bits(text, name, key=key))])
    reading.add_names(MANIFEST, find_names(text))
    return reading


def _write_copy(
    archive: ZipFile, source: IO[bytes], writer: ZipWriter, *, key: MarkKey, mark: str
) -> tuple[int, int]:
    entries, word = archive.infolist(), key.word(mark)
    protection = _protection_of(archive, entries)
    record = _record(key.token(mark, RECORD))
    marked = 0
    for entry in entries:
        body = b"" if entry.is_dir() else _small_body(archive, entry)
        text = None if entry.is_dir() or body is None else read_text(body)
        time = dos_time_of(entry, bit=word[_time_position(key, entry, body, text)])
        changed = None
        if text is not None and not protection.holds(entry.filename):
            changed = mark_text(text, entry.filename, key=key, mark=mark, word=word)
        if changed is None or changed == text:
            writer.copy(source, entry, dos_time=time, extra=record)
        else:
            writer.write(entry, changed.encode(), dos_time=time, extra=record)
            marked += 1
    writer.finish(_with_name(archive.comment, key.token(mark, COMMENT)))
    return marked, sum(not entry.is_dir() for entry in entries)


def _read_entry(archive: ZipFile, entry: ZipInfo, reading: Reading, key: MarkKey) -> None:
    try:
        body = _small_body(archive, entry)
    except _BROKEN:
        reading.unread += 1
        return
    text = None if body is None else read_text(body)
    bits = array("H")
    if text is not None:
        bits = read_bits(text, entry.filename, key=key)
        reading.add_names(MANIFEST, find_names(text))
    position = _time_position(key, entry, body, text)
    bits.append(pack(Kind.TIME, position, entry.date_time[5] // 2 & 1))
    reading.files.append(ReadFile(entry.filename, bits))


def _small_body(archive: ZipFile, entry: ZipInfo) -> bytes | None:
    """The content where it can be a text; None where it is too large to be looked at."""
    if entry.file_size > MOST_TEXT_BYTES:
        return None
    with archive.open(entry) as opened:
        return opened.read(MOST_TEXT_BYTES + 1)


def _protection_of(archive: ZipFile, entries: list[ZipInfo]) -> Protection:
    def telling() -> Iterator[tuple[str, str]]:
        for entry in entries:
            if is_telling(entry.filename):
                body = _small_body(archive, entry)
                yield entry.filename, (body or b"").decode(errors="replace")

    return plan_protection([entry.filename for entry in entries], dict(telling()))


def _time_position(key: MarkKey, entry: ZipInfo, body: bytes | None, text: str | None) -> int:
    """Times survive unpacking and packing again, so they belong to a content, not to a name."""
    what = f"{entry.CRC} {entry.file_size}" if body is None else content_digest(body, text)
    return key.position_of(f"time\0{what}")


def _record(token: str) -> bytes:
    return struct.pack("<2H", _RECORD_ID, TOKEN_SYMBOLS) + token.encode()


def _names_in_record(extra: bytes) -> frozenset[str]:
    at = extra.find(struct.pack("<2H", _RECORD_ID, TOKEN_SYMBOLS))
    found = extra[at + 4 : at + 4 + TOKEN_SYMBOLS]
    return _names_in(b"build " + found) if at >= 0 else frozenset()


def _names_in(comment: bytes) -> frozenset[str]:
    return frozenset(name.decode() for name in _COMMENT_LINE.findall(comment))


def _with_name(comment: bytes, token: str) -> bytes:
    """The archive's comment and our line; it has room for 65,535 bytes (4.4.12)."""
    line = f"build {token}".encode()
    kept = _COMMENT_LINE.sub(b"", comment).rstrip()[: 0xFFFF - len(line) - 1]
    return kept + b"\n" + line if kept else line


def kinds_in(reading: Reading) -> Counter[int]:
    """How many bits of each kind were read."""
    return Counter(packed >> 1 & 3 for file in reading.files for packed in file.bits)
