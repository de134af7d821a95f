"""Writing a ZIP archive entry by entry, where packed bytes can be taken over as they are.

`zipfile` of the standard library would unpack and pack everything anew. The format is PKWARE's
APPNOTE 6.3.10; numbers of sections below are from there. At most 4 GB and 65,535 entries.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import IO, Final
from zipfile import BadZipFile, ZipInfo

LOCAL_BYTES: Final = 30
DEFLATED: Final = 8

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_UTF8: Final = 0x800
_ENCRYPTED: Final = 0x1
_PART_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class ZipWriter:
    """Writes into a file from where it stands."""

    into: IO[bytes]
    _table: list[bytes] = field(default_factory=list)

    def copy(self, source: IO[bytes], entry: ZipInfo, *, dos_time: int, extra: bytes) -> None:
        """Take an entry over as it is packed, with another time. Raises BadZipFile for an archive
        that does not hold what its table says."""
        sizes = (entry.CRC, entry.compress_size, entry.file_size)
        self._head(entry, entry.compress_type, sizes, dos_time, extra)
        source.seek(entry.header_offset)
        local = source.read(LOCAL_BYTES)
        if len(local) < LOCAL_BYTES or not local.startswith(b"PK\x03\x04"):
            raise BadZipFile("an entry has no header")
        name_bytes, extra_bytes = struct.unpack_from("<2H", local, 26)
        source.seek(name_bytes + extra_bytes, 1)
        left = entry.compress_size
        while left:
            part = source.read(min(left, _PART_BYTES))
            if not part:
                raise BadZipFile("an entry ends too early")
            self.into.write(part)
            left -= len(part)

    def write(self, entry: ZipInfo, body: bytes, *, dos_time: int, extra: bytes) -> None:
        """Put this in the place of an entry's content."""
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(body) + packer.flush()
        sizes = (zlib.crc32(body), len(packed), len(body))
        self._head(entry, DEFLATED, sizes, dos_time, extra)
        self.into.write(packed)

    def finish(self, comment: bytes) -> None:
        """Write the table of contents and the end record (4.3.12, 4.3.16)."""
        start = self.into.tell()
        for row in self._table:
            self.into.write(row)
        size, count = self.into.tell() - start, len(self._table)
        end = _END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, len(comment))
        self.into.write(end + comment)

    def _head(
        self,
        entry: ZipInfo,
        method: int,
        sizes: tuple[int, int, int],
        dos_time: int,
        extra: bytes,
    ) -> None:
        """The header before an entry (4.3.7), and its row for the table of contents."""
        utf8 = entry.flag_bits & _UTF8
        name = entry.orig_filename.encode("utf-8" if utf8 else "cp437")
        flags = utf8 | entry.flag_bits & _ENCRYPTED
        extra = _kept_extra(entry.extra) + extra
        offset, date = self.into.tell(), _dos_date(entry)
        version = max(entry.extract_version, 20)
        self.into.write(
            _LOCAL.pack(
                *(b"PK\x03\x04", version, flags, method, dos_time, date),
                *(*sizes, len(name), len(extra)),
            )
            + name
            + extra
        )
        made_by = entry.create_system << 8 | entry.create_version
        self._table.append(
            _CENTRAL.pack(
                *(b"PK\x01\x02", made_by, version, flags, method, dos_time, date, *sizes),
                *(len(name), len(extra), len(entry.comment), 0, entry.internal_attr),
                *(entry.external_attr, offset),
            )
            + name
            + extra
            + entry.comment
        )


def dos_time_of(entry: ZipInfo, *, bit: int) -> int:
    """The time of day of an entry as it is stored (4.4.6), whose count of double seconds is made
    even or odd."""
    _year, _month, _day, hour, minute, second = entry.date_time
    return hour << 11 | minute << 5 | min(second // 2, 29) & ~1 | bit


def _dos_date(entry: ZipInfo) -> int:
    year, month, day = entry.date_time[:3]
    return (year - 1980) << 9 | month << 5 | day


def _kept_extra(extra: bytes) -> bytes:
    """Of the extra fields (4.5) the Unicode path alone: finer times would hide ours."""
    kept, at = b"", 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 0x7075:
            kept += extra[at : at + 4 + size]
        at += 4 + size
    return kept
