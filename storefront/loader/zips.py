"""ZIP archives taken apart and put together again without touching what is inside.

The library of Python would unpack and pack every entry anew, lose what it does not know, and read
names without a stated encoding as another one. Here an entry is two runs of bytes: what stands
before its neighbour (local header, data, descriptor), copied as it is, and its record in the
central directory, of which only the position changes. Format: PKWARE APPNOTE 6.3, 4.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from storefront.errors import Invalid

_END: Final = struct.Struct("<4s4H2LH")
_RECORD: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 0xFFFF
_DEFLATED, _STORED = 8, 0
_IS_ENCRYPTED, _HAS_DESCRIPTOR, _IS_UTF8 = 1, 8, 0x800
_MADE_FOR = 20
_KEPT_IN_MEMORY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of the central directory; names as the bytes they are."""

    made_by: int
    needs: int
    flags: int
    method: int
    time: int
    date: int
    checksum: int
    packed_bytes: int
    size_bytes: int
    internal: int
    external: int
    name: bytes
    extra: bytes
    comment: bytes

    def written(self, position: int) -> bytes:
        """As it stands in a directory, for an entry at this position."""
        head = _RECORD.pack(
            *(b"PK\1\2", self.made_by, self.needs, self.flags, self.method, self.time, self.date),
            *(self.checksum, self.packed_bytes, self.size_bytes),
            *(len(self.name), len(self.extra), len(self.comment), 0, self.internal),
            *(self.external, position),
        )
        return head + self.name + self.extra + self.comment


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: its record, and its own bytes, either in an archive (from, to) or here."""

    record: Record
    body: tuple[int, int] | bytes

    @property
    def name(self) -> bytes:
        """Its path."""
        return self.record.name


@dataclass(frozen=True, slots=True)
class Parts:
    """An archive taken apart, in the order of its directory."""

    entries: Sequence[Entry]
    comment: bytes


def take_apart(archive: IO[bytes]) -> Parts:
    """The entries of an archive. Raises Invalid `unreadable_archive` for anything that is not a
    plain ZIP: one that is cut off, spans disks, hides bytes or needs 64-bit sizes."""
    count, start, comment = _read_end(archive)
    size = archive.seek(0, 2) - _END.size - len(comment) - start
    if size < 0:
        raise Invalid("unreadable_archive")
    archive.seek(start)
    directory = archive.read(size)
    records, at = [], 0
    for _ in range(count):
        record, position, at = _read_record(directory, at)
        records.append((record, position))
    positions = sorted(position for _, position in records)
    if at != len(directory) or len(set(positions)) != count or max(positions, default=-1) >= start:
        raise Invalid("unreadable_archive")
    ends = dict(zip(positions, [*positions, start][1:], strict=True))
    return Parts([Entry(record, (at, ends[at])) for record, at in records], comment)


def put_together(archive: IO[bytes], entries: Iterable[Entry], *, comment: bytes) -> IO[bytes]:
    """A new archive of these entries; those that are not here yet are copied out of `archive`. A
    temporary file at its beginning, the caller's to close."""
    out: IO[bytes] = SpooledTemporaryFile(_KEPT_IN_MEMORY_BYTES)  # noqa: SIM115
    records = []
    for entry in entries:
        records.append(entry.record.written(out.tell()))
        if isinstance(entry.body, bytes):
            out.write(entry.body)
        else:
            _copy(archive, out, *entry.body)
    start, directory = out.tell(), b"".join(records)
    out.write(directory)
    count = len(records)
    end = (b"PK\5\6", 0, 0, count, count, len(directory), start, len(comment))
    out.write(_END.pack(*end) + comment)
    out.seek(0)
    return out


