"""Uploaded pictures: what is taken in, judged by content, and the sizes that are made of them.

`inspect_picture` reads headers only and is cheap enough for a request. `render_sizes` decodes and
belongs into the worker, behind limits of memory and time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

from storefront.errors import Invalid

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 8_000
SMALLEST: Final = (400, 225)
WIDTHS: Final = (400, 800, 1200, 1600)

# Above twice this Pillow itself refuses, before it makes room for anything.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS

# What shows through a transparent picture: interface overlays are drawn for a dark game.
_BACKING: Final = (17, 15, 24)
_WEBP: Final = {"quality": 80, "method": 4}
_AVIF: Final = {"quality": 60, "speed": 6, "max_threads": 1}

_ORIENTATION_TAG: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE: Final = (5, 6, 7, 8)


class PictureKind(StrEnum):
    """The formats that are taken in, by the name Pillow knows them under."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    AVIF = "AVIF"


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the header says. Width and height in pixels as people see it, turned upright."""

    kind: PictureKind
    width: int
    height: int


def inspect_picture(body: bytes) -> PictureFacts:
    """Judge an upload by its content alone, without decoding it.

    Raises Invalid: `picture_too_heavy`, `picture_wrong_type`, `picture_truncated`,
    `picture_unreadable`, `picture_animated`, `picture_too_small`, `picture_too_large`.
    """
    if len(body) > MOST_BYTES:
        raise Invalid("picture_too_heavy", f"{len(body)} bytes")
    kind = _kind_of(body)
    if kind is None:
        raise Invalid("picture_wrong_type", body[:16].hex())
    if not _COMPLETE[kind](body):
        raise Invalid("picture_truncated", kind)
    image = _open(body, kind)
    # A JPEG of several pictures is a phone's photo with its depth map, not an animation.
    if kind is not PictureKind.JPEG and getattr(image, "is_animated", False):
        raise Invalid("picture_animated", kind)
    width, height = image.size
    if _orientation(image) in _ON_ITS_SIDE:
        width, height = height, width
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise Invalid("picture_too_large", f"{width} x {height}")
    if width < SMALLEST[0] or height < SMALLEST[1]:
        raise Invalid("picture_too_small", f"{width} x {height}")
    return PictureFacts(kind, width, height)


def render_sizes(body: bytes) -> Mapping[str, bytes]:
    """Every stored size by the ending of its key: `-400.webp` to `-1600.avif`.

    Upright, sRGB, no transparency, nothing of the original's metadata. The aspect ratio is kept:
    cards crop with CSS, the gallery shows all of it. Nothing is enlarged: where the original is
    narrower than a size, that size has the width of the original.

    Holds the decoded picture in memory, up to 4 bytes for each of 40 million pixels and as much
    again while it is made smaller. Raises Invalid like `inspect_picture`.
    """
    facts = inspect_picture(body)
    upright = _decode(body, facts)
    sizes: dict[str, bytes] = {}
    for width in sorted(WIDTHS, reverse=True):
        # Each from the one before: a quarter of the work, and no difference to be seen.
        upright = _narrowed(upright, width)
        sizes[f"-{width}.webp"] = _encoded(upright, "WEBP", _WEBP)
        sizes[f"-{width}.avif"] = _encoded(upright, "AVIF", _AVIF)
    return sizes


def _kind_of(body: bytes) -> PictureKind | None:
    """By the first bytes: the name of a file and what a browser calls it prove nothing."""
    if body.startswith(b"\xff\xd8\xff"):
        return PictureKind.JPEG
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return PictureKind.PNG
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return PictureKind.WEBP
    if body[4:8] == b"ftyp" and body[8:12] in (b"avif", b"avis", b"mif1", b"msf1"):
        return PictureKind.AVIF
    return None


def _is_complete_jpeg(body: bytes) -> bool:
    return body.rfind(b"\xff\xd9") > body.find(b"\xff\xda")


def _is_complete_png(body: bytes) -> bool:
    at = 8
    while at + 12 <= len(body):
        end = at + 12 + int.from_bytes(body[at : at + 4], "big")
        if body[at + 4 : at + 8] == b"IEND":
            return end <= len(body)
        at = end
    return False


def _is_complete_webp(body: bytes) -> bool:
    return int.from_bytes(body[4:8], "little") + 8 <= len(body)


def _is_complete_avif(body: bytes) -> bool:
    at = 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(body[at + 8 : at + 16], "big")
        if size == 0:
            return True
        if size < 8:
            return False
        at += size
    return at == len(body)


# A cheap look at the frame of each format. What is cut off deeper inside shows when it is decoded.
_COMPLETE: Final = {
    PictureKind.JPEG: _is_complete_jpeg,
    PictureKind.PNG: _is_complete_png,
    PictureKind.WEBP: _is_complete_webp,
    PictureKind.AVIF: _is_complete_avif,
}


def _open(body: bytes, kind: PictureKind) -> Image.Image:
    try:
        return Image.open(BytesIO(body), formats=(kind.value,))
    except Image.DecompressionBombError as error:
        raise Invalid("picture_too_large", str(error)) from error
    except MemoryError:
        raise
    except Exception as error:
        # For hostile bytes the readers raise whatever they stumble over: SyntaxError, KeyError ...
        raise Invalid("picture_unreadable", f"{type(error).__name__}: {error}") from error


def _orientation(image: Image.Image) -> int:
    """How a camera was held (EXIF 2.3, 4.6.4); 1 when nobody says or it cannot be read.

    Not `getexif`, which decodes a whole PNG to look behind its pixels.
    """
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if value in _TURNS else 1


def _decode(body: bytes, facts: PictureFacts) -> Image.Image:
    image = _open(body, facts.kind)
    orientation = _orientation(image)
    profile = image.info.get("icc_profile")
    # As it lies in the file, where the final width may be its height.
    scale = min(1, max(WIDTHS) / facts.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    try:
        image.draft(None, size)
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise Invalid("picture_unreadable", f"{type(error).__name__}: {error}") from error
    small = _eight_bits(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.close()
    flat = _flattened(small, profile)
    turn = _TURNS.get(orientation)
    return flat if turn is None else flat.transpose(turn)


def _eight_bits(image: Image.Image) -> Image.Image:
    """L, RGB, RGBA or CMYK: what can be made smaller and has a colour profile."""
    if image.mode.startswith("I"):
        # 16 bits a pixel: a plain convert would cut off instead of scaling.
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _flattened(image: Image.Image, profile: bytes | None) -> Image.Image:
    """sRGB on the backing colour, with nothing of the original but its pixels."""
    opacity = image.getchannel("A") if image.mode == "RGBA" else None
    colours = _in_srgb(image.convert("RGB") if opacity else image, profile)
    flat = Image.new("RGB", image.size, _BACKING)
    flat.paste(colours, mask=opacity)
    return flat


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A broken profile, or one for other channels: most pictures are sRGB anyway.
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


def _narrowed(image: Image.Image, width: int) -> Image.Image:
    if image.width <= width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _encoded(image: Image.Image, format: str, options: Mapping[str, int]) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()
