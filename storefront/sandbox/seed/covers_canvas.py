"""The drawing surface under the cover art: supersampled shapes, soft light, film grain.

Coordinates are in units of the finished 1200 x 675 picture, whatever the supersampling.
Everything is a function of the seed, so the same slug gives the same bytes on one machine.
"""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

Rgb = tuple[int, int, int]
Point = tuple[float, float]
Points = Sequence[Point]

WIDTH, HEIGHT = 1200, 675
SUPERSAMPLING = 2
BLACK: Rgb = (4, 3, 8)


def hsl(hue: float, saturation: float, lightness: float) -> Rgb:
    """One colour from a hue in degrees and two shares from 0 to 1."""
    r, g, b = colorsys.hls_to_rgb((hue % 360) / 360, lightness, saturation)
    return round(r * 255), round(g * 255), round(b * 255)


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """The colour `share` of the way from a to b."""
    r, g, bl = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, bl


@dataclass(frozen=True)
class Palette:
    """The colours of one picture: near-black ground, two lights and a pale highlight."""

    ground: Rgb
    raised: Rgb
    edge: Rgb
    main: Rgb
    second: Rgb
    pale: Rgb

    @staticmethod
    def of(main_hue: float, second_hue: float) -> Palette:
        """Ground colours lean to violet whatever the lights are, so a grid of covers agrees."""
        lean = main_hue + (268 - main_hue) * 0.55 if main_hue > 120 else 285
        return Palette(
            ground=hsl(lean, 0.36, 0.052),
            raised=hsl(lean, 0.32, 0.125),
            edge=hsl(lean, 0.30, 0.30),
            main=hsl(main_hue, 0.86, 0.63),
            second=hsl(second_hue, 0.84, 0.60),
            pale=hsl(main_hue, 0.75, 0.88),
        )


@dataclass(frozen=True)
class Paint:
    """A fill: one colour, or a linear run from c0 to c1 (angle in degrees, 90 is downwards)."""

    c0: Rgb
    c1: Rgb | None = None
    angle: float = 90.0
    a0: float = 1.0
    a1: float | None = None


