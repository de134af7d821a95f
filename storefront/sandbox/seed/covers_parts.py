"""Pieces that several covers share: backdrop, floor, slabs, cars, skylines."""

from __future__ import annotations

import math

from .covers_canvas import (
    BLACK,
    HEIGHT,
    WIDTH,
    Canvas,
    Paint,
    Plane,
    Point,
    Points,
    Rgb,
    ellipse,
    hull,
    mix,
    rect,
    rounded,
    smooth,
)

# Two ways of laying a sheet into the picture: on a table, and standing turned a little.
LYING = ((0.88, -0.24), (0.50, 0.52))
LEANING = ((0.90, -0.20), (0.17, 0.93))


def backdrop(cv: Canvas, light: Point = (600, -40), strength: float = 0.5) -> None:
    """Near-black ground, light falling from above, and one angular facet for depth."""
    p = cv.palette
    w, h = cv.width, cv.height
    cv.poly(rect(0, 0, w, h), Paint(p.raised, p.ground, 80))
    lean = cv.rng.uniform(150, 330)
    left = cv.rng.uniform(0.45, 0.8) * w
    facet = [(left, 0), (w, 0), (w, h), (left - lean, h)]
    cv.poly(facet, Paint(p.edge, p.ground, 100, 0.30, 0.0))
    cv.line([(left, 0), (left - lean, h)], p.edge, 0.8, 0.45)
    cv.glow(light, w * 0.62, h * 0.95, p.main, strength)
    cv.glow((light[0] + 260, light[1] - 30), w * 0.4, h * 0.6, p.second, strength * 0.35)


def slab(
    cv: Canvas,
    plane: Plane,
    outline: Points,
    face: Paint,
    depth: float = 12,
    rim: Rgb | None = None,
    shade: float = 0.7,
) -> None:
    """A thick sheet: shadow below, dark side, face, and a hairline of light on the rim."""
    top = plane.map(outline)
    under = [(x, y + depth) for x, y in top]
    if shade:
        cv.shadow(top, (0, depth + 26), 26, shade)
    side = mix(cv.palette.ground, face.c0, 0.30)
    cv.poly(hull([*top, *under]), Paint(side, cv.palette.ground))
    cv.poly(top, face)
    cv.line(top, rim or mix(face.c0, cv.palette.pale, 0.45), 1.0, 0.75, closed=True)


def dark_face(cv: Canvas, lift: float = 0.0) -> Paint:
    """The usual surface of a panel."""
    p = cv.palette
    return Paint(mix(p.raised, p.edge, 0.35 + lift), mix(p.ground, p.raised, 0.7 + lift), 70)


def bright(cv: Canvas, turn: float = 60) -> Paint:
    """The one lit surface of a picture."""
    return Paint(cv.palette.main, cv.palette.second, turn)


def bar(
    cv: Canvas, plane: Plane, box: tuple[float, float, float, float], paint: Paint | Rgb, a: float
) -> None:
    """A round-ended bar on a sheet: text lines, meters, buttons."""
    x, y, w, h = box
    cv.poly(plane.map(rounded(x, y, w, h, min(h / 2, 9))), paint, a)


def floor(cv: Canvas, horizon: float, vanish: float = 600, rows: int = 9) -> None:
    """A floor in perspective with hairlines running to one point."""
    p = cv.palette
    w, h = cv.width, cv.height
    cv.poly(rect(0, horizon, w, h - horizon), Paint(mix(p.ground, p.raised, 0.4), p.ground))
    for i in range(-14, 15):
        cv.line([(vanish + i * 34, horizon), (vanish + i * 250, h)], p.edge, 0.8, 0.20)
    for i in range(rows):
        y = horizon + (h - horizon) * (i / rows) ** 2.1
        cv.line([(0, y), (w, y)], p.edge, 0.8, 0.12 + 0.18 * i / rows)
    cv.line([(0, horizon), (w, horizon)], p.main, 1.0, 0.28)


def crate(
    cv: Canvas, at: Point, size: float, tall: float, top: Paint | Rgb, tint: float = 0.0
) -> None:
    """A box seen from a corner above; `at` is the middle of its foot."""
    p = cv.palette
    x, y = at
    dx, dy = size * 0.87, size * 0.5
    foot = [(x, y + dy), (x + dx, y), (x, y - dy), (x - dx, y)]
    roof = [(a, b - tall) for a, b in foot]
    left = [foot[3], foot[0], roof[0], roof[3]]
    right = [foot[0], foot[1], roof[1], roof[0]]
    base = top.c0 if isinstance(top, Paint) else top
    cv.poly(left, Paint(mix(p.raised, base, 0.28 + tint), p.ground))
    cv.poly(right, Paint(mix(p.ground, base, 0.20 + tint), p.ground))
    cv.poly(roof, top)
    cv.line(roof, p.pale, 0.9, 0.35, closed=True)
    cv.line([roof[0], foot[0]], p.pale, 0.9, 0.16)


