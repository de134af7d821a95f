"""Covers about driving and the street."""

from __future__ import annotations

import math

from .covers_canvas import Canvas, Paint, Plane, Point, cut, ellipse, mix, rect, regular, ring
from .covers_parts import (
    LYING,
    backdrop,
    bright,
    car_front,
    car_side,
    crate,
    dark_face,
    floor,
    slab,
    wheel,
)


def garage(cv: Canvas) -> None:
    """A lit bay in one-point perspective with a car waiting in it."""
    p = cv.palette
    cv.poly(rect(0, 0, cv.width, cv.height), Paint(p.ground, p.raised, 60))
    back = rect(385, 165, 430, 245)
    room = rect(-120, -120, 1440, 800)
    sides = [[room[i], room[(i + 1) % 4], back[(i + 1) % 4], back[i]] for i in range(4)]
    shades = (0.25, 0.55, 0.12, 0.4)
    for side, share in zip(sides, shades, strict=True):
        cv.poly(side, Paint(mix(p.ground, p.raised, share), mix(p.raised, p.edge, share), 90))
    cv.poly(back, Paint(mix(p.raised, p.main, 0.22), p.raised))
    for i in range(9):
        cv.line([(385, 175 + i * 27), (815, 175 + i * 27)], p.ground, 1.6, 0.6)
    for i in range(6):
        t = 1 - 0.82 ** (i + 1)
        frame = [_between(a, b, t) for a, b in zip(room, back, strict=True)]
        cv.line([frame[3], frame[0], frame[1], frame[2]], p.edge, 1.2, 0.55)
        lit = p.main if i % 2 else p.pale
        tube = [_between(frame[0], frame[1], 0.30), _between(frame[0], frame[1], 0.70)]
        cv.line(tube, lit, 7 * (1 - t) + 1.6, 0.95)
        cv.glow((600, tube[0][1]), 420 * (1.1 - t), 90 * (1.1 - t), p.main, 0.34)
    for corner in (0, 1):
        cv.line([room[corner], back[corner]], p.main, 1.4, 0.6)
    cv.glow((600, 300), 520, 330, p.main, 0.5)
    cv.glow((600, 440), 520, 160, p.second, 0.45)
    car_front(cv, (600, 545), 1.62, mix(p.pale, p.second, 0.25))


def dealership(cv: Canvas) -> None:
    """A coupe on a turntable under a ring of light."""
    p = cv.palette
    backdrop(cv, (600, -20), 0.42)
    for i in range(15):
        x = 40 + i * 80
        cv.line([(x, 0), (x, 455)], p.edge, 1.0, 0.18)
    for r, a in ((330, 0.9), (352, 0.35)):
        cv.line(ellipse((600, 108), r, r * 0.16), p.pale, 3.4, a, closed=True)
    cv.halo(ellipse((600, 108), 330, 40), p.main, 34, 0.42)
    cv.poly([(270, 118), (930, 118), (1080, 520), (120, 520)], Paint(p.main, p.main, 90, 0.16, 0.0))
    for r, lift in ((520, 0.0), (430, 0.12)):
        disc = ellipse((600, 505), r, r * 0.205)
        cv.poly([(x, y + 18) for x, y in disc], p.ground)
        cv.poly(disc, dark_face(cv, lift))
        cv.line(disc, p.main, 1.5, 0.7, closed=True)
    cv.glow((600, 512), 420, 80, p.second, 0.35)
    car_side(cv, (600, 522), 1.52, Paint(p.main, mix(p.ground, p.second, 0.22), 80))


def mechanic(cv: Canvas) -> None:
    """A wheel pulled apart along its axle."""
    p = cv.palette
    backdrop(cv, (480, -30), 0.5)
    axle = [(120, 560), (1120, 150)]
    cv.line(axle, p.pale, 1.2, 0.30)
    for i, (t, r) in enumerate(((0.86, 92), (0.69, 130), (0.50, 165))):
        at = _between(axle[0], axle[1], t)
        cv.shadow(ellipse(at, r, r), (-20, 30), 26, 0.7)
        _part(cv, at, r, i)
    at = _between(axle[0], axle[1], 0.24)
    cv.shadow(ellipse(at, 225, 225), (0, 34), 30, 0.8)
    wheel(cv, at, 232, 10)
    cv.glow(at, 300, 300, p.second, 0.22)


