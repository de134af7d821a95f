"""Covers about screens: cards, devices and interface panels seen at an angle."""

from __future__ import annotations

import math

from .covers_canvas import (
    Canvas,
    Paint,
    Plane,
    cut,
    ellipse,
    mix,
    rect,
    regular,
    ring,
    rounded,
)
from .covers_parts import LEANING, LYING, backdrop, bar, bright, dark_face, skyline, slab


def banking(cv: Canvas) -> None:
    """A fan of payment cards."""
    p = cv.palette
    backdrop(cv, (620, -20), 0.5)
    for i in range(4):
        sheet = Plane((250 + i * 62, 470 - i * 84), (0.93, -0.20), (0.40, 0.66))
        lit = i == 3
        face = bright(cv, 25) if lit else Paint(mix(p.edge, p.main, 0.10 * i), p.ground, 40)
        slab(cv, sheet, rounded(0, 0, 500, 300, 26), face, 9, p.pale if lit else None)
        ink = p.ground if lit else p.main
        cv.poly(sheet.map(rounded(38, 92, 66, 50, 9)), Paint(p.pale, mix(p.pale, p.main, 0.5), 45))
        for k in (1, 2):
            cv.line(sheet.map([(38, 92 + k * 17), (104, 92 + k * 17)]), ink, 1.1, 0.6)
        for k in range(4):
            bar(cv, sheet, (38 + k * 104, 196, 78, 15), ink, 0.75)
        bar(cv, sheet, (38, 245, 150, 11), ink, 0.45)
        for k in (0, 1):
            at = sheet.at(418 + k * 30, 54)
            cv.line(ellipse(at, 27, 21), ink, 2.4, 0.8, closed=True)


def phone(cv: Canvas) -> None:
    """A handset with a grid of apps, and two cards floating off it."""
    p = cv.palette
    backdrop(cv, (560, -30), 0.5)
    sheet = Plane((470, 70), (0.94, -0.10), (0.20, 0.96))
    slab(cv, sheet, rounded(0, 0, 290, 560, 40), Paint(mix(p.edge, p.pale, 0.2), p.raised), 16)
    screen = Paint(mix(p.raised, p.main, 0.55), mix(p.ground, p.second, 0.18), 75)
    cv.poly(sheet.map(rounded(11, 11, 268, 538, 30)), screen)
    bar(cv, sheet, (105, 24, 80, 17), p.ground, 0.95)
    bar(cv, sheet, (34, 74, 120, 30), p.pale, 0.9)
    bar(cv, sheet, (34, 116, 78, 10), p.pale, 0.45)
    for i in range(16):
        x, y = 32 + i % 4 * 60, 168 + i // 4 * 68
        tone = cv.rng.choice((p.main, p.second, p.pale, p.edge))
        cv.poly(sheet.map(rounded(x, y, 46, 46, 13)), Paint(mix(tone, p.pale, 0.15), tone), 0.92)
    cv.poly(sheet.map(rounded(24, 462, 242, 68, 24)), p.ground, 0.42)
    for i in range(4):
        cv.poly(sheet.map(rounded(36 + i * 58, 474, 44, 44, 13)), p.pale, 0.9 if i == 0 else 0.35)
    for x, y, w, lit in ((760, 190, 250, True), (800, 318, 210, False), (190, 330, 230, False)):
        card = Plane((x, y), (0.94, -0.10), (0.20, 0.96))
        face = bright(cv, 20) if lit else dark_face(cv)
        slab(cv, card, rounded(0, 0, w, 92, 18), face, 7)
        ink = p.ground if lit else p.main
        cv.poly(card.map(rounded(16, 20, 50, 50, 14)), ink, 0.8)
        bar(cv, card, (82, 28, w - 120, 12), ink, 0.85)
        bar(cv, card, (82, 52, w - 160, 9), ink, 0.45)


