"""Uploaded pictures: what is refused and why, and what the sizes look like."""

from __future__ import annotations

import time
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from storefront.catalog.pictures import (
    MOST_BYTES,
    WIDTHS,
    PictureFacts,
    PictureKind,
    inspect_picture,
    render_sizes,
)
from storefront.errors import Invalid
from tests.support.pictures import (
    BLUE,
    GREEN,
    RED,
    opened,
    picture,
    png_claiming,
    saved,
    turned,
    two_halves,
    webp_claiming,
)

KINDS = ["JPEG", "PNG", "WEBP", "AVIF"]
GREATEST_ERROR = 12


def refusal(body: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        inspect_picture(body)
    return refused.value.code


def is_like(found: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= GREATEST_ERROR for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_four_formats_are_known_by_their_content(kind: str) -> None:
    facts = inspect_picture(picture(kind, size=(1000, 600)))

    assert facts == PictureFacts(PictureKind(kind), 1000, 600)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"></svg>',
        b"PK\x03\x04" + b"\0" * 100,
        b"MZ" + b"\0" * 100,
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        b"\0" * 10_000,
    ],
    ids=["empty", "html", "svg", "zip", "exe", "gif", "bmp", "tiff", "zeros"],
)
def test_anything_else_is_no_picture(body: bytes) -> None:
    assert refusal(body) == "picture_wrong_type"


def test_a_byte_over_ten_megabytes_is_too_heavy() -> None:
    body = picture("JPEG")

    assert refusal(body + b"\0" * (MOST_BYTES + 1 - len(body))) == "picture_too_heavy"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.98])
def test_a_file_that_ends_too_early_is_seen_at_once(kind: str, kept: float) -> None:
    whole = saved(Image.effect_noise((800, 450), 80).convert("RGB"), kind)

    assert refusal(whole[: int(len(whole) * kept)]) == "picture_truncated"


@pytest.mark.parametrize(
    "body",
    [
        png_claiming(60_000, 60_000),
        png_claiming(9_000, 9_000),
        png_claiming(8_001, 400),
        png_claiming(7_000, 6_000),
        webp_claiming(16_383, 16_383),
    ],
    ids=["60000 square", "9000 square", "too wide", "42 megapixels", "webp"],
)
def test_a_small_file_that_claims_to_be_huge_costs_nothing(body: bytes) -> None:
    began = time.monotonic()

    assert refusal(body) == "picture_too_large"
    assert len(body) < 2_000
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("size", [(399, 800), (400, 224), (1, 1)])
def test_less_than_a_card_is_too_small(size: tuple[int, int]) -> None:
    assert refusal(picture(size=size)) == "picture_too_small"


def test_the_smallest_and_the_largest_that_fit_are_taken() -> None:
    assert inspect_picture(picture(size=(400, 225))).width == 400
    assert inspect_picture(png_claiming(8_000, 5_000)).width == 8_000


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_moving_pictures_are_refused(kind: str) -> None:
    frames = [Image.new("RGB", (400, 225), color) for color in (RED, GREEN)]

    body = saved(frames[0], kind, save_all=True, append_images=frames[1:])

    assert refusal(body) == "picture_animated"


def test_a_phones_photo_of_several_pictures_is_a_photo() -> None:
    photo = Image.new("RGB", (800, 450), RED)
    body = saved(photo, "MPO", save_all=True, append_images=[Image.new("RGB", (400, 225), GREEN)])

    assert inspect_picture(body).kind is PictureKind.JPEG
    assert is_like(opened(render_sizes(body)["-800.webp"]).getpixel((10, 10)), RED)


def test_the_right_beginning_with_rubbish_behind_it_is_unreadable() -> None:
    assert refusal(b"\xff\xd8\xff\xe0" + b"\xff\xda" + b"x" * 500 + b"\xff\xd9") == (
        "picture_unreadable"
    )


def test_pixels_that_break_off_inside_a_whole_frame_are_found_when_decoded() -> None:
    # Chunks all in order; the compressed rows end after the first few.
    body = png_claiming(1_000, 800)
    assert inspect_picture(body).width == 1_000

    with pytest.raises(Invalid) as refused:
        render_sizes(body)

    assert refused.value.code == "picture_unreadable"