def _part(cv: Canvas, at: Point, r: float, kind: int) -> None:
    p = cv.palette
    teeth = (10, 24, 0)[kind]
    if teeth:
        for i in range(teeth):
            a = 360 * i / teeth
            cv.poly(ring(at, r * 1.10, r * 0.9, a, a + 180 / teeth), mix(p.edge, p.pale, 0.2))
    cv.poly(ring(at, r, r * 0.44, 0, 360), Paint(mix(p.edge, p.pale, 0.22), p.raised, 60))
    if kind == 2:
        for i in range(40):
            a = math.radians(i * 27)
            d = r * (0.58 + 0.10 * (i % 3))
            cv.disc((at[0] + d * math.cos(a), at[1] + d * math.sin(a)), 4.5, p.ground)
        cv.poly(ring(at, r * 1.07, r * 0.62, 195, 262), bright(cv))
    cv.line(ellipse(at, r, r), p.pale, 1.4, 0.55)
    cv.line(ellipse(at, r * 0.44, r * 0.44), p.main, 1.6, 0.8)


def racing(cv: Canvas) -> None:
    """A lit road bending to the horizon, with arrows on the tarmac and a low sun."""
    p = cv.palette
    backdrop(cv, (600, -40), 0.25)
    horizon = 270.0
    for i in range(7):
        sun = rect(400 + i * 3, 92 + i * 26, 400 - i * 6, 26 - i * 2.6)
        cv.poly(_inside(sun, (640, 250), 172), Paint(p.main, p.second, 90), 0.95)
    cv.glow((640, 240), 460, 300, p.second, 0.55)
    floor(cv, horizon, 640, 11)
    rows = [_road(i / 60) for i in range(61)]
    outline = [r[0] for r in rows] + [r[1] for r in rows][::-1]
    cv.poly(outline, Paint(mix(p.raised, p.edge, 0.25), p.ground, 90))
    for i in range(60):
        a, b = rows[i], rows[i + 1]
        for near, far, side in ((a[0], b[0], -1), (a[1], b[1], 1)):
            colour = p.main if i // 3 % 2 else p.pale
            w0, w1 = 0.07 * (a[1][0] - a[0][0]), 0.07 * (b[1][0] - b[0][0])
            kerb = [near, far, (far[0] + side * w1, far[1]), (near[0] + side * w0, near[1])]
            cv.poly(kerb, colour, 0.95)
    for start in (0.10, 0.30, 0.48, 0.64):
        _arrow(cv, start)


def _arrow(cv: Canvas, t: float) -> None:
    def at(along: float, across: float) -> Point:
        return _between(*_road(along), 0.5 + across)

    d = 0.085
    shape = [(0, -0.2), (d, 0.0), (0, 0.2), (d * 0.5, 0.2), (d * 1.6, 0.0), (d * 0.5, -0.2)]
    points = [at(min(0.99, t + along), across) for along, across in shape]
    cv.poly(points, bright(cv), 0.95)


def _inside(points: list[Point], centre: Point, radius: float) -> list[Point]:
    """Cut a horizontal band to the width of a circle."""
    result: list[Point] = []
    (_, top), (_, foot) = points[0], points[2]
    for side in (-1, 1):
        steps = [top + (foot - top) * i / 6 for i in range(7)]
        edge = [
            (centre[0] + side * math.sqrt(max(0.0, radius**2 - (y - centre[1]) ** 2)), y)
            for y in steps
        ]
        result += edge if side > 0 else edge[::-1]
    return result


def _road(t: float) -> tuple[Point, Point]:
    """The left and right border of the road, t from 0 (near) to 1 (horizon)."""
    depth = (1 - t) ** 1.7
    y = 270 + 425 * depth
    centre = 640 + 330 * math.sin(t * 3.0) * (1 - t) - 120 * (1 - t) ** 2
    half = 3 + 330 * depth
    return (centre - half, y), (centre + half, y)


