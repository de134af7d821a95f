"""ZIP archives for tests, good and hostile."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO

GOOD_FILES = {"qr-garage/fxmanifest.lua": b"fx_version 'cerulean'\n", "qr-garage/a.lua": b"x = 1"}


def archive(files: dict[str, bytes] = GOOD_FILES, *, comment: bytes = b"") -> bytes:
    """These files, compressed."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, body in files.items():
            written.writestr(name, body)
        written.comment = comment
    return out.getvalue()


def archive_with_mode(name: str, body: bytes, mode: int) -> bytes:
    """One entry with these Unix permissions and kind (stat.S_IFLNK ...)."""
    out = BytesIO()
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(out, "w") as written:
        written.writestr(entry, body)
    return out.getvalue()


def renamed(body: bytes, old: bytes, new: bytes) -> bytes:
    """The same archive with another name inside; what the library would clean stays as it is."""
    assert len(old) == len(new)
    assert old in body
    return body.replace(old, new)


def claiming(body: bytes, name: bytes, *, size: int) -> bytes:
    """The same archive whose table says that this file is so large."""
    out = bytearray(body)
    at = out.rindex(name) - 46
    assert out[at : at + 4] == b"PK\x01\x02"
    struct.pack_into("<I", out, at + 24, size)
    return bytes(out)


def overlapping(kernel: bytes, *, entries: int) -> bytes:
    """A bomb without nesting (D. Fifield, "A better zip bomb"): each local header is quoted as data
    by the entry before it, so that all end in the same kernel."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = stream.compress(kernel) + stream.flush()
    plain, locals_ = kernel, b""
    table: list[tuple[bytes, int, int, int]] = []
    for number in reversed(range(entries)):
        name = b"%04d" % number
        crc = zlib.crc32(plain)
        header = struct.pack(
            "<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, crc, len(data), len(plain), len(name), 0
        )
        table.append((name, crc, len(data), len(plain)))
        locals_ = header + name + data
        quoted = header + name
        data = b"\x00" + struct.pack("<HH", len(quoted), len(quoted) ^ 0xFFFF) + quoted + data
        plain = quoted + plain
    return _with_table(locals_, list(reversed(table)))


def _with_table(locals_: bytes, table: list[tuple[bytes, int, int, int]]) -> bytes:
    at, central = 0, b""
    for name, crc, packed, size in table:
        central += struct.pack(
            *("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, crc, packed, size),
            *(len(name), 0, 0, 0, 0, 0, at),
        )
        central += name
        at = locals_.index(b"PK\x03\x04", at + 1) if name != table[-1][0] else at
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, len(table), len(table), len(central), len(locals_), 0
    )
    return locals_ + central + end


def nested(depth: int, files: dict[str, bytes] = GOOD_FILES) -> bytes:
    """An archive in an archive, so many in all."""
    body = archive(files)
    for level in range(depth - 1):
        body = archive({f"level{level}.zip": body})
    return body