def mdt(cv: Canvas) -> None:
    """A case file on a tablet: portrait, fingerprint, lines of record."""
    p = cv.palette
    backdrop(cv, (500, -20), 0.48)
    sheet = Plane((170, 230), (0.93, -0.17), (0.26, 0.80))
    slab(cv, sheet, rounded(0, 0, 780, 470, 30), Paint(p.edge, p.raised), 16)
    cv.poly(sheet.map(rounded(16, 16, 748, 438, 18)), Paint(mix(p.ground, p.raised, 0.8), p.ground))
    cv.poly(sheet.map(rect(16, 60, 748, 2)), p.main, 0.7)
    for i in range(3):
        bar(cv, sheet, (40 + i * 120, 30, 92, 14), p.main if i == 0 else p.edge, 0.9)
    cv.poly(sheet.map(cut(40, 92, 170, 210, 20)), Paint(mix(p.edge, p.main, 0.4), p.raised))
    cv.poly(sheet.map(ellipse((125, 166), 40, 44)), p.pale, 0.75)
    cv.poly(sheet.map([(58, 302), (70, 246), (104, 222), (146, 222), (180, 246), (192, 302)]),
            p.pale, 0.75)  # fmt: skip
    for i in range(7):
        tone, a = (p.second, 0.95) if i == 2 else (p.pale, 0.32)
        bar(cv, sheet, (240, 100 + i * 30, cv.rng.uniform(120, 240), 12), tone, a)
    for i in range(5):
        x = 40 + i * 88
        cv.poly(sheet.map(cut(x, 336, 76, 88, 12)), dark_face(cv, 0.1 if i else 0.3))
        bar(cv, sheet, (x + 12, 396, 50, 10), p.main, 0.6)
    hand = Plane((640, 150), (0.93, -0.17), (0.26, 0.80))
    slab(cv, hand, cut(0, 0, 300, 300, 34), dark_face(cv, 0.12), 10, p.main)
    for i in range(9):
        r, start = 16 + i * 13, cv.rng.uniform(-220, -150)
        for begin, end in ((start, start + cv.rng.uniform(150, 230)), (40, 40 + 60)):
            cv.line(hand.map(ellipse((150, 158), r * 0.82, r, begin, end)), p.main, 3.6, 0.92)
    cv.poly(hand.map(rect(20, 156, 260, 3)), p.pale, 0.95)
    cv.glow(hand.at(150, 158), 240, 60, p.second, 0.5)


def inventory(cv: Canvas) -> None:
    """A bag of slots, one item lifted out."""
    p = cv.palette
    backdrop(cv, (640, -30), 0.5)
    sheet = Plane((150, 330), *LYING)
    slab(cv, sheet, cut(-24, -24, 768, 468, 34), dark_face(cv), 16)
    items = {1: p.main, 4: p.second, 7: p.pale, 9: p.main, 12: p.second, 17: p.main, 20: p.pale}
    for i in range(24):
        x, y = i % 6 * 122, i // 6 * 106
        cv.poly(sheet.map(cut(x, y, 110, 94, 14)), Paint(p.ground, mix(p.ground, p.raised, 0.9)))
        cv.line(sheet.map(cut(x, y, 110, 94, 14)), p.edge, 0.9, 0.6, closed=True)
        if i in items:
            _item(cv, sheet.moved(0, -9), (x + 55, y + 45), items[i], i)
            bar(cv, sheet, (x + 10, y + 82, 90 * cv.rng.uniform(0.3, 1), 4), items[i], 0.9)
    spot = sheet.at(2 * 122 + 55, 106 + 47)
    cv.line([spot, (spot[0], spot[1] - 104)], p.main, 1.2, 0.7)
    cv.glow(spot, 150, 90, p.main, 0.7)
    lifted = sheet.moved(0, -112)
    slab(cv, lifted, cut(2 * 122 - 8, 98, 126, 110, 16), bright(cv), 10, p.pale)
    _item(cv, lifted.moved(0, -12), (2 * 122 + 55, 152), p.ground, 1)


def _item(cv: Canvas, plane: Plane, at: tuple[float, float], tone: tuple[int, int, int],
          kind: int) -> None:  # fmt: skip
    shape = regular(at, 33, (6, 4, 5, 3)[kind % 4], kind * 40 - 90)
    cv.shadow(plane.map(shape), (0, 8), 5, 0.5)
    cv.poly(plane.map(shape), Paint(mix(tone, cv.palette.pale, 0.35), tone, 60))
    cv.poly(plane.map(regular(at, 15, (6, 4, 5, 3)[kind % 4], kind * 40 - 90)),
            cv.palette.ground, 0.35)  # fmt: skip


