"""Covers about goods: benches, shelves, clothes, and the packs."""

from __future__ import annotations

import math

from .covers_canvas import (
    Canvas,
    Paint,
    Plane,
    Point,
    Rgb,
    cut,
    mix,
    rect,
    regular,
    ring,
    rounded,
    smooth,
)
from .covers_parts import LEANING, LYING, backdrop, bar, bright, crate, dark_face, floor, slab


def crafting(cv: Canvas) -> None:
    """Parts drawn together into one block on a bench."""
    p = cv.palette
    backdrop(cv, (600, -30), 0.48)
    bench = Plane((110, 470), *LYING)
    slab(cv, bench, cut(0, 0, 740, 360, 40), dark_face(cv), 18)
    for i in range(3):
        cv.line(bench.map(cut(40 + i * 30, 30 + i * 22, 660 - i * 60, 300 - i * 44, 30)),
                p.main, 1.2, 0.5 - i * 0.1, closed=True)  # fmt: skip
    c = bench.at(370, 180)
    cv.glow(c, 300, 170, p.second, 0.6)
    for x, y, size, tall in ((-250, -40, 38, 44), (240, -70, 42, 48), (-150, 96, 34, 40),
                             (190, 84, 40, 46)):  # fmt: skip
        at = (c[0] + x, c[1] + y)
        cv.line([(at[0], at[1] - 60), (c[0], c[1] - 150)], p.main, 1.6, 0.6)
        crate(cv, (at[0], at[1] - 22), size, tall, Paint(mix(p.edge, p.main, 0.5), p.raised))
    for layer in range(3):
        for dx, dy in ((0, -38), (-66, 0), (66, 0), (0, 38)):
            missing = layer == 2 and (dx, dy) == (66, 0)
            lit = layer == 2 or (dx, dy) == (0, 38)
            at = (c[0] + dx, c[1] + dy - layer * 66 - (54 if missing else 0) - 10)
            crate(cv, at, 72, 62, bright(cv, 40) if lit else dark_face(cv, 0.3), 0.1)


def shops(cv: Canvas) -> None:
    """A shop front with an awning and lit shelves."""
    p = cv.palette
    backdrop(cv, (600, -30), 0.45)
    cv.poly(rect(0, 560, 1200, 120), Paint(mix(p.raised, p.edge, 0.3), p.ground))
    cv.poly(cut(250, 120, 700, 450, 30), Paint(mix(p.raised, p.edge, 0.5), p.ground))
    cv.poly(
        rect(290, 260, 620, 300), Paint(mix(p.ground, p.main, 0.42), mix(p.ground, p.main, 0.1))
    )
    cv.glow((600, 360), 430, 240, p.main, 0.42)
    for row in range(3):
        y = 344 + row * 76
        cv.poly(rect(306, y, 588, 7), p.edge)
        x = 318.0
        while x < 850:
            w, h = cv.rng.uniform(16, 40), cv.rng.uniform(24, 52)
            tone = cv.rng.choice((p.main, p.second, p.pale, p.edge, mix(p.main, p.second, 0.5)))
            cv.poly(cut(x, y - h, w, h, 5), Paint(mix(tone, p.pale, 0.2), tone), 0.95)
            x += w + cv.rng.uniform(6, 14)
    cv.line(rect(290, 260, 620, 300), p.pale, 1.6, 0.6, closed=True)
    for i in range(10):
        x0, x1 = 250 + i * 70, 320 + i * 70
        t0, t1 = 290 + i * 62, 352 + i * 62
        tone = p.main if i % 2 else p.pale
        strip = [(t0, 176), (t1, 176), (x1, 262), (x1 - 35, 286), (x0, 262)]
        cv.poly(strip, Paint(tone, mix(tone, p.ground, 0.35), 90))
    cv.poly(rounded(430, 108, 340, 54, 14), dark_face(cv, 0.2))
    cv.line(rounded(430, 108, 340, 54, 14), p.second, 2.2, 0.9, closed=True)
    for i in range(3):
        bar(cv, Plane((470, 127), (1, 0), (0, 1)), (i * 92, 0, 72, 16), p.second, 0.95)
    cv.glow((600, 600), 460, 60, p.second, 0.4)


