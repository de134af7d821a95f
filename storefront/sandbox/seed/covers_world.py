"""Covers about places: water, fields, houses, sky, rock, maps."""

from __future__ import annotations

import math

from .covers_canvas import Canvas, Paint, Plane, Point, cut, ellipse, mix, rect, rounded, smooth
from .covers_parts import (
    LYING,
    backdrop,
    bright,
    car_front,
    crate,
    dark_face,
    down_to_floor,
    skyline,
    slab,
    waves,
)


def fishing(cv: Canvas) -> None:
    """Night water in layers, a moon, a float on a taut line."""
    p = cv.palette
    backdrop(cv, (840, 120), 0.5)
    cv.disc((840, 196), 96, Paint(p.pale, p.main, 70))
    cv.glow((840, 196), 420, 360, p.main, 0.5)
    tones = (0.30, 0.24, 0.17, 0.11, 0.05)
    for i, share in enumerate(tones):
        crest = waves(cv, 330 + i * 68, 13 + i * 5, i * 1.9 + 0.4)
        body = Paint(mix(p.ground, p.main, share + 0.06), mix(p.ground, p.second, share * 0.4))
        cv.poly(down_to_floor(cv, crest), body)
        cv.line(crest, mix(p.main, p.pale, 0.4), 1.6, 0.75 - i * 0.1)
        if i == 2:
            _float(cv, (476, crest[49][1] - 4))
    for i in range(16):
        y = 344 + i * 17
        half = cv.rng.uniform(10, 78) * (1 - i / 26)
        cv.line([(840 - half, y), (840 + half, y)], p.pale, 2.2, 0.5 - i * 0.026)


def _float(cv: Canvas, at: Point) -> None:
    p = cv.palette
    x, y = at
    cv.line(smooth([(-10, 70), (180, 150), (360, 290), (x, y - 74)]), p.pale, 1.6, 0.8)
    cv.line([(x, y - 74), (x, y + 20)], p.pale, 4, 0.9)
    cv.poly(ellipse((x, y - 8), 26, 36), Paint(p.pale, p.second, 90))
    cv.poly(ellipse((x, y - 8), 26, 36, 0, 180), p.second)
    for r in (54, 92, 136):
        cv.line(ellipse((x, y + 18), r, r * 0.2), p.pale, 1.3, 0.6 - r / 320, closed=True)


def farming(cv: Canvas) -> None:
    """Furrows running to a rising sun."""
    p = cv.palette
    backdrop(cv, (600, 240), 0.4)
    cv.disc((600, 300), 132, Paint(p.pale, p.second, 90))
    cv.glow((600, 290), 620, 340, p.main, 0.65)
    hills = smooth([(-20, 300), (160, 258), (340, 292), (560, 262), (800, 296), (1010, 250),
                    (1230, 286)])  # fmt: skip
    cv.poly(down_to_floor(cv, hills), Paint(mix(p.ground, p.main, 0.24), p.ground))
    cv.line(hills, p.pale, 1.2, 0.5)
    horizon = 318.0
    cv.poly(rect(0, horizon, 1200, 360), Paint(mix(p.ground, p.second, 0.30), p.ground))
    for i in range(-11, 12):
        near, far = 600 + i * 190, 600 + i * 21
        row = [(far - 4, horizon), (far + 4, horizon), (near + 52, 680), (near - 52, 680)]
        cv.poly(row, Paint(mix(p.main, p.ground, 0.45), mix(p.main, p.ground, 0.80), 90))
        cv.line([row[0], row[3]], p.pale, 1.0, 0.22)
        for k in range(1, 9):
            t = (k / 9) ** 1.7
            _sprout(cv, (far + (near - far) * t, horizon + 362 * t), 46 * t + 4)