def read_entry(archive: IO[bytes], entry: Entry, *, at_most: int) -> bytes:
    """What is inside an entry. Raises Invalid `unreadable_archive` when it is encrypted, damaged,
    packed in another way than usual, or larger than `at_most` bytes."""
    record = entry.record
    if record.flags & _IS_ENCRYPTED or max(record.size_bytes, record.packed_bytes) > at_most:
        raise Invalid("unreadable_archive")
    packed = _packed_bytes(archive, entry)
    try:
        inside = packed if record.method == _STORED else _inflate(packed, at_most=at_most)
    except zlib.error as error:
        raise Invalid("unreadable_archive") from error
    is_known = record.method in (_STORED, _DEFLATED)
    if not is_known or len(inside) != record.size_bytes or zlib.crc32(inside) != record.checksum:
        raise Invalid("unreadable_archive")
    return inside


def entry_like(entry: Entry, *, name: bytes, inside: bytes) -> Entry:
    """An entry with other contents: time, rights and the reading of its name are those of
    `entry`."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(inside) + deflate.flush()
    record = replace(
        entry.record,
        needs=_MADE_FOR,
        flags=entry.record.flags & _IS_UTF8,
        method=_DEFLATED,
        checksum=zlib.crc32(inside),
        packed_bytes=len(packed),
        size_bytes=len(inside),
        name=name,
        extra=entry.record.extra if name == entry.name else b"",
        comment=entry.record.comment if name == entry.name else b"",
    )
    head = _LOCAL.pack(
        *(b"PK\3\4", record.needs, record.flags, record.method, record.time, record.date),
        *(record.checksum, record.packed_bytes, record.size_bytes, len(name), 0),
    )
    return Entry(record, head + name + packed)


def _read_end(archive: IO[bytes]) -> tuple[int, int, bytes]:
    """How many records there are, where they begin, and the archive's comment."""
    size = archive.seek(0, 2)
    archive.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = archive.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise Invalid("unreadable_archive")
    _, disk, first_disk, here, count, length, start, commented = _END.unpack_from(tail, at)
    comment = tail[at + _END.size :]
    is_plain = disk == first_disk == 0 and here == count < 0xFFFF and start < 0xFFFFFFFF
    if not is_plain or len(comment) != commented or start + length != size - len(tail) + at:
        raise Invalid("unreadable_archive")
    return count, start, comment


def _read_record(directory: bytes, at: int) -> tuple[Record, int, int]:
    """A record, the position of its entry, and where the next record begins."""
    if directory[at : at + 4] != b"PK\1\2" or len(directory) - at < _RECORD.size:
        raise Invalid("unreadable_archive")
    fields = _RECORD.unpack_from(directory, at)
    (_, made_by, needs, flags, method, time, date, checksum, packed, size) = fields[:10]
    (name, extra, comment, disk, internal, external, position) = fields[10:]
    texts = directory[at + _RECORD.size : at + _RECORD.size + name + extra + comment]
    if disk or 0xFFFFFFFF in (packed, size, position) or len(texts) != name + extra + comment:
        raise Invalid("unreadable_archive")
    record = Record(
        made_by=made_by,
        needs=needs,
        flags=flags,
        method=method,
        time=time,
        date=date,
        checksum=checksum,
        packed_bytes=packed,
        size_bytes=size,
        internal=internal,
        external=external,
        name=texts[:name],
        extra=texts[name : name + extra],
        comment=texts[name + extra :],
    )
    return record, position, at + _RECORD.size + len(texts)


def _packed_bytes(archive: IO[bytes], entry: Entry) -> bytes:
    if isinstance(entry.body, bytes):
        raise TypeError("only entries of an archive are read")
    start, end = entry.body
    archive.seek(start)
    head = archive.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
        raise Invalid("unreadable_archive")
    name, extra = _LOCAL.unpack(head)[-2:]
    archive.seek(name + extra, 1)
    packed = archive.read(entry.record.packed_bytes)
    if len(packed) != entry.record.packed_bytes or archive.tell() > end:
        raise Invalid("unreadable_archive")
    return packed


def _inflate(packed: bytes, *, at_most: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, at_most + 1)


def _copy(source: IO[bytes], target: IO[bytes], start: int, end: int) -> None:
    source.seek(start)
    left = end - start
    while left > 0 and (chunk := source.read(min(left, 1024 * 1024))):
        target.write(chunk)
        left -= len(chunk)
    if left:
        raise Invalid("unreadable_archive")
