"""Uploaded archives of releases: judged by their table of contents, nothing is unpacked. What they
hold is judged in `archive_contents`.

The file format is PKWARE's APPNOTE 6.3.10; numbers of sections below are from there.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from storefront.catalog.archive_names import LONGEST_PATH, find_clash, is_safe_path, other_names
from storefront.errors import Invalid

MOST_BYTES: Final = 512 * 1024 * 1024
# What goes through the web server in one form.
MOST_FORM_BYTES: Final = 64 * 1024 * 1024
MOST_ENTRIES: Final = 5_000
MOST_UNPACKED_BYTES: Final = 2 * 1024 * 1024 * 1024
MOST_RATIO: Final = 200

_MOST_TABLE_BYTES: Final = MOST_ENTRIES * 512
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_LONGEST_COMMENT: Final = 0xFFFF
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES: Final = 20
_ENCRYPTED: Final = 0x1
# Bit 5: compressed patched data (4.4.4), which nothing of today unpacks.
_PATCHED: Final = 0x20
_PART_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What an archive is: its size in bytes, its SHA-256 in hexadecimal, and its files."""

    size_bytes: int
    sha256: str
    entries: int


def inspect_archive(body: IO[bytes]) -> ArchiveFacts:
    """Judge a seekable upload by its content. Memory is bounded whatever the file claims.

    Raises Invalid like `read_table`.
    """
    entries = read_table(body)
    files = sum(1 for entry in entries if not entry.is_dir())
    return ArchiveFacts(body.seek(0, 2), digest(body), files)


def read_table(body: IO[bytes]) -> Sequence[ZipInfo]:
    """The entries of an archive, once its table of contents is good.

    Raises Invalid: `archive_too_heavy`, `archive_wrong_type`, `archive_broken`, `archive_empty`,
    `archive_too_many_files`, `archive_bomb`, `archive_encrypted`, `archive_bad_path`,
    `archive_same_names`, `archive_links`.
    """
    size = body.seek(0, 2)
    if size > MOST_BYTES:
        raise Invalid("archive_too_heavy", f"{size} bytes")
    body.seek(0)
    if body.read(4) not in (b"PK\x03\x04", _END):
        raise Invalid("archive_wrong_type")
    _check_table(body, size)
    try:
        with ZipFile(body) as archive:
            entries = archive.infolist()
    except (BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise Invalid("archive_broken", str(error)) from error
    _check_entries(entries, size)
    return entries


def digest(body: IO[bytes]) -> str:
    """The SHA-256 of a seekable file in hexadecimal."""
    body.seek(0)
    hashed = sha256()
    while part := body.read(_PART_BYTES):
        hashed.update(part)
    return hashed.hexdigest()


def _check_table(body: IO[bytes], size: int) -> None:
    """The end record (4.3.16) says how long the table is. `ZipFile` reads all of it and keeps an
    object for each entry, so the length is bounded before it may."""
    tail_bytes = min(size, _END_BYTES + _LONGEST_COMMENT + _ZIP64_LOCATOR_BYTES)
    body.seek(size - tail_bytes)
    tail = body.read(tail_bytes)
    at = tail.rfind(_END)
    if at < 0 or at + _END_BYTES > len(tail):
        raise Invalid("archive_broken", "no end record")
    # An archive this small never needs the larger numbers; they would only hide the real ones.
    if tail[max(0, at - _ZIP64_LOCATOR_BYTES) : at].startswith(_ZIP64_LOCATOR):
        raise Invalid("archive_broken", "zip64")
    entries = int.from_bytes(tail[at + 10 : at + 12], "little")
    table = int.from_bytes(tail[at + 12 : at + 16], "little")
    if entries > MOST_ENTRIES or table > _MOST_TABLE_BYTES:
        raise Invalid("archive_too_many_files", f"{entries} entries, {table} bytes")


def _check_entries(entries: Sequence[ZipInfo], size: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise Invalid("archive_too_many_files", f"{len(entries)} entries")
    if any(not entry.filename for entry in entries):
        raise Invalid("archive_bad_path", "an entry without a name")
    if all(entry.is_dir() for entry in entries):
        raise Invalid("archive_empty")
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    # More packed bytes than the file has: entries that share their data, as in zip bombs.
    if packed > size or unpacked > MOST_UNPACKED_BYTES or unpacked > MOST_RATIO * max(packed, 1):
        raise Invalid("archive_bomb", f"{packed} bytes unpack to {unpacked}")
    seen: set[str] = set()
    for entry in entries:
        _check_entry(entry)
        if entry.filename in seen:
            raise Invalid("archive_bad_path", f"twice: {entry.filename!r}")
        seen.add(entry.filename)
    clash = find_clash(entry.filename for entry in entries)
    if clash is not None:
        raise Invalid("archive_same_names", repr(clash))


def _check_entry(entry: ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise Invalid("archive_encrypted", repr(entry.filename))
    if entry.flag_bits & _PATCHED:
        raise Invalid("archive_broken", f"patched data: {entry.filename!r}")
    # As it stands in the file: `filename` is cut at a NUL and cleaned already.
    for name in (entry.orig_filename, entry.filename, *other_names(entry.extra)):
        if not is_safe_path(name):
            raise Invalid("archive_bad_path", repr(name[:LONGEST_PATH]))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Invalid("archive_links", repr(entry.filename))