def _sprout(cv: Canvas, at: Point, k: float) -> None:
    p = cv.palette
    x, y = at
    for side in (-1, 1):
        leaf = [(x, y), (x + side * k * 0.5, y - k * 0.35), (x + side * k * 0.62, y - k * 0.95),
                (x + side * k * 0.16, y - k * 0.5)]  # fmt: skip
        cv.poly(leaf, Paint(p.pale, p.main, 90), 0.85 if side > 0 else 0.6)


def housing(cv: Canvas) -> None:
    """A block of flats from a corner above, a few windows lit."""
    p = cv.palette
    backdrop(cv, (560, -30), 0.5)
    yard = Plane((80, 520), *LYING)
    slab(cv, yard, cut(0, 0, 780, 400, 40), dark_face(cv), 14)
    blocks = ((742, 372, 118, 150, 0.0), (388, 440, 128, 196, 0.0), (600, 470, 150, 330, 0.2),
              (846, 486, 110, 210, 0.1), (540, 600, 92, 96, 0.3))  # fmt: skip
    for x, y, size, tall, tint in blocks:
        roof = Paint(mix(p.edge, p.main, 0.25 + tint), mix(p.raised, p.main, 0.2 + tint), 30)
        crate(cv, (x, y), size, tall, bright(cv, 20) if tall > 300 else roof)
        _facade(cv, (x, y), size, tall)
    cv.glow((600, 250), 330, 200, p.main, 0.28)


