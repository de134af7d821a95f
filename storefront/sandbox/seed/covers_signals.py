"""Covers about signals and people: gauges, radar, lights, shields, portraits."""

from __future__ import annotations

import math

from .covers_canvas import (
    Canvas,
    Paint,
    Point,
    cut,
    ellipse,
    mix,
    rect,
    regular,
    ring,
    rounded,
    smooth,
)
from .covers_parts import backdrop, bright, dark_face, floor


def hud(cv: Canvas) -> None:
    """A speedometer arc with status bars beside it."""
    p = cv.palette
    backdrop(cv, (600, 320), 0.42)
    c = (730.0, 372.0)
    for i in range(61):
        a = 140 + i * 260 / 60
        r0 = 262 if i % 5 else 246
        lit = i <= 40
        tone = mix(p.main, p.second, i / 60) if lit else p.edge
        tick = [_polar(c, r0, a), _polar(c, 282, a)]
        cv.line(tick, tone, 2.6 if i % 5 else 4.4, 0.95 if lit else 0.5)
    cv.poly(ring(c, 228, 204, 140, 400), mix(p.ground, p.edge, 0.55))
    arc = ring(c, 228, 204, 140, 140 + 260 * 0.67)
    cv.halo(arc, p.main, 26, 0.6)
    cv.poly(arc, Paint(p.main, p.second, 0))
    for r, a in ((312, 0.22), (190, 0.45)):
        cv.line(ellipse(c, r, r, 140, 400), p.pale, 1.1, a)
    tip = _polar(c, 192, 140 + 260 * 0.67)
    needle = [_polar(c, 12, 224), tip, _polar(c, 12, 44)]
    cv.poly(needle, p.pale, 0.95)
    cv.disc(c, 22, p.pale)
    cv.disc(c, 11, p.ground)
    for i in range(9):
        a = 0.95 if i < 6 else 0.25
        cv.poly(cut(c[0] - 92 + i * 21, c[1] + 96, 15, 30, 5), p.second if i < 6 else p.edge, a)
    for i in range(4):
        _meter(cv, (176, 230 + i * 76), (0.86, 0.62, 0.78, 0.34)[i], i)


def _meter(cv: Canvas, at: Point, share: float, i: int) -> None:
    p = cv.palette
    x, y = at
    cv.poly(regular((x, y + 16), 27, 6), dark_face(cv, 0.2))
    cv.line(regular((x, y + 16), 27, 6), p.main, 1.4, 0.7, closed=True)
    cv.poly(regular((x, y + 16), 11, (3, 4, 5, 6)[i]), p.pale, 0.9)
    cv.poly(cut(x + 44, y + 6, 236, 20, 8), mix(p.ground, p.edge, 0.5))
    cv.poly(cut(x + 44, y + 6, 236 * share, 20, 8), Paint(p.main, p.second, 0))


def dispatch(cv: Canvas) -> None:
    """A radar disc on a table with calls lighting up."""
    p = cv.palette
    backdrop(cv, (600, -30), 0.42)
    c = (600.0, 372.0)
    flat = 0.60

    def on(r: float, a: float) -> Point:
        return (c[0] + r * math.cos(math.radians(a)), c[1] + r * flat * math.sin(math.radians(a)))

    disc = ellipse(c, 430, 430 * flat)
    cv.shadow(disc, (0, 50), 30, 0.8)
    cv.poly([(x, y + 20) for x, y in disc], p.ground)
    cv.poly(disc, dark_face(cv))
    for i in range(56):
        wedge = [c, *(on(424, -36 - i * 1.5 - k) for k in (0, 1.7))]
        cv.poly(wedge, p.main, 0.42 * (1 - i / 56) ** 1.5)
    for k in range(1, 6):
        cv.line(ellipse(c, 86 * k, 86 * k * flat), p.main, 1.5, 0.18 + 0.12 * k, closed=True)
    for a in range(0, 180, 30):
        cv.line([on(430, a), on(430, a + 180)], p.edge, 1.0, 0.6)
    cv.line([c, on(428, -36)], p.pale, 2.6, 0.95)
    for r, a, tone in ((250, -78, p.second), (330, -128, p.pale), (180, -20, p.second),
                       (300, 38, p.main), (210, 150, p.main)):  # fmt: skip
        at = on(r, a)
        cv.glow(at, 86, 60, tone, 0.9)
        for k in (16, 30):
            cv.line(ellipse(at, k, k * flat), tone, 1.6, 0.9 - k / 50, closed=True)
        cv.line([at, (at[0], at[1] - 54)], tone, 1.6, 0.8)
        cv.poly(regular((at[0], at[1] - 68), 16, 4), tone)