def scoreboard(cv: Canvas) -> None:
    """Ranked rows, the first one lit."""
    p = cv.palette
    backdrop(cv, (480, -30), 0.5)
    for i in range(6):
        sheet = Plane((170 + i * 22, 196 + i * 80), (0.94, -0.15), (0.26, 0.9))
        lit = i == 0
        w = 800 - (0 if lit else 30)
        face = bright(cv, 12) if lit else dark_face(cv, 0.18 - i * 0.03)
        slab(cv, sheet, cut(0, 0, w, 66, 18), face, 8, None, 0.5)
        ink = p.ground if lit else p.main
        cv.poly(sheet.map(cut(16, 12, 42, 42, 10)), ink, 0.85 if lit else 0.5)
        bar(cv, sheet, (78, 26, cv.rng.uniform(120, 220), 14), p.ground if lit else p.pale, 0.75)
        for k in range(3):
            bar(cv, sheet, (w - 330 + k * 76, 27, 48, 12), ink, 0.55)
        for k in range(4):
            tall = 10 + k * 8
            a = 0.95 if k <= 3 - i % 3 else 0.25
            cv.poly(sheet.map(rect(w - 84 + k * 15, 52 - tall, 9, tall)), ink, a)


def notify(cv: Canvas) -> None:
    """Three toasts in depth, the newest in front."""
    p = cv.palette
    backdrop(cv, (700, -20), 0.5)
    for i in range(5):
        k = 0.62 + i * 0.095
        w, h = 700 * k, 150 * k
        x, y = 640 - w / 2 - i * 12, 96 + i * 84
        lit = i == 4
        sheet = Plane((x, y), (1.0, -0.07), (0.10, 1.0))
        face = bright(cv, 15) if lit else dark_face(cv, i * 0.05)
        slab(cv, sheet, cut(0, 0, w, h, 26 * k), face, 8 * k, None, 0.8)
        ink = p.ground if lit else mix(p.edge, p.main, 0.3 + i * 0.15)
        at = (82 * k, h / 2)
        cv.poly(sheet.map(regular(at, 42 * k, 6)), ink, 0.9)
        if lit:
            tick = [(66 * k, h / 2), (78 * k, h / 2 + 14), (100 * k, h / 2 - 16)]
            cv.line(sheet.map(tick), p.pale, 6, 1.0)
        bar(cv, sheet, (150 * k, 46 * k, 300 * k, 18 * k), ink, 0.85)
        bar(cv, sheet, (150 * k, 84 * k, 420 * k, 13 * k), ink, 0.4)
        cv.poly(sheet.map(rect(0, h - 5, w * (0.3 + 0.12 * i), 5)), p.pale if lit else ink, 0.9)


def loading(cv: Canvas) -> None:
    """A framed city at dusk with a progress line below."""
    p = cv.palette
    backdrop(cv, (600, 250), 0.42)
    frame = cut(150, 78, 900, 430, 54)
    cv.shadow(frame, (0, 30), 30, 0.8)
    cv.poly(frame, Paint(mix(p.ground, p.main, 0.25), mix(p.ground, p.second, 0.55), 90))
    cv.disc((720, 330), 112, Paint(p.pale, p.second, 90), 0.9)
    cv.glow((720, 330), 360, 300, p.second, 0.5)
    for ground, tall, share in ((505, 270, 0.10), (505, 190, 0.22)):
        skyline(cv, ground, tall, mix(p.ground, p.main, share * 0.5), share)
    # Cover what the towers drew outside the frame again.
    outside = [
        [(150, 0), (1050, 0), (1050, 78), (204, 78), (150, 132)],
        [(0, 0), (150, 0), (150, 675), (0, 675)],
        [(1050, 0), (1200, 0), (1200, 675), (1050, 675)],
        [(150, 508), (1050, 508), (1050, 675), (150, 675)],
        [(996, 508), (1050, 454), (1050, 508)],
    ]
    for piece in outside:
        cv.poly(piece, mix(p.ground, p.raised, 0.35))
    cv.line(frame, p.pale, 1.6, 0.7, closed=True)
    cv.poly(rounded(150, 556, 900, 14, 7), mix(p.ground, p.edge, 0.6))
    cv.poly(rounded(150, 556, 612, 14, 7), Paint(p.main, p.second, 0))
    cv.glow((762, 563), 110, 60, p.pale, 0.9)
    for i in range(5):
        cv.poly(rounded(150 + i * 54, 594, 40, 6, 3), p.pale if i == 0 else p.edge, 0.8)