def _facade(cv: Canvas, at: Point, size: float, tall: float) -> None:
    dx, dy = size * 0.87, size * 0.5
    for side in (-1, 1):
        wall = Plane((at[0], at[1] + dy), (side * dx / 100, -dy / 100), (0, -1))
        for row in range(int((tall - 24) // 34)):
            for column in range(4):
                lit = cv.rng.random() < 0.34
                tone = cv.rng.choice((cv.palette.pale, cv.palette.second)) if lit else (8, 6, 14)
                spot = wall.map(rect(11 + column * 22, 18 + row * 34, 13, 19))
                cv.poly(spot, tone, 0.95 if lit else 0.55)


def weather(cv: Canvas) -> None:
    """Half day, half storm: a sun, stacked clouds, slanting rain."""
    p = cv.palette
    backdrop(cv, (420, 180), 0.5)
    for r, a in ((262, 0.10), (206, 0.16), (154, 0.25)):
        cv.disc((438, 250), r, p.main, a)
    cv.disc((438, 250), 108, Paint(p.pale, p.main, 70))
    cv.glow((438, 250), 420, 380, p.main, 0.4)
    for _ in range(90):
        x, y = cv.rng.uniform(430, 1080), cv.rng.uniform(400, 660)
        length = cv.rng.uniform(18, 70)
        cv.line([(x, y), (x - length * 0.36, y + length)], p.second, 2.0, cv.rng.uniform(0.2, 0.8))
    for x, y, k, lift in ((800, 300, 1.25, 0.0), (560, 372, 1.0, 0.12), (850, 408, 1.1, 0.24)):
        _cloud(cv, (x, y), k, lift)
    bolt = [(742, 430), (690, 528), (736, 524), (700, 632), (806, 492), (756, 498), (800, 430)]
    cv.halo(bolt, p.pale, 26, 0.7)
    cv.poly(bolt, Paint(p.pale, p.second, 90))


def _cloud(cv: Canvas, at: Point, k: float, lift: float) -> None:
    p = cv.palette
    body = Paint(mix(p.edge, p.second, 0.18 + lift), mix(p.ground, p.raised, 0.9), 90)
    x, y = at
    puffs = ((-120, -10, 66), (-40, -62, 86), (62, -44, 74), (136, -4, 56))
    outline = [ellipse((x + dx * k, y + dy * k), r * k, r * k) for dx, dy, r in puffs]
    base = rounded(x - 186 * k, y - 24 * k, 378 * k, 80 * k, 40 * k)
    cv.shadow(base, (0, 26), 24, 0.6)
    for puff in outline:
        cv.line(puff, p.pale, 2.2, 0.6)
    for shape in (*outline, base):
        cv.poly(shape, body)


def minimap(cv: Canvas) -> None:
    """Contour lines of an island with a route and a marker."""
    p = cv.palette
    backdrop(cv, (600, -30), 0.4)
    sheet = Plane((120, 372), (0.90, -0.20), (0.42, 0.60))
    slab(cv, sheet, cut(-20, -40, 900, 480, 46), dark_face(cv), 16)
    shape = [cv.rng.uniform(0.82, 1.2) for _ in range(14)]
    for level in range(9):
        k = 1 - level * 0.105
        ring = [
            (430 + 390 * k * s * math.cos(math.tau * i / 14) + level * 12,
             200 + 205 * k * min(1.05, s) * math.sin(math.tau * i / 14) - level * 7)
            for i, s in enumerate(shape)
        ]  # fmt: skip
        crest = sheet.moved(0, -level * 11).map(smooth(ring, closed=True))
        fill = mix(mix(p.ground, p.raised, 0.8), p.main, 0.05 + level * 0.065)
        cv.poly(crest, fill, 0.92)
        cv.line(crest, mix(p.main, p.pale, level / 12), 1.6, 0.35 + level * 0.07, closed=True)
    route = smooth([(90, 330), (210, 300), (280, 220), (420, 250), (520, 190)])
    cv.line(sheet.moved(0, -26).map(route), p.second, 6, 0.95)
    at = sheet.moved(0, -64).at(520, 180)
    pin = [*ellipse((at[0], at[1] - 96), 46, 46, 150, 390), at]
    cv.halo(pin, p.second, 34, 0.7)
    cv.poly(pin, Paint(p.pale, p.second, 70))
    cv.disc((at[0], at[1] - 96), 18, p.ground)


def mining(cv: Canvas) -> None:
    """A cluster of cut crystals growing from rock."""
    p = cv.palette
    backdrop(cv, (600, -20), 0.45)
    cv.glow((600, 420), 470, 300, p.main, 0.55)
    stones = ((-250, 0.62, -34), (262, 0.70, 33), (-150, 0.95, -17), (160, 1.05, 16), (0, 1.5, -2),
              (-64, 0.66, -9), (86, 0.60, 10))  # fmt: skip
    for x, k, lean in stones:
        _crystal(cv, (600 + x, 590), k, lean)
    rock = [(120, 680), (210, 596), (330, 560), (430, 590), (540, 556), (690, 584), (800, 552),
            (930, 590), (1050, 604), (1110, 680)]  # fmt: skip
    cv.poly(rock, Paint(mix(p.raised, p.edge, 0.4), p.ground))
    cv.line(rock[:-1], p.pale, 1.2, 0.35)
    for i in range(1, len(rock) - 2):
        cv.line([rock[i], (rock[i][0] + cv.rng.uniform(-60, 60), 680)], p.edge, 1.0, 0.5)


def _crystal(cv: Canvas, foot: Point, k: float, lean: float) -> None:
    p = cv.palette
    a = math.radians(lean)

    def put(x: float, y: float) -> Point:
        x, y = x * k, y * k
        return (foot[0] + x * math.cos(a) - y * math.sin(a),
                foot[1] + x * math.sin(a) + y * math.cos(a))  # fmt: skip

    ridge, top = put(10, -218), put(4, -300)
    left = [put(-52, 30), put(-50, -210), top, ridge, put(8, 40)]
    right = [put(8, 40), ridge, top, put(48, -226), put(54, 26)]
    cv.poly(left, Paint(mix(p.main, p.pale, 0.35), mix(p.ground, p.main, 0.35), 80))
    cv.poly(right, Paint(p.second, mix(p.ground, p.second, 0.25), 95))
    cv.poly([put(-50, -210), top, ridge], p.pale, 0.55)
    cv.line([put(8, 40), ridge, top], p.pale, 1.4, 0.8)
    cv.line([ridge, put(-50, -210)], p.pale, 1.0, 0.5)
    cv.line([ridge, put(48, -226)], p.pale, 1.0, 0.5)


def starter_city(cv: Canvas) -> None:
    """A model city on a base plate: the whole set at once."""
    p = cv.palette
    backdrop(cv, (600, -40), 0.55)
    plate = Plane((96, 424), (0.80, -0.20), (0.50, 0.42))
    slab(cv, plate, cut(0, 0, 860, 520, 50), dark_face(cv), 20)
    for i in range(1, 6):
        cv.line(plate.map([(i * 143, 8), (i * 143, 512)]), p.main, 1.6, 0.45)
    for i in range(1, 5):
        cv.line(plate.map([(8, i * 104), (852, i * 104)]), p.main, 1.6, 0.45)
    heights = {(2, 1): 330, (3, 1): 250, (2, 2): 236, (3, 2): 300, (1, 2): 170, (4, 1): 180,
               (3, 3): 150, (2, 3): 120, (1, 1): 140, (4, 2): 130}  # fmt: skip
    for row in range(5):
        for column in range(5, -1, -1):
            at = plate.at(column * 143 + 71, row * 104 + 52)
            tall = heights.get((column, row), 0) or cv.rng.choice((8, 30, 46, 64, 84))
            lit = (column, row) in {(2, 1), (4, 3), (1, 3)}
            share = 0.08 + tall / 900
            tone = Paint(mix(p.edge, p.main, share + 0.2), mix(p.raised, p.main, share), 40)
            crate(cv, at, 47, tall, bright(cv, 30) if lit else tone, share)
            if tall > 70:
                _facade_small(cv, at, 47, tall)
    cv.glow((590, 220), 460, 280, p.main, 0.3)


def _facade_small(cv: Canvas, at: Point, size: float, tall: float) -> None:
    for side in (-1, 1):
        wall = Plane((at[0], at[1] + size * 0.5), (side * size * 0.0087, -size * 0.005), (0, -1))
        for row in range(int((tall - 16) // 18)):
            for column in range(3):
                if cv.rng.random() < 0.4:
                    spot = wall.map(rect(16 + column * 27, 12 + row * 18, 15, 9))
                    cv.poly(spot, cv.palette.pale, 0.8)


def hero_city(cv: Canvas) -> None:
    """The wide scene of the home page: a car before a skyline, calm on the left."""
    p = cv.palette
    w, h = cv.width, cv.height
    focus, horizon = w * 0.71, h * 0.66
    backdrop(cv, (focus, -80), 0.6)
    cv.glow((focus, horizon - 60), w * 0.55, h * 0.6, p.main, 0.5)
    cv.disc((focus + 120, horizon - 150), h * 0.22, Paint(p.pale, p.main, 90), 0.85)
    for tall, share, lift in ((h * 0.58, 0.10, 0.16), (h * 0.40, 0.24, 0.05)):
        skyline(cv, horizon, tall, mix(p.ground, p.main, lift), share)
    cv.glow((focus, horizon), w * 0.45, 110, p.second, 0.4)
    cv.poly(rect(0, horizon, w, h), Paint(mix(p.ground, p.main, 0.16), p.ground))
    for _ in range(170):
        x = focus + cv.rng.gauss(0, w * 0.19)
        y = cv.rng.uniform(horizon + 2, h)
        tone = cv.rng.choice((p.main, p.second, p.pale))
        run = [(x, y), (x, y + cv.rng.uniform(10, 90))]
        cv.line(run, tone, cv.rng.uniform(1, 4), cv.rng.uniform(0.04, 0.20))
    car_front(cv, (focus, h * 0.885), w / 980, mix(p.pale, p.second, 0.3))
    # The left half carries the headline: keep it dark and quiet.
    cv.poly(rect(0, 0, w * 0.60, h), Paint(p.ground, p.ground, 0, 0.96, 0.0))