def ems(cv: Canvas) -> None:
    """A pulse running through a lit cross."""
    p = cv.palette
    backdrop(cv, (600, 300), 0.4)
    for i in range(1, 25):
        cv.line([(i * 50, 0), (i * 50, 675)], p.edge, 0.8, 0.14)
    for i in range(1, 14):
        cv.line([(0, i * 50), (1200, i * 50)], p.edge, 0.8, 0.14)
    cross = [(540, 130), (660, 130), (660, 270), (800, 270), (800, 390), (660, 390), (660, 530),
             (540, 530), (540, 390), (400, 390), (400, 270), (540, 270)]  # fmt: skip
    cv.halo(cross, p.main, 60, 0.4)
    cv.shadow(cross, (0, 30), 30, 0.6)
    cv.poly(cross, Paint(mix(p.raised, p.main, 0.42), mix(p.ground, p.main, 0.16), 70))
    cv.line(cross, p.pale, 1.6, 0.7, closed=True)
    pulse = [(0, 340), (330, 340), (372, 300), (410, 340), (470, 340), (510, 392), (566, 150),
             (628, 500), (676, 300), (704, 340), (800, 340), (836, 296), (880, 340),
             (1200, 340)]  # fmt: skip
    cv.line(pulse, p.second, 12, 0.22)
    cv.line(pulse, p.second, 6, 0.9)
    cv.line(pulse, p.pale, 2.2, 1.0)
    cv.glow((880, 340), 90, 90, p.pale, 0.8)
    cv.disc((880, 340), 9, (255, 255, 255))


def police_pack(cv: Canvas) -> None:
    """A light bar across the roof of a car at night."""
    p = cv.palette
    backdrop(cv, (600, -40), 0.25)
    red, blue = (255, 62, 108), (70, 130, 255)
    cv.glow((250, 300), 620, 420, blue, 0.55)
    cv.glow((950, 300), 620, 420, red, 0.5)
    roof = smooth([(-40, 690), (90, 560), (210, 470), (330, 430), (600, 418), (870, 430),
                   (990, 470), (1110, 560), (1240, 690)])  # fmt: skip
    cv.poly(roof, Paint(mix(p.raised, p.edge, 0.8), p.ground, 90))
    cv.line(roof, p.pale, 2.2, 0.6)
    glass = smooth([(210, 690), (300, 560), (380, 500), (600, 490), (820, 500), (900, 560),
                    (990, 690)])  # fmt: skip
    cv.poly(glass, Paint(mix(p.ground, p.edge, 0.3), p.ground, 90))
    cv.line(glass, p.edge, 1.6, 0.8)
    cv.poly(cut(280, 396, 640, 40, 10), Paint(p.edge, p.ground))
    cv.poly(rect(560, 318, 80, 84), Paint(mix(p.edge, p.pale, 0.25), p.raised))
    for side, tone in ((-1, blue), (1, red)):
        for i in range(5):
            x = 600 + side * (76 + i * 58) - 26
            strong = i in (1, 3, 4)
            white = mix(tone, (255, 255, 255), 0.65 if strong else 0.08)
            lamp = cut(x, 314, 52, 88, 10)
            if strong:
                cv.halo(lamp, tone, 34, 0.8)
                cv.glow((x + 26, 352), 420, 34, tone, 0.5)
            cv.poly(lamp, Paint(white, mix(tone, p.ground, 0.25), 90), 1.0 if strong else 0.75)
            cv.line(lamp, p.pale, 1.0, 0.5, closed=True)
    for tone, x in ((blue, 330), (red, 870)):
        cv.poly([(x - 40, 314), (x + 40, 314), (x + (x - 600) * 1.5 + 260, -20),
                 (x + (x - 600) * 1.5 - 260, -20)], Paint(tone, tone, 90, 0.0, 0.20))  # fmt: skip


def shield(cv: Canvas) -> None:
    """Nested angular shields with a lit core."""
    p = cv.palette
    backdrop(cv, (600, 250), 0.42)
    for i in range(4):
        k = 1.18 - i * 0.24
        shape = _shield((600, 335), k)
        cv.shadow(shape, (0, 22), 22, 0.5)
        face = bright(cv, 70) if i == 3 else dark_face(cv, i * 0.10)
        if i == 3:
            cv.halo(shape, p.main, 50, 0.6)
        cv.poly(shape, face)
        cv.line(shape, p.pale if i == 3 else p.main, 1.8, 0.85 if i in (0, 3) else 0.45, True)
        half = [pt for pt in shape if pt[0] >= 600]
        cv.poly([(600, 335 - 232 * k), *half, (600, 335 + 250 * k)], p.ground, 0.22)
    lock = rounded(560, 318, 80, 66, 12)
    cv.line(ellipse((600, 316), 27, 32, 180, 360), p.ground, 11, 1.0)
    cv.poly(lock, p.ground)
    cv.disc((600, 348), 9, p.pale)
    for i in range(12):
        y = 90 + i * 44
        length = cv.rng.uniform(60, 190)
        for side in (-1, 1):
            x = 600 + side * (330 + cv.rng.uniform(0, 60))
            cv.line([(x, y), (x + side * length, y)], p.main, 2.2, cv.rng.uniform(0.12, 0.5))
            cv.disc((x + side * length, y), 4, p.second, 0.8)