def test_every_size_is_there_in_both_formats_and_has_its_width() -> None:
    sizes = render_sizes(picture("JPEG", size=(2_000, 1_000)))

    assert set(sizes) == {f"-{width}.{kind}" for width in WIDTHS for kind in ("webp", "avif")}
    for width in WIDTHS:
        for kind in ("webp", "avif"):
            made = opened(sizes[f"-{width}.{kind}"])
            assert (made.format, made.size) == (kind.upper(), (width, width // 2))
            assert is_like(made.getpixel((5, 5)), RED)


def test_nothing_is_made_larger_than_it_was() -> None:
    sizes = render_sizes(picture(size=(1_000, 500)))

    assert [opened(sizes[f"-{width}.webp"]).width for width in WIDTHS] == [400, 800, 1000, 1000]


def test_a_tall_picture_keeps_its_shape() -> None:
    sizes = render_sizes(picture(size=(500, 2_000)))

    assert opened(sizes["-400.avif"]).size == (400, 1_600)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("orientation", "red_at"), [(6, (200, 200)), (8, (200, 900)), (3, (700, 300))]
)
def test_a_camera_held_sideways_gives_an_upright_picture(
    kind: str, orientation: int, red_at: tuple[int, int]
) -> None:
    body = two_halves(kind, size=(1_600, 1_200), exif=turned(orientation))

    facts, made = inspect_picture(body), opened(render_sizes(body)["-800.webp"])

    upright = (1_200, 1_600) if orientation in (6, 8) else (1_600, 1_200)
    assert (facts.width, facts.height) == upright
    assert made.size == ((800, 1_067) if orientation in (6, 8) else (800, 600))
    # The red half was left: turned clockwise it is on top, the other way below, twice right.
    assert is_like(made.getpixel(red_at), RED)
    assert is_like(made.getpixel((made.width - red_at[0] - 1, made.height - red_at[1] - 1)), BLUE)


def test_an_unreadable_exif_block_turns_nothing() -> None:
    body = picture("WEBP", exif=b"Exif\0\0rubbish")

    assert inspect_picture(body).width == 800


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (picture(mode="P", color=0), (0, 0, 0)),
        (picture(mode="1", color=1), (255, 255, 255)),
        (picture(mode="L", color=128), (128, 128, 128)),
        (picture(mode="LA", color=(128, 255)), (128, 128, 128)),
        (picture(mode="I;16", color=32_768), (128, 128, 128)),
        (picture("JPEG", mode="CMYK", color=(0, 255, 255, 0)), (255, 0, 0)),
        (picture(mode="RGBA", color=(*RED, 255)), RED),
        (picture(mode="RGBA", color=(*RED, 0)), (17, 15, 24)),
        (picture("WEBP", mode="RGBA", color=(*RED, 0)), (17, 15, 24)),
        (picture(mode="RGB", color=RED, transparency=RED), (17, 15, 24)),
        (picture(mode="P", color=0, transparency=0), (17, 15, 24)),
    ],
    ids=[
        *("palette", "black and white", "grey", "grey with alpha", "16 bit", "CMYK", "opaque"),
        *("transparent", "transparent webp", "one transparent colour", "transparent palette"),
    ],
)
def test_every_way_of_keeping_colours_becomes_plain_colours(
    body: bytes, wanted: tuple[int, int, int]
) -> None:
    made = opened(render_sizes(body)["-400.webp"])

    assert made.mode == "RGB"
    assert is_like(made.getpixel((200, 100)), wanted)


def test_a_colour_profile_is_applied_and_not_handed_on() -> None:
    # A profile whose red and blue are exchanged: whoever honours it sees the other colour.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = lab.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")

    sizes = render_sizes(picture("PNG", color=(255, 0, 0), icc_profile=swapped))

    made = opened(sizes["-400.webp"])
    assert is_like(made.getpixel((5, 5)), (0, 0, 255))
    assert "icc_profile" not in made.info


def test_a_broken_colour_profile_is_left_out() -> None:
    made = opened(render_sizes(picture("PNG", icc_profile=b"no profile"))["-400.webp"])

    assert is_like(made.getpixel((5, 5)), RED)


def test_where_a_photo_was_taken_stays_private() -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PLACE"
    body = picture("JPEG", exif=exif.tobytes(), comment=b"SECRET-PLACE", xmp=b"SECRET-PLACE")
    assert b"SECRET-PLACE" in body

    for made in render_sizes(body).values():
        assert b"SECRET-PLACE" not in made
        assert not {"exif", "xmp", "icc_profile"} & set(Image.open(BytesIO(made)).info)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_bytes_do_more_than_be_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    body = bytearray(_SAMPLES[kind])
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=12)):
        body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    for damaged in (bytes(body), bytes(body[:cut])):
        # Anything but a refusal in our own words would be raised here.
        with suppress(Invalid):
            inspect_picture(damaged)


_SAMPLES = {kind: picture(kind, size=(420, 240)) for kind in KINDS}