class Canvas:
    """A picture in the making. Shapes paint over, `glow` adds light, `finish` grades."""

    def __init__(
        self, palette: Palette, rng: random.Random, size: tuple[int, int] = (WIDTH, HEIGHT)
    ) -> None:
        self.palette = palette
        self.rng = rng
        self.width, self.height = size
        self.scale = SUPERSAMPLING
        self.image = Image.new("RGB", (size[0] * self.scale, size[1] * self.scale), palette.ground)

    def poly(self, points: Points, paint: Paint | Rgb, alpha: float = 1.0) -> None:
        """Fill a polygon."""
        box = self._box(points, 0)
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        local = [(x * self.scale - box[0], y * self.scale - box[1]) for x, y in points]
        ImageDraw.Draw(mask).polygon(local, fill=255)
        self._paste(mask, box, paint, alpha)

    def line(
        self,
        points: Points,
        colour: Rgb,
        width: float = 1.2,
        alpha: float = 1.0,
        closed: bool = False,
    ) -> None:
        """Stroke a polyline; width in picture units."""
        run = [*points, points[0]] if closed else list(points)
        box = self._box(run, width)
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        local = [(x * self.scale - box[0], y * self.scale - box[1]) for x, y in run]
        stroke = max(1, round(width * self.scale))
        ImageDraw.Draw(mask).line(local, fill=255, width=stroke, joint="curve")
        self._paste(mask, box, colour, alpha)

    def glow(self, at: Point, rx: float, ry: float, colour: Rgb, strength: float = 0.5) -> None:
        """Add a soft elliptical light around a point."""
        s = self.scale
        x0, y0 = round((at[0] - rx) * s), round((at[1] - ry) * s)
        falloff = Image.radial_gradient("L").point([_falloff(i) for i in range(256)])
        falloff = falloff.resize((max(2, round(rx * 2 * s)), max(2, round(ry * 2 * s))))
        layer = ImageOps.colorize(falloff, BLACK_POINT, mix(BLACK_POINT, colour, strength))
        left, top = max(0, x0), max(0, y0)
        right = min(self.image.width, x0 + falloff.width)
        bottom = min(self.image.height, y0 + falloff.height)
        if right <= left or bottom <= top:
            return
        part = layer.crop((left - x0, top - y0, right - x0, bottom - y0))
        under = self.image.crop((left, top, right, bottom))
        self.image.paste(ImageChops.screen(under, part), (left, top))

    def shadow(self, points: Points, offset: Point, blur: float, alpha: float = 0.6) -> None:
        """Darken what lies under a polygon, softly."""
        mask = self._soft_mask(points, offset, blur).point([round(i * alpha) for i in range(256)])
        self.image.paste(BLACK, (0, 0), mask)

    def halo(self, points: Points, colour: Rgb, blur: float, strength: float = 0.6) -> None:
        """Let a polygon shine: its own shape as light, blurred."""
        mask = self._soft_mask(points, (0, 0), blur)
        layer = ImageOps.colorize(mask, BLACK_POINT, mix(BLACK_POINT, colour, strength))
        self.image = ImageChops.screen(self.image, layer)

    def disc(self, at: Point, radius: float, paint: Paint | Rgb, alpha: float = 1.0) -> None:
        """Fill a circle."""
        self.poly(ellipse(at, radius, radius), paint, alpha)

    def finish(self) -> Image.Image:
        """Bloom, bring down to size, vignette and grain."""
        small = self.image.reduce(self.scale)
        small = ImageChops.screen(small, _bloom(small))
        small = ImageChops.multiply(small, _vignette(small.size))
        return _grain(small, self.rng)

    def _soft_mask(self, points: Points, offset: Point, blur: float) -> Image.Image:
        # Blur at an eighth of the size: the result is soft anyway and costs 64 times less.
        down = 8
        k = self.scale / down
        size = (self.image.width // down, self.image.height // down)
        mask = Image.new("L", size, 0)
        local = [((x + offset[0]) * k, (y + offset[1]) * k) for x, y in points]
        ImageDraw.Draw(mask).polygon(local, fill=255)
        mask = mask.filter(ImageFilter.GaussianBlur(max(0.6, blur * k)))
        return mask.resize(self.image.size, Image.Resampling.BICUBIC)

    def _box(self, points: Points, margin: float) -> tuple[int, int, int, int] | None:
        s = self.scale
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        x0, y0 = math.floor((min(xs) - margin) * s), math.floor((min(ys) - margin) * s)
        x1, y1 = math.ceil((max(xs) + margin) * s) + 1, math.ceil((max(ys) + margin) * s) + 1
        box = (max(0, x0), max(0, y0), min(self.image.width, x1), min(self.image.height, y1))
        return box if box[2] > box[0] and box[3] > box[1] else None

    def _paste(
        self, mask: Image.Image, box: tuple[int, int, int, int], paint: Paint | Rgb, alpha: float
    ) -> None:
        if not isinstance(paint, Paint):
            paint = Paint(paint)
        a0, a1 = paint.a0 * alpha, (paint.a0 if paint.a1 is None else paint.a1) * alpha
        plain = paint.c1 is None or paint.c1 == paint.c0
        ramp = None if plain and a0 == a1 else _ramp(mask.size, paint.angle)
        if a0 == a1:
            mask = mask.point([round(i * a0) for i in range(256)]) if a0 < 1 else mask
        elif ramp is not None:
            shares = [round(255 * (a0 + (a1 - a0) * i / 255)) for i in range(256)]
            mask = ImageChops.multiply(mask, ramp.point(shares))
        if plain or ramp is None or paint.c1 is None:
            self.image.paste(paint.c0, box, mask)
        else:
            self.image.paste(ImageOps.colorize(ramp, paint.c0, paint.c1), box, mask)


BLACK_POINT: Rgb = (0, 0, 0)


def _falloff(i: int) -> int:
    # Pillow's radial ramp is 181 in the middle of an edge: the light has to be out by then.
    share: float = max(0.0, 1 - i / 178) ** 1.9
    return round(255 * share)


def _ramp(size: tuple[int, int], angle: float) -> Image.Image:
    dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    w, h = size
    corners = [x * dx + y * dy for x in (0, w) for y in (0, h)]
    low, span = min(corners), max(1e-6, max(corners) - min(corners))
    k = 253 / span
    data = (0, 0, 128, dx * k, dy * k, 1 - low * k)
    source = Image.linear_gradient("L")
    return source.transform(
        size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR, fillcolor=255
    )


def _bloom(image: Image.Image) -> Image.Image:
    small = image.reduce(6)
    small = small.point([max(0, i - 110) for i in range(256)] * 3)
    wide = small.filter(ImageFilter.GaussianBlur(9))
    near = small.filter(ImageFilter.GaussianBlur(3))
    both = ImageChops.add(wide, near.point([round(i * 0.6) for i in range(256)] * 3))
    return both.resize(image.size, Image.Resampling.BICUBIC)


def _vignette(size: tuple[int, int]) -> Image.Image:
    # Darker at the foot than at the head: the light comes from above.
    shade = Image.radial_gradient("L").point(
        [round(255 * (1 - 0.62 * max(0.0, i / 255 - 0.38) ** 1.4)) for i in range(256)]
    )
    w, h = size
    tall = shade.resize((round(w * 1.25), round(h * 1.5)), Image.Resampling.BICUBIC)
    left, top = (tall.width - w) // 2, round((tall.height - h) * 0.62)
    return tall.crop((left, top, left + w, top + h)).convert("RGB")


def _grain(image: Image.Image, rng: random.Random) -> Image.Image:
    # Grain also breaks up the bands that dark eight-bit gradients show.
    w, h = image.size
    noise = Image.frombytes("L", (w, h), rng.randbytes(w * h))
    noise = noise.point([124 + i * 9 // 256 for i in range(256)]).convert("RGB")
    return ImageChops.add(image, noise, 1, -128)


# --- geometry -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plane:
    """A flat sheet in space, seen at an angle: local x and y become picture coordinates."""

    origin: Point
    u: Point
    v: Point

    def at(self, x: float, y: float) -> Point:
        """One local point on the picture."""
        return (
            self.origin[0] + x * self.u[0] + y * self.v[0],
            self.origin[1] + x * self.u[1] + y * self.v[1],
        )

    def map(self, points: Iterable[Point]) -> list[Point]:
        """Many local points on the picture."""
        return [self.at(x, y) for x, y in points]

    def moved(self, dx: float, dy: float) -> Plane:
        """The same sheet elsewhere on the picture."""
        return Plane((self.origin[0] + dx, self.origin[1] + dy), self.u, self.v)


def ellipse(at: Point, rx: float, ry: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points on an ellipse; angles in degrees, clockwise from the right."""
    steps = max(12, round(abs(end - start) / 360 * (36 + max(rx, ry) * 0.7)))
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(at[0] + rx * math.cos(a), at[1] + ry * math.sin(a)) for a in angles]


def ring(at: Point, outer: float, inner: float, start: float, end: float) -> list[Point]:
    """A piece of a ring as one polygon."""
    out = ellipse(at, outer, outer, start, end)
    return out + ellipse(at, inner, inner, start, end)[::-1]


def rounded(x: float, y: float, w: float, h: float, r: float) -> list[Point]:
    """A rectangle with round corners."""
    r = min(r, w / 2, h / 2)
    corners = ((x + w - r, y + r, -90), (x + w - r, y + h - r, 0), (x + r, y + h - r, 90))
    points: list[Point] = []
    for cx, cy, start in (*corners, (x + r, y + r, 180)):
        points += [
            (cx + r * math.cos(math.radians(a)), cy + r * math.sin(math.radians(a)))
            for a in range(start, start + 91, 10)
        ]
    return points


def cut(x: float, y: float, w: float, h: float, c: float) -> list[Point]:
    """The house shape: a rectangle with two opposite corners cut off."""
    return [(x + c, y), (x + w, y), (x + w, y + h - c), (x + w - c, y + h), (x, y + h), (x, y + c)]


def rect(x: float, y: float, w: float, h: float) -> list[Point]:
    """A plain rectangle."""
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def regular(at: Point, radius: float, sides: int, turn: float = -90) -> list[Point]:
    """A regular polygon with one corner at `turn` degrees."""
    angles = [math.radians(turn + 360 * i / sides) for i in range(sides)]
    return [(at[0] + radius * math.cos(a), at[1] + radius * math.sin(a)) for a in angles]


def smooth(points: Points, closed: bool = False, steps: int = 10) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    n = len(points)
    result: list[Point] = []
    for i in range(n if closed else n - 1):
        quad = [points[j % n] if closed else points[min(max(j, 0), n - 1)] for j in _around(i)]
        result += [_catmull(quad, k / steps) for k in range(steps)]
    return result if closed else [*result, points[-1]]


def hull(points: Iterable[Point]) -> list[Point]:
    """The convex outline of a set of points."""
    ordered = sorted(set(points))
    halves: list[list[Point]] = []
    for run in (ordered, ordered[::-1]):
        half: list[Point] = []
        for p in run:
            while len(half) > 1 and _turn(half[-2], half[-1], p) <= 0:
                half.pop()
            half.append(p)
        halves.append(half[:-1])
    return halves[0] + halves[1]


def _around(i: int) -> range:
    return range(i - 1, i + 3)


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _catmull(q: Points, t: float) -> Point:
    def axis(k: int) -> float:
        p0, p1, p2, p3 = (p[k] for p in q)
        cubic = (3 * p1 - p0 - 3 * p2 + p3) * t**3
        square = (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        return 0.5 * (2 * p1 + (p2 - p0) * t + square + cubic)

    return axis(0), axis(1)