def admin(cv: Canvas) -> None:
    """A wall of small instruments: chart, list, dial."""
    p = cv.palette
    backdrop(cv, (560, -30), 0.45)
    main = Plane((120, 250), *LEANING)
    slab(cv, main, cut(0, 0, 560, 350, 34), dark_face(cv), 12)
    heights = [cv.rng.uniform(0.3, 0.6) + i * 0.035 for i in range(11)]
    for i, h in enumerate(heights):
        tall = 210 * min(1.0, h)
        face = bright(cv, 90) if i == 8 else Paint(mix(p.edge, p.main, 0.35), p.raised)
        cv.poly(main.map(cut(40 + i * 45, 300 - tall, 30, tall, 7)), face)
    for i in range(4):
        cv.line(main.map([(30, 90 + i * 70), (530, 90 + i * 70)]), p.pale, 0.8, 0.14)
    bar(cv, main, (40, 36, 150, 18), p.pale, 0.8)
    dial = Plane((700, 120), *LEANING)
    slab(cv, dial, cut(0, 0, 300, 260, 30), dark_face(cv, 0.08), 12)
    cv.poly(dial.map(ring((150, 134), 92, 70, 0, 360)), p.ground, 0.8)
    cv.poly(dial.map(ring((150, 134), 92, 70, -90, 165)), bright(cv, 90))
    bar(cv, dial, (120, 122, 60, 22), p.pale, 0.9)
    rows = Plane((752, 412), *LEANING)
    slab(cv, rows, cut(0, 0, 330, 200, 26), dark_face(cv, 0.14), 12)
    for i in range(4):
        cv.poly(rows.map(ellipse((40, 38 + i * 42), 12, 12)), (p.second, p.main, p.edge, p.edge)[i])
        bar(cv, rows, (66, 31 + i * 42, cv.rng.uniform(90, 150), 12), p.pale, 0.55)
        bar(cv, rows, (260, 31 + i * 42, 44, 12), p.main, 0.8 if i < 2 else 0.3)


def radial(cv: Canvas) -> None:
    """A ring of segments, one pushed out."""
    p = cv.palette
    backdrop(cv, (600, 330), 0.42)
    centre = (600.0, 345.0)
    for i in range(8):
        start = -112.5 + i * 45
        push = 22 if i == 1 else 0
        a = math.radians(start + 22.5)
        at = (centre[0] + push * math.cos(a), centre[1] + push * math.sin(a))
        shape = ring(at, 262, 138, start + 2.2, start + 42.8)
        if push:
            cv.halo(shape, p.main, 30, 0.7)
        else:
            cv.shadow(shape, (0, 16), 14, 0.5)
        cv.poly(shape, bright(cv, 30) if push else dark_face(cv, 0.10))
        cv.line(shape, p.pale, 1.1, 0.8 if push else 0.28, closed=True)
        icon = (at[0] + 200 * math.cos(a), at[1] + 200 * math.sin(a))
        tone = p.ground if push else mix(p.edge, p.main, 0.75)
        sides = (4, 6, 3, 5, 4, 6, 3, 5)[i]
        cv.poly(regular(icon, 27, sides, i * 22), tone)
        cv.poly(regular(icon, 12, sides, i * 22), p.main if push else p.ground, 0.8)
    for r, width, a in ((290, 1.2, 0.5), (316, 0.8, 0.22), (122, 1.6, 0.7)):
        cv.line(ellipse(centre, r, r), p.main, width, a, closed=True)
    cv.disc(centre, 104, dark_face(cv, 0.2))
    cv.line([(centre[0] - 22, centre[1] - 22), (centre[0] + 22, centre[1] + 22)], p.pale, 5)
    cv.line([(centre[0] + 22, centre[1] - 22), (centre[0] - 22, centre[1] + 22)], p.pale, 5)
    for i in range(72):
        a = math.radians(i * 5)
        r = 338 if i % 6 else 346
        cv.line([(centre[0] + 330 * math.cos(a), centre[1] + 330 * math.sin(a)),
                 (centre[0] + r * math.cos(a), centre[1] + r * math.sin(a))],
                p.pale, 1.0, 0.35)  # fmt: skip