CAR_FRONT = (
    (0, -116), (44, -115), (68, -109), (86, -90), (108, -68), (140, -63), (153, -52),
    (157, -32), (154, -14), (146, -4), (60, -2), (0, -2),
)  # fmt: skip


def car_front(cv: Canvas, at: Point, k: float, lamps: Rgb) -> None:
    """A low car facing the viewer, a dark shape lit by its own lamps; k = 1 is 314 units wide."""
    p = cv.palette
    white = mix(lamps, (255, 255, 255), 0.78)

    def half(points: Points, sign: int = 1) -> list[Point]:
        return [(at[0] + sign * x * k, at[1] + y * k) for x, y in points]

    def both(points: Points) -> list[Point]:
        return half(points) + half(points, -1)[::-1]

    def sides(points: Points, paint: Paint | Rgb, alpha: float = 1.0) -> None:
        for sign in (1, -1):
            cv.poly(half(points, sign), paint, alpha)

    for sign in (1, -1):
        lamp = (at[0] + sign * 124 * k, at[1] - 48 * k)
        cv.glow(lamp, 230 * k, 130 * k, lamps, 0.75)
        cv.glow(lamp, 520 * k, 24 * k, lamps, 0.85)
    cv.glow((at[0], at[1] + 26 * k), 300 * k, 46 * k, lamps, 0.5)
    cv.shadow(ellipse((at[0], at[1] + 10 * k), 158 * k, 15 * k), (0, 0), 7 * k, 1.0)
    sides(((100, -26), (146, -26), (145, 8), (139, 13), (108, 13), (101, 8)), (2, 2, 4))
    sides(((92, -80), (124, -84), (129, -74), (100, -68)), mix(p.ground, p.edge, 0.35))
    body = both(smooth(CAR_FRONT, steps=6))
    cv.poly(body, Paint(mix(p.raised, p.main, 0.32), mix(p.ground, p.raised, 0.35)))
    cv.poly(both(((0, -109), (60, -105), (94, -70), (0, -67))),
            Paint(mix(p.ground, p.second, 0.16), BLACK, 80))  # fmt: skip
    cv.poly(both(((0, -109), (22, -108), (-6, -67), (0, -67)))[:4], p.pale, 0.06)
    sides(((0, -66), (94, -69), (134, -61), (88, -50), (62, -40), (0, -38)),
          Paint(mix(p.raised, p.main, 0.40), mix(p.ground, p.main, 0.10), 90))  # fmt: skip
    for x0, x1 in ((34, 44), (78, 72)):
        for sign in (1, -1):
            cv.line(half(((x0, -66), (x1, -42)), sign), p.pale, 1.0, 0.22)
    cv.poly(both(((0, -33), (66, -34), (50, -10), (0, -9))), BLACK)
    for i in range(4):
        cv.line(half(((-60 + i * 4, -29 + i * 5), (60 - i * 4, -29 + i * 5))), p.edge, 0.8, 0.8)
    sides(((80, -30), (140, -38), (132, -14), (92, -12)), BLACK, 0.9)
    cv.line(both(((0, -6), (142, -9))), p.edge, 1.4, 0.9)
    edge = smooth(CAR_FRONT[:8], steps=6)
    for sign, tone in ((1, p.pale), (-1, mix(p.main, p.pale, 0.4))):
        cv.line(half(edge, sign), tone, 1.7, 0.8)
    sides(((84, -48), (146, -57), (143, -49), (92, -42)), white)
    sides(((92, -38), (140, -45), (139, -43), (92, -36)), white, 0.6)
    for sign in (1, -1):
        cv.glow((at[0] + sign * 120 * k, at[1] - 49 * k), 90 * k, 34 * k, lamps, 0.8)


CAR_SIDE = (
    (-236, -34), (-232, -52), (-206, -66), (-118, -78), (-66, -112), (-10, -124), (52, -120),
    (112, -98), (160, -82), (214, -78), (232, -66), (236, -38), (226, -24),
)  # fmt: skip