def _shield(at: Point, k: float) -> list[Point]:
    half = ((0, -232), (96, -206), (206, -190), (206, 20), (150, 140), (70, 212), (0, 250))
    right = [(at[0] + x * k, at[1] + y * k) for x, y in half]
    return right + [(2 * at[0] - x, y) for x, y in reversed(right[1:-1])]


def creator(cv: Canvas) -> None:
    """A faceted head being adjusted along measuring lines."""
    p = cv.palette
    backdrop(cv, (560, 220), 0.42)
    half: tuple[Point, ...] = (
        (0, -230), (88, -208), (142, -130), (150, -30), (128, 66), (84, 142), (34, 178), (0, 184),
    )  # fmt: skip
    c = (520.0, 318.0)
    cv.poly([(c[0] - 84, c[1] + 120), (c[0] + 84, c[1] + 120), (c[0] + 96, c[1] + 250),
             (c[0] + 250, c[1] + 330), (c[0] + 270, 690), (c[0] - 270, 690),
             (c[0] - 250, c[1] + 330), (c[0] - 96, c[1] + 250)],
            Paint(mix(p.edge, p.main, 0.30), p.ground, 80))  # fmt: skip
    inner: tuple[Point, ...] = ((0, -120), (66, -96), (52, -20), (0, -6), (40, 56), (0, 96))
    points = half + inner
    for sign in (-1, 1):
        for i, corner in enumerate(half[:-1]):
            near = inner[i * 5 // 6]
            _facet(cv, c, sign, (corner, half[i + 1], near), 0.24 + 0.07 * (i % 3))
        for i in range(len(inner) - 1):
            _facet(cv, c, sign, (inner[i], inner[i + 1], points[2 + i % 4]), 0.44 + 0.10 * (i % 2))
    for y, share in ((-96, 0.42), (-20, 0.66), (56, 0.30), (140, 0.55)):
        at = (c[0] + 66, c[1] + y)
        cv.line([at, (800, c[1] + y), (820, c[1] + y)], p.main, 1.2, 0.7)
        cv.disc(at, 5, p.pale)
        cv.poly(cut(826, c[1] + y - 9, 250, 18, 7), mix(p.ground, p.edge, 0.6))
        cv.poly(cut(826, c[1] + y - 9, 250 * share, 18, 7), Paint(p.main, p.second, 0))
        cv.poly(regular((826 + 250 * share, c[1] + y), 16, 6), p.pale)


def _facet(cv: Canvas, c: Point, sign: int, shape: tuple[Point, ...], share: float) -> None:
    p = cv.palette
    put = [(c[0] + sign * x, c[1] + y) for x, y in shape]
    tone = p.main if sign < 0 else p.second
    cv.poly(put, Paint(mix(p.raised, tone, share + 0.12), mix(p.ground, tone, share), 60))
    cv.line(put, mix(tone, p.pale, 0.4), 1.1, 0.6, closed=True)


def multichar(cv: Canvas) -> None:
    """Three people under spotlights, the middle one chosen."""
    p = cv.palette
    backdrop(cv, (600, -60), 0.35)
    floor(cv, 520, 600, 6)
    for x, k, lit in ((250, 0.82, False), (950, 0.82, False), (600, 1.06, True)):
        tone = p.main if lit else p.edge
        beam = [(x - 46 * k, -20), (x + 46 * k, -20), (x + 190 * k, 590), (x - 190 * k, 590)]
        cv.poly(beam, Paint(tone, tone, 90, 0.40 if lit else 0.30, 0.02))
        for r in (170, 132):
            cv.line(ellipse((x, 588), r * k, r * 0.2 * k), tone, 2.2, 0.9, closed=True)
        if lit:
            cv.glow((x, 588), 260, 70, p.second, 0.6)
        _figure(cv, (x, 590), k, lit)


def _figure(cv: Canvas, foot: Point, k: float, lit: bool) -> None:
    p = cv.palette
    half = ((0, -356), (22, -352), (28, -336), (78, -318), (96, -286), (104, -170), (96, -146),
            (84, -150), (80, -170), (74, -264), (62, -196), (62, -110), (56, -20), (64, 0),
            (22, 0), (20, -24), (8, -150), (0, -166))  # fmt: skip
    right = [(foot[0] + x * k, foot[1] + y * k) for x, y in half]
    body = right + [(2 * foot[0] - x, y) for x, y in reversed(right)]
    face = Paint(p.main, mix(p.ground, p.second, 0.35)) if lit else Paint(p.edge, p.ground)
    head = ellipse((foot[0], foot[1] - 398 * k), 37 * k, 44 * k)
    if lit:
        cv.halo(body, p.main, 36, 0.5)
    for shape in (body, head):
        cv.poly(shape, face)
        cv.line(shape, p.pale, 1.4, 0.8 if lit else 0.25, closed=True)


def _polar(c: Point, r: float, degrees: float) -> Point:
    a = math.radians(degrees)
    return c[0] + r * math.cos(a), c[1] + r * math.sin(a)
