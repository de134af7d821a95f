"""Drawing share cards. Only the worker imports this: it needs fonts and the Thai dictionary.

The same facts and cover give the same bytes under one version of Pillow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from storefront.catalog.search.segment import the_segmenter
from storefront.catalog.share_cards import CardFacts, mark
from storefront.language import money_text, text_of
from storefront.paths import ROOT

WIDTH, HEIGHT = 1200, 630

_MARGIN: Final = 72
_NAME_SIZES: Final = (84, 76, 68, 60, 52)
_MOST_LINES: Final = 3
_TEXT_WIDTH: Final = 820
_LINE: Final = 1.32
_FONTS: Final = ROOT / "static" / "vendor" / "fonts"

_GROUND: Final = (11, 9, 18)
_WHITE: Final = (246, 244, 250)
_SOFT: Final = (196, 189, 214)
_VIOLET: Final = (124, 58, 237)
_PALE_VIOLET: Final = (167, 139, 250)

_WORDS: Final = {
    "th": {
        "from": "เริ่มต้น",
        "soon": "เร็ว ๆ นี้",
        "promise": "สคริปต์ FiveM พร้อมใช้งาน",
        "lead": "จ่ายเสร็จ รับคีย์และไฟล์ดาวน์โหลดทันที",
    },
    "en": {
        "from": "from",
        "soon": "Coming soon",
        "promise": "FiveM scripts ready to run",
        "lead": "Key and download right after the payment",
    },
}

# The letters the installed fonts hold, as in app.css; anything else would be drawn as a box.
_THAI: Final = "\u0e01-\u0e5b\u200c\u200d"
_DRAWN: Final = f"\u0020-\u007e\u00a1-\u00ff\u2010-\u2027\u2032\u2033\u20ac\u2122{_THAI}"
_NOT_DRAWN: Final = re.compile(f"[^{_DRAWN}]")
_RUNS: Final = re.compile(f"[{_THAI}]+|[^{_THAI}]+")
_IS_THAI: Final = re.compile(f"[{_THAI}]")
_PIECES: Final = re.compile(f"[{_THAI}]+|[^{_THAI}\\s]+|\\s+")


@dataclass(frozen=True, slots=True)
class Lettering:
    """One face in one size. Its Thai and its Latin letters come as two files."""

    latin: ImageFont.FreeTypeFont
    thai: ImageFont.FreeTypeFont

    def width(self, text: str) -> float:
        """Pixels from the first letter to where the next would stand."""
        return sum(font.getlength(run) for run, font in self._runs(text))

    def draw(
        self, on: ImageDraw.ImageDraw, at: tuple[float, float], text: str, fill: tuple[int, ...]
    ) -> None:
        """Letters on a baseline that starts at this point."""
        x, y = at
        for run, font in self._runs(text):
            on.text((x, y), run, font=font, fill=fill, anchor="ls")
            x += font.getlength(run)

    def _runs(self, text: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
        return [
            (run, self.thai if _IS_THAI.match(run) else self.latin) for run in _RUNS.findall(text)
        ]


def draw_product_card(facts: CardFacts, locale: str, *, shop_name: str, cover: bytes) -> bytes:
    """The card of a product as JPEG, 1200 x 630. `cover` is one of its stored pictures, or empty
    where it has none."""
    words = _WORDS[locale]
    picture = _backdrop(cover)
    brush = ImageDraw.Draw(picture)
    _draw_shop(picture, brush, shop_name)
    bottom = HEIGHT - _MARGIN
    if facts.price is None:
        label, amount = "", words["soon"]
    else:
        label, amount = words["from"] if facts.is_from else "", money_text(facts.price)
    top_of_price = _draw_price(brush, label, amount, bottom)
    _draw_lines(brush, drawable(text_of(facts, "name", locale)), bottom=top_of_price - 46)
    return _encoded(picture, facts.digest)


def draw_shop_card(locale: str, *, shop_name: str, digest: str, cover: bytes) -> bytes:
    """The general card of the shop, over the picture of its home page."""
    words = _WORDS[locale]
    picture = _backdrop(cover)
    brush = ImageDraw.Draw(picture)
    _draw_shop(picture, brush, shop_name)
    baseline = HEIGHT - _MARGIN - 12
    _text_face(34).draw(brush, (_MARGIN, baseline), words["lead"], _SOFT)
    _draw_lines(brush, words["promise"], bottom=baseline - 64)
    return _encoded(picture, digest)


def drawable(text: str) -> str:
    """The text without letters the fonts do not have, such as emoji."""
    return " ".join(_NOT_DRAWN.sub(" ", text).split())


def break_lines(text: str, lettering: Lettering, width: float) -> list[str]:
    """The text in lines no wider than this, broken between words: Thai ones too, which no space
    parts. A single word that is wider stands alone."""
    lines = [""]
    for piece in _words(text):
        if lines[-1] and lettering.width((lines[-1] + piece).rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append(piece.lstrip())
        else:
            lines[-1] += piece
    return [line.strip() for line in lines if line.strip()]


def _words(text: str) -> list[str]:
    """Pieces between which a line may break; joined they are the text."""
    pieces: list[str] = []
    for piece in _PIECES.findall(text):
        pieces += the_segmenter().split(piece) if _IS_THAI.match(piece) else [piece]
    return pieces


def _draw_lines(brush: ImageDraw.ImageDraw, text: str, *, bottom: float) -> None:
    """The name, as large as it fits into three lines, standing on `bottom`."""
    for size in _NAME_SIZES:
        face = display_face(size)
        lines = break_lines(text, face, _TEXT_WIDTH)
        if len(lines) <= _MOST_LINES:
            lines = _balanced(text, face, lines)
            break
    else:
        lines = _cut(lines, face)
    for number, line in enumerate(reversed(lines)):
        baseline = bottom - number * face.latin.size * _LINE
        face.draw(brush, (_MARGIN, baseline), line, _WHITE)


def _balanced(text: str, face: Lettering, lines: list[str]) -> list[str]:
    """As many lines, but of similar length: no last line of one word."""
    for width in range(_TEXT_WIDTH, _TEXT_WIDTH // 3, -20):
        narrower = break_lines(text, face, width)
        if len(narrower) > len(lines) or any(face.width(line) > width for line in narrower):
            break
        lines = narrower
    return lines


def _cut(lines: Sequence[str], face: Lettering) -> list[str]:
    last = lines[_MOST_LINES - 1]
    while last and face.width(last + "…") > _TEXT_WIDTH:
        last = last[:-1]
    return [*lines[: _MOST_LINES - 1], last.rstrip() + "…"]


def _draw_price(brush: ImageDraw.ImageDraw, label: str, amount: str, bottom: float) -> float:
    """The price in a violet plate at the lower left; the upper edge of the plate."""
    big, small = display_face(46), _text_face(30)
    gap = 16 if label else 0
    label_width = small.width(label) if label else 0
    height, inside = 82, 30
    top = bottom - height
    right = _MARGIN + inside + label_width + gap + big.width(amount) + inside
    cut = 20
    brush.polygon(
        [
            (_MARGIN + cut, top),
            (right, top),
            (right, bottom - cut),
            (right - cut, bottom),
            (_MARGIN, bottom),
            (_MARGIN, top + cut),
        ],
        fill=_VIOLET,
    )
    baseline = bottom - 26
    small.draw(brush, (_MARGIN + inside, baseline), label, (226, 214, 255))
    big.draw(brush, (_MARGIN + inside + label_width + gap, baseline), amount, _WHITE)
    return top


def _draw_shop(picture: Image.Image, brush: ImageDraw.ImageDraw, shop_name: str) -> None:
    """The mark of static/img/logo.svg and the name beside it, at the upper left."""
    side = 64
    picture.paste(_logo(side), (_MARGIN, _MARGIN), _logo(side))
    face = display_face(38)
    face.draw(brush, (_MARGIN + side + 20, _MARGIN + 46), drawable(shop_name), _WHITE)


@lru_cache(maxsize=1)
def _logo(side: int) -> Image.Image:
    """Drawn four times too large, so that its edges are smooth."""
    k = side * 4 / 32
    mask = Image.new("L", (side * 4, side * 4))
    shape = [(8, 1), (31, 1), (31, 21.5), (21.5, 31), (1, 31), (1, 8)]
    ImageDraw.Draw(mask).polygon([(x * k, y * k) for x, y in shape], fill=255)
    slope = Image.linear_gradient("L").rotate(45, expand=True).resize(mask.size)
    mark_ = ImageOps.colorize(slope, _PALE_VIOLET, (109, 40, 217)).convert("RGBA")
    brush = ImageDraw.Draw(mark_)
    brush.rectangle([7 * k, 6 * k, 19 * k, 18 * k], outline="white", width=round(2.6 * k))
    for x, y, size in (
        (11.4, 10.4, 3.2),
        (20.8, 7.5, 3.7),
        (20.8, 14.2, 3.7),
        (7, 20.6, 3.7),
        (13.9, 20.6, 3.7),
        (17.6, 17.9, 3.2),
    ):
        brush.rectangle([x * k, y * k, (x + size) * k, (y + size) * k], fill="white")
    mark_.putalpha(mask)
    return mark_.resize((side, side), Image.Resampling.LANCZOS)


def _backdrop(cover: bytes) -> Image.Image:
    """The cover over the whole card, darkened where the text stands."""
    ground = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
    if not cover:
        return ground
    with Image.open(BytesIO(cover)) as found:
        art = ImageOps.fit(found.convert("RGB"), (WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return Image.composite(art, ground, _light())


@lru_cache(maxsize=1)
def _light() -> Image.Image:
    """How much of the cover shows: little at the left and at the bottom, all at the upper right."""
    across = Image.new("L", (WIDTH, 1))
    across.putdata([_ease((x - 420) / 720) for x in range(WIDTH)])
    down = Image.new("L", (1, HEIGHT))
    down.putdata([255 - _ease((y - 250) / 460) for y in range(HEIGHT)])
    left = across.resize((WIDTH, HEIGHT)).point(lambda value: 46 + value * 209 // 255)
    low = down.resize((WIDTH, HEIGHT)).point(lambda value: 64 + value * 191 // 255)
    both = Image.composite(left, Image.new("L", left.size), low)
    return both.filter(ImageFilter.GaussianBlur(6))


def _ease(share: float) -> int:
    share = min(max(share, 0.0), 1.0)
    return round(255 * share * share * (3 - 2 * share))


def _encoded(picture: Image.Image, digest: str) -> bytes:
    body = BytesIO()
    picture.save(body, "JPEG", quality=86, optimize=True, progressive=True, comment=mark(digest))
    return body.getvalue()


@lru_cache(maxsize=16)
def display_face(size: int) -> Lettering:
    return _load("chakra-petch", 600, size)


@lru_cache(maxsize=16)
def _text_face(size: int) -> Lettering:
    return _load("ibm-plex-sans-thai", 400, size)


def _load(family: str, weight: int, size: int) -> Lettering:
    latin, thai = (
        # Raqm shapes Thai: vowels and tone marks stack instead of overlapping.
        ImageFont.truetype(
            str(_FONTS / f"{family}-{script}-{weight}-normal.woff2"),
            size,
            layout_engine=ImageFont.Layout.RAQM,
        )
        for script in ("latin", "thai")
    )
    return Lettering(latin, thai)