def car_side(cv: Canvas, at: Point, k: float, paint: Paint) -> None:
    """A low coupe from the side; k = 1 is 472 units long."""
    p = cv.palette

    def put(points: Points) -> list[Point]:
        return [(at[0] + x * k, at[1] + y * k) for x, y in points]

    roof = smooth(CAR_SIDE, steps=8)
    body = put([*roof, (188, -16), (-196, -16), (-232, -22)])
    cv.shadow(body, (0, 26 * k), 14 * k, 0.95)
    cv.poly(body, paint)
    glass = smooth(((-96, -80), (-58, -106), (-8, -116), (46, -112), (98, -92), (104, -80)))
    cv.poly(put([*glass, (-96, -78)]), Paint(p.ground, mix(p.raised, p.edge, 0.5), 40))
    cv.line(put([(14, -115), (22, -80), (14, -30)]), p.ground, 1.6, 0.8)
    cv.line(put(roof), p.pale, 1.8, 0.8)
    cv.line(put([(-226, -50), (-60, -60), (120, -64), (232, -58)]), p.pale, 1.1, 0.45)
    cv.poly(put([(-238, -30), (-150, -22), (190, -22), (232, -28), (226, -14), (-226, -14)]),
            p.ground, 0.75)  # fmt: skip
    cv.poly(put([(-234, -52), (-196, -62), (-204, -52), (-232, -46)]), p.pale)
    cv.glow(put([(-226, -52)])[0], 130 * k, 60 * k, p.pale, 0.6)
    cv.poly(put([(234, -62), (212, -68), (212, -60), (235, -54)]), (255, 90, 110))
    for x in (-146, 142):
        wheel(cv, put([(x, -22)])[0], 41 * k)


def wheel(cv: Canvas, at: Point, r: float, spokes: int = 10) -> None:
    """A tyre with a spoked rim and a lit brake disc."""
    p = cv.palette
    cv.disc(at, r, (6, 5, 10))
    cv.line(ellipse(at, r * 0.97, r * 0.97), p.edge, 0.8, 0.6)
    cv.disc(at, r * 0.74, Paint(mix(p.raised, p.edge, 0.5), p.ground))
    cv.line(ellipse(at, r * 0.50, r * 0.50), p.main, max(1.0, r * 0.05), 0.55)
    for i in range(spokes):
        a = math.tau * i / spokes + 0.2
        for d in (-0.07, 0.07):
            inner = (at[0] + r * 0.14 * math.cos(a + d * 4), at[1] + r * 0.14 * math.sin(a + d * 4))
            outer = (at[0] + r * 0.72 * math.cos(a + d), at[1] + r * 0.72 * math.sin(a + d))
            cv.line([inner, outer], mix(p.edge, p.pale, 0.55), max(1.0, r * 0.045), 0.9)
    cv.line(ellipse(at, r * 0.74, r * 0.74), p.pale, max(1.0, r * 0.035), 0.7)
    cv.disc(at, r * 0.13, p.main)


def skyline(cv: Canvas, ground: float, tallest: float, tone: Rgb, windows: float) -> None:
    """A row of towers with lit windows along a base line."""
    x = -20.0
    while x < cv.width + 20:
        w = cv.rng.uniform(38, 96)
        centre = 1 - abs((x + w / 2) / cv.width - 0.5) * 1.3
        h = tallest * cv.rng.uniform(0.35, 1.0) * max(0.25, centre)
        cv.poly(rect(x, ground - h, w, h), Paint(tone, mix(tone, cv.palette.ground, 0.75)))
        cv.line([(x, ground), (x, ground - h), (x + w, ground - h)], cv.palette.pale, 0.8, 0.16)
        _windows(cv, x, ground - h, w, h, windows)
        x += w + cv.rng.uniform(0, 6)


def _windows(cv: Canvas, x: float, y: float, w: float, h: float, share: float) -> None:
    for row in range(int((h - 16) // 13)):
        for column in range(int((w - 12) // 11)):
            if cv.rng.random() < share:
                colour = cv.palette.second if cv.rng.random() < 0.3 else cv.palette.pale
                spot = rect(x + 8 + column * 11, y + 9 + row * 13, 5, 6)
                cv.poly(spot, colour, cv.rng.uniform(0.35, 0.95))


def waves(cv: Canvas, y: float, height: float, phase: float) -> list[Point]:
    """One crest line across the picture."""
    w = cv.width or WIDTH
    return [
        (x, y + height * math.sin(x / 150 + phase) + height * 0.4 * math.sin(x / 61 + phase * 2.3))
        for x in range(-10, w + 20, 10)
    ]


def down_to_floor(cv: Canvas, crest: Points) -> list[Point]:
    """Close a line to a filled area reaching the lower edge."""
    foot = (cv.height or HEIGHT) + 4
    return [*crest, (crest[-1][0], foot), (crest[0][0], foot)]