def territory(cv: Canvas) -> None:
    """City blocks from above; one district is taken and lifted."""
    p = cv.palette
    backdrop(cv, (500, 0), 0.45)
    r = 62.0
    held = {(4, 4), (5, 4), (4, 5), (5, 5), (5, 3), (6, 4), (6, 5), (4, 3)}
    rival = {(8, 3), (9, 3), (8, 4), (9, 2)}
    for row in range(-1, 11):
        for column in range(-2, 13):
            x = column * r * 1.76 + (row % 2) * r * 0.88
            at = (x + 40, row * r * 0.92 + 110)
            if (column, row) in held | rival:
                continue
            shape = [(a, at[1] + (b - at[1]) * 0.60) for a, b in regular(at, r * 0.94, 6)]
            tone = mix(p.ground, p.edge, cv.rng.uniform(0.15, 0.55))
            cv.poly(shape, tone, 0.85)
            cv.line(shape, p.edge, 0.9, 0.5, closed=True)
    for cells, paint, lift in ((rival, p.second, 30), (held, p.main, 56)):
        for column, row in sorted(cells, key=lambda c: c[1]):
            at = (column * r * 1.76 + (row % 2) * r * 0.88 + 40, row * r * 0.92 + 110)
            foot = [(a, at[1] + (b - at[1]) * 0.60) for a, b in regular(at, r * 0.94, 6)]
            top = [(a, b - lift) for a, b in foot]
            wall = [foot[2], foot[3], foot[4], top[4], top[3], top[2]]
            cv.poly(wall, Paint(mix(p.ground, paint, 0.45), p.ground))
            cv.poly(top, Paint(mix(paint, p.pale, 0.15), mix(paint, p.ground, 0.35), 60))
            cv.line(top, p.pale, 1.3, 0.8, closed=True)
    cv.glow((620, 300), 480, 300, p.main, 0.4)
    _flag(cv, (646, 276))


def _flag(cv: Canvas, foot: Point) -> None:
    x, y = foot
    p = cv.palette
    cv.line([(x, y), (x, y - 150)], p.pale, 4, 0.95)
    cv.poly([(x, y - 150), (x + 112, y - 132), (x + 82, y - 106), (x + 108, y - 76), (x, y - 86)],
            bright(cv, 20))  # fmt: skip


def courier(cv: Canvas) -> None:
    """Parcels on a route between three stops."""
    p = cv.palette
    backdrop(cv, (700, -30), 0.5)
    sheet = Plane((80, 470), *LYING)
    slab(cv, sheet, cut(0, 0, 880, 330, 34), dark_face(cv), 16)
    for i in range(1, 11):
        cv.line(sheet.map([(i * 80, 6), (i * 80, 324)]), p.edge, 0.9, 0.35)
    for i in range(1, 5):
        cv.line(sheet.map([(6, i * 66), (874, i * 66)]), p.edge, 0.9, 0.35)
    route = [(80, 264), (240, 264), (240, 132), (480, 132), (480, 198), (720, 198), (720, 66)]
    cv.line(sheet.map(route), p.main, 7, 0.95)
    cv.line(sheet.map(route), p.pale, 2, 0.9)
    for i, spot in enumerate((route[0], route[3], route[6])):
        at = sheet.at(*spot)
        cv.glow(at, 150, 110, p.second, 0.4)
        crate(cv, at, 58 + 8 * i, 66 + 22 * i, bright(cv, 20 + 50 * i), 0.1)
        cv.line([(at[0] - 24, at[1] - 80 - 22 * i), (at[0] + 26, at[1] - 50 - 22 * i)],
                p.ground, 5, 0.45)  # fmt: skip


def queue(cv: Canvas) -> None:
    """Gates one behind the other, the next one open."""
    p = cv.palette
    backdrop(cv, (600, 250), 0.45)
    floor(cv, 400, 600, 9)
    for i in range(9, -1, -1):
        k = 0.80**i
        w, h = 620 * k, 470 * k
        y = 400 + 235 * k
        gate = cut(600 - w / 2, y - h, w, h, 70 * k)
        colour = mix(p.main, p.second, i / 9)
        cv.halo(gate, colour, 20 * k + 4, 0.05)
        cv.line(gate, mix(colour, p.pale, 0.25), 10 * k + 0.8, 1 - i * 0.075, closed=True)
        inner = cut(600 - w / 2 + 16 * k, y - h + 16 * k, w - 32 * k, h - 32 * k, 62 * k)
        cv.line(inner, colour, 1.2, 0.5, closed=True)
    cv.glow((600, 360), 190, 160, p.pale, 0.65)


def _between(a: Point, b: Point, t: float) -> Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t
