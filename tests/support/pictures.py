"""Pictures for tests, good and hostile."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 60), (40, 60, 220)


def picture(
    format: str = "PNG",
    *,
    size: tuple[int, int] = (800, 450),
    mode: str = "RGB",
    color: Any = RED,
    **options: Any,
) -> bytes:
    """One colour all over."""
    return saved(Image.new(mode, size, color), format, **options)


def two_halves(format: str, *, size: tuple[int, int] = (800, 600), **options: Any) -> bytes:
    """Red on the left, blue on the right: shows how it was turned."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return saved(image, format, **options)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """The file of an image."""
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    """The EXIF block a camera writes when it is held like this."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def png_claiming(width: int, height: int) -> bytes:
    """A few bytes that claim to be so large, complete with an IEND."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data) for name, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def webp_claiming(width: int, height: int) -> bytes:
    """The frame of an extended WebP of that canvas, with nothing inside."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def opened(body: bytes) -> Image.Image:
    """A finished size, decoded."""
    image = Image.open(BytesIO(body))
    image.load()
    return image


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