def clothing(cv: Canvas) -> None:
    """Jackets on a rail, one pulled forward."""
    p = cv.palette
    backdrop(cv, (600, -30), 0.5)
    cv.line([(90, 140), (1110, 140)], mix(p.edge, p.pale, 0.5), 8, 0.9)
    for i, x in enumerate((235, 965, 400, 800, 600)):
        lit = i == 4
        k = (0.86, 0.86, 0.98, 0.98, 1.16)[i]
        tone = p.main if lit else mix(p.edge, (p.second, p.main)[i % 2], 0.22 + 0.08 * (i // 2))
        _jacket(cv, (x, 140), k, tone, lit)


def _jacket(cv: Canvas, at: Point, k: float, tone: Rgb, lit: bool) -> None:
    p = cv.palette

    def put(points: tuple[Point, ...], sign: int) -> list[Point]:
        return [(at[0] + sign * x * k, at[1] + y * k) for x, y in points]

    cv.line([at, (at[0], at[1] + 44 * k)], p.pale, 3, 0.8)
    half = ((0, 52), (34, 40), (58, 46), (112, 72), (150, 210), (158, 330), (118, 338),
            (98, 236), (100, 372), (0, 380))  # fmt: skip
    whole = put(half, 1) + put(half, -1)[::-1]
    cv.shadow(whole, (0, 30), 22, 0.75)
    for sign in (-1, 1):
        shade = mix(tone, p.pale, 0.15) if sign < 0 else tone
        last = p.second if lit else p.ground
        cv.poly(put(half, sign), Paint(shade, mix(p.ground, last, 0.45), 80))
        cv.poly(put(((2, 62), (34, 42), (52, 110), (4, 180)), sign), mix(tone, p.ground, 0.6))
        cv.line(put(((98, 236), (92, 150)), sign), p.ground, 1.6, 0.6)
        bar(cv, Plane((at[0] + sign * 60 * k - 21 * k, at[1] + 270 * k), (k, 0), (0, k)),
            (0, 0, 42, 6), p.pale if lit else p.ground, 0.6)  # fmt: skip
    cv.line(whole, p.pale, 1.4, 0.8 if lit else 0.22, closed=True)
    cv.line([(at[0], at[1] + 180 * k), (at[0], at[1] + 378 * k)], p.pale, 1.8, 0.6)


def ui_pack(cv: Canvas) -> None:
    """Interface sheets stacked in the air."""
    p = cv.palette
    backdrop(cv, (600, -40), 0.55)
    for i in range(4):
        sheet = Plane((150 + i * 10, 450 - i * 94), (0.86, -0.22), (0.54, 0.46))
        lit = i == 3
        face = bright(cv, 20) if lit else Paint(mix(p.edge, p.main, 0.06 * i), p.ground, 60)
        slab(cv, sheet, cut(0, 0, 640, 330, 36), face, 10, p.pale if lit else p.main, 0.75)
        ink = p.ground if lit else p.main
        cv.poly(sheet.map(ring((112, 110), 66, 48, 150, 370)), ink, 0.8)
        for k in range(4):
            bar(cv, sheet, (220, 54 + k * 34, (300, 220, 260, 160)[k], 15), ink, 0.75 - k * 0.12)
        for k in range(5):
            cv.poly(sheet.map(cut(46 + k * 112, 220, 96, 76, 14)), ink, 0.55 if k else 0.9)


def job_pack(cv: Canvas) -> None:
    """Four trade tiles standing in a row."""
    p = cv.palette
    backdrop(cv, (600, -40), 0.5)
    floor(cv, 500, 600, 6)
    for i in range(4):
        sheet = Plane((140 + i * 222, 214 - i * 16), *LEANING)
        tone = (p.main, p.second, mix(p.main, p.second, 0.5), p.pale)[i]
        slab(
            cv, sheet, cut(0, 0, 212, 330, 34), Paint(mix(p.raised, tone, 0.42), p.ground), 14, tone
        )
        c = (106.0, 130.0)
        cv.glow(sheet.at(*c), 150, 120, tone, 0.4)
        cv.poly(sheet.map(_trade(i, c)), Paint(mix(tone, p.pale, 0.4), tone, 80))
        bar(cv, sheet, (36, 234, 140, 16), p.pale, 0.8)
        bar(cv, sheet, (36, 266, 90, 11), tone, 0.7)
        cv.poly(sheet.map(rect(36, 294, 140, 5)), mix(p.ground, p.edge, 0.8))
        cv.poly(sheet.map(rect(36, 294, 40 + 28 * i, 5)), tone)


def _trade(i: int, c: Point) -> list[Point]:
    if i == 0:  # a fish
        body = smooth([(-62, 0), (-20, -34), (36, -22), (58, 0), (36, 22), (-20, 34)], closed=True)
        return [(c[0] + x, c[1] + y) for x, y in [*body[:55], (84, -30), (84, 30), *body[55:]]]
    if i == 1:  # a sheaf
        return [(c[0] + x, c[1] + y) for x, y in ((0, -70), (26, -34), (58, -40), (40, 0), (58, 34),
                (16, 26), (8, 72), (-8, 72), (-16, 26), (-58, 34), (-40, 0), (-58, -40),
                (-26, -34))]  # fmt: skip
    if i == 2:  # a cog
        return [_polar(c, 68 if k % 4 < 2 else 50, k * 11.25) for k in range(32)]
    return regular(c, 68, 6)


def _polar(c: Point, r: float, degrees: float) -> Point:
    a = math.radians(degrees)
    return c[0] + r * math.cos(a), c[1] + r * math.sin(a)
