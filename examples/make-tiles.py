#!/usr/bin/env python3
"""Draws the picture of the demo site and cuts it into sixty SVG tiles.

    python3 examples/make-tiles.py                  writes examples/site/tiles/01.svg ... 60.svg
    python3 examples/make-tiles.py --whole FILE     writes the whole picture as one SVG, to look at

The scene is a list of shapes in one space of 1200 x 720 units. Every curve is flattened, so that a tile
holds only what falls inside it: a tile is some hundred octets of sky or a few thousand of horse. The same
script gives the same octets each time (so the validators of the tiles change only with the picture).
"""

import math
import pathlib
import random
import sys

WIDTH, HEIGHT, TILE = 1200, 720, 120
STREET = 560
MARGIN = 3  # Shapes are cut this far outside of a tile, so that no cut edge is seen.

INK = "#170f26"
INK_FAR = "#2b1a3d"
RIM = "#e79a72"
LAMP = "#ffe2a0"


# ---- geometry ----------------------------------------------------------------------------------------

def smooth(points, closed=True, steps=6):
    """A Catmull-Rom curve through the points, flattened."""
    n = len(points)
    out = []
    for i in range(n if closed else n - 1):
        if closed:
            p0, p1, p2, p3 = (points[(i + k - 1) % n] for k in range(4))
        else:
            p0, p1, p2, p3 = (points[min(max(i + k - 1, 0), n - 1)] for k in range(4))
        for s in range(steps):
            t = s / steps
            out.append(tuple(
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3)
                for a, b, c, d in zip(p0, p1, p2, p3)))
    if not closed:
        out.append(points[-1])
    return out


def limb(joints, steps=6):
    """The outline of a limb given as joints (x, y, width)."""
    line = smooth(joints, closed=False, steps=steps)
    left, right = [], []
    for i, (x, y, w) in enumerate(line):
        ax, ay, _ = line[max(i - 1, 0)]
        bx, by, _ = line[min(i + 1, len(line) - 1)]
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = -(by - ay) / length * w / 2, (bx - ax) / length * w / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return left + right[::-1]


def line(points, width, closed=False):
    """A smooth line of one width, as an outline."""
    return limb([(x, y, width) for x, y in points])


def ring(cx, cy, r):
    n = 44 if r > 30 else 18 if r > 3 else 10
    return [(cx + r * math.cos(2 * math.pi * i / n), cy + r * math.sin(2 * math.pi * i / n)) for i in range(n)]


def box(x, y, w, h):
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def moved(points, dx, dy):
    return [(x + dx, y + dy) for x, y in points]


def one_way_round(polygon):
    """The polygon with its points clockwise: two that overlap in one path then never cancel out."""
    area = sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1]))
    return polygon if area > 0 else polygon[::-1]


def simplified(points, tolerance=.24):
    """The points without those that lie on the line between others (Douglas and Peucker)."""
    if len(points) < 3:
        return points
    (ax, ay), (bx, by) = points[0], points[-1]
    length = math.hypot(bx - ax, by - ay)
    far, at = 0, 0
    for i in range(1, len(points) - 1):
        x, y = points[i]
        off = abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length if length > 1e-9 else math.hypot(x - ax, y - ay)
        if off > far:
            far, at = off, i
    if far <= tolerance:
        return [points[0], points[-1]]
    return simplified(points[:at + 1], tolerance)[:-1] + simplified(points[at:], tolerance)


def clip(polygon, x0, y0, x1, y1):
    """The part of the polygon inside the box (Sutherland and Hodgman)."""
    for axis, bound, sign in ((0, x0, 1), (0, x1, -1), (1, y0, 1), (1, y1, -1)):
        out = []
        for i, here in enumerate(polygon):
            before = polygon[i - 1]
            here_in = (here[axis] - bound) * sign >= 0
            before_in = (before[axis] - bound) * sign >= 0
            if here_in != before_in:
                t = (bound - before[axis]) / (here[axis] - before[axis])
                out.append((before[0] + t * (here[0] - before[0]), before[1] + t * (here[1] - before[1])))
            if here_in:
                out.append(here)
        polygon = out
        if not polygon:
            break
    return polygon


# ---- the scene ---------------------------------------------------------------------------------------

GRADIENTS = {
    "sky": ("linear", (0, 0, 0, STREET), [
        (0, "#171640", 1), (.22, "#2f2560", 1), (.45, "#6b3b7c", 1), (.64, "#b4566f", 1), (.82, "#ec8b60", 1),
        (1, "#fdd08a", 1)]),
    "sun": ("radial", (770, 500, 430), [(0, "#ffe9b0", .95), (.18, "#ffcf8a", .6), (.5, "#ff9d6a", .22), (1, "#ff9d6a", 0)]),
    "street": ("linear", (0, STREET - 12, 0, HEIGHT), [(0, "#7d4468", 1), (.25, "#4b2c56", 1), (1, "#1c1330", 1)]),
    "glowA": ("radial", (188, 300, 120), [(0, "#ffe7ad", .85), (.25, "#ffc877", .38), (1, "#ffb060", 0)]),
    "glowB": ("radial", (1068, 300, 120), [(0, "#ffe7ad", .85), (.25, "#ffc877", .38), (1, "#ffb060", 0)]),
    "glowC": ("radial", (592, 452, 60), [(0, "#fff0c4", .95), (.3, "#ffc877", .45), (1, "#ffb060", 0)]),
    "cab": ("linear", (430, 0, 660, 0), [(0, "#191029", 1), (.7, "#2d1a3c", 1), (1, "#4a2746", 1)]),
}

SEEN_THROUGH = {"url(#%s)" % name for name, (_, _, stops) in GRADIENTS.items() if any(a < 1 for _, _, a in stops)}

scene = []  # (fill, opacity, list of polygons)


def paint(fill, *polygons, opacity=1):
    scene.append((fill, opacity, [simplified(p + p[:1])[:-1] for p in map(one_way_round, polygons)]))


def sky(rng):
    paint("url(#sky)", box(-9, -9, WIDTH + 18, STREET + 18))
    for _ in range(70):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, 1) ** 1.6 * 250
        paint("#fff4dc", ring(x, y, rng.choice((.7, .9, 1.1, 1.6))), opacity=round(9 - y / 33) / 10)
    # The moon: a thin crescent between two circles.
    outer = [(960 + 30 * math.cos(a), 112 + 30 * math.sin(a)) for a in (math.radians(d) for d in range(-70, 121, 8))]
    inner = [(949 + 28.5 * math.cos(a), 106 + 28.5 * math.sin(a)) for a in (math.radians(d) for d in range(112, -59, -8))]
    paint("#fff1cf", outer + inner)
    paint("url(#sun)", ring(770, 500, 430))
    paint("#fff0c2", ring(770, 486, 54))
    for x, y, w, h, fill, opacity in (
            (250, 205, 330, 15, "#d9748a", .45), (160, 226, 250, 10, "#f09a7c", .5), (560, 172, 240, 9, "#b5658c", .45),
            (930, 238, 330, 14, "#e58478", .5), (1060, 216, 230, 8, "#f3a67f", .45), (640, 296, 420, 13, "#ffb98a", .5),
            (350, 330, 300, 9, "#ffc490", .5), (990, 338, 300, 9, "#ffd09a", .55), (90, 312, 260, 10, "#f7a57e", .4)):
        cloud = [(x - w / 2, y), (x - w / 4, y - h * .55), (x - w * .05, y - h * .35), (x + w / 8, y - h), (x + w / 3, y - h * .4),
                 (x + w / 2, y), (x + w / 5, y + h * .35), (x - w / 4, y + h * .3)]
        paint(fill, smooth(cloud), opacity=opacity)


def birds():
    for x, y, s in ((455, 232, 9), (482, 218, 7), (506, 240, 6), (432, 214, 5), (530, 222, 5)):
        wings = [(x - s, y - s * .35), (x - s * .4, y - s * .55), (x, y), (x + s * .4, y - s * .55), (x + s, y - s * .35)]
        paint("#3a2152", line(wings, 1.5))


def far_city(rng):
    fill = "#8a4a72"
    roofs = [(-9, 600)]
    x = -9
    while x < WIDTH + 9:
        w, y = rng.uniform(26, 60), rng.uniform(448, 492)
        roofs += [(x, y), (x + w * .5, y - rng.choice((0, 0, 12, 16))), (x + w, y)]
        x += w
    roofs.append((WIDTH + 9, 600))
    paint(fill, roofs)
    # A cathedral with its dome.
    dome = [(318, 420)] + [(360 + 42 * math.cos(math.radians(d)), 396 - 46 * math.sin(math.radians(d))) for d in range(180, -1, -10)] + [(402, 420)]
    paint(fill, box(286, 432, 148, 90), box(314, 396, 92, 60), dome, box(352, 330, 16, 26), box(347, 346, 26, 8),
          [(352, 332), (360, 316), (368, 332)], box(358.6, 298, 2.8, 22), box(354.5, 303, 11, 2.6),
          box(278, 388, 20, 70), [(276, 390), (288, 366), (300, 390)], box(422, 388, 20, 70), [(420, 390), (432, 366), (444, 390)])
    paint("#a75b76", *[box(x, 402, 3, 28) for x in range(320, 402, 10)])
    # A clock tower.
    paint(fill, box(985, 318, 40, 210), box(981, 312, 48, 8), box(981, 360, 48, 6), [(985, 314), (993, 290), (1017, 290), (1025, 314)],
          box(993, 274, 24, 18), [(991, 276), (1005, 232), (1019, 276)], box(1003.8, 218, 2.4, 18))
    paint("#ffdf9f", ring(1005, 340, 14))
    paint("#6b3862", line([(1005, 340), (1005, 330)], 2), line([(1005, 340), (1012, 345)], 2))
    for sx, sy in ((110, 392), (612, 404), (868, 410)):
        paint(fill, box(sx - 9, sy, 18, 120), [(sx - 11, sy + 2), (sx, sy - 52), (sx + 11, sy + 2)])


def near_city(rng):
    fill = "#3c2350"
    lit, dim = [], []
    for start, end, low, high in ((-14, 262, 318, 388), (1058, 1216, 330, 392)):
        x = start
        while x < end:
            w, y = rng.uniform(54, 74), rng.uniform(low, high)
            if start < 0:
                y += max(0, x - 40) * .34
            else:
                y += max(0, 1150 - x) * .6
            shapes = [box(x, y, w + .5, 580 - y), [(x - 3, y + 2), (x + w * .25, y - 20), (x + w * .75, y - 20), (x + w + 3, y + 2)]]
            cx = x + w * rng.choice((.16, .7))
            shapes.append(box(cx, y - 46, 15, 40))
            shapes += [box(cx + 1.5 + k * 5, y - 54, 3, 9) for k in range(3)]
            paint(fill, *shapes)
            for row in range(4):
                for k in range(3):
                    wx, wy = x + 9 + k * (w - 18) / 2.6, y + 20 + row * 42
                    if wy < 508:
                        (lit if rng.random() < .5 else dim).append(box(wx, wy, 9, 17))
            # Smoke drifts from the chimney.
            sx, sy = cx + 7, y - 56
            paint("#c98fa0", limb([(sx, sy, 2), (sx + 6, sy - 18, 7), (sx + 2, sy - 38, 11), (sx + 14, sy - 60, 17), (sx + 30, sy - 76, 9)]), opacity=.17)
            x += w
    paint("#ffcf7d", *lit, opacity=.92)
    paint("#5a3768", *dim)
    # Panes.
    paint(fill, *[box(b[0][0] + 4, b[0][1], 1, 17) for b in lit + dim], *[box(b[0][0], b[0][1] + 8, 9, 1) for b in lit + dim])


def embankment():
    paint("#54305f", box(-9, 528, WIDTH + 18, 40))
    paint("#6d3f6c", box(-9, 522, WIDTH + 18, 7))
    paint("#8d5273", box(-9, 520.6, WIDTH + 18, 1.8))
    paint("#432650", *[box(x, 533, 3, 26) for x in range(-5, WIDTH, 15)])


def street(rng):
    paint("url(#street)", box(-9, 556, WIDTH + 18, 180))
    paint("#96546f", box(-9, 555, WIDTH + 18, 2.4), opacity=.8)
    # The last light lies on the wet stones.
    for y in sorted(566 + rng.uniform(0, 1) ** 1.4 * 145 for _ in range(60)):
        spread = 36 + (y - 560) * 1.1
        x, w = rng.gauss(770, spread), rng.uniform(14, 54)
        paint("#ffb985", smooth([(x - w, y), (x, y - 1.3), (x + w, y), (x, y + 1.3)], steps=3), opacity=round(max(.12, .62 - (y - 560) / 330) * 10) / 10)
    for cx in (188, 1068):
        for _ in range(16):
            y = 574 + rng.uniform(0, 1) * 120
            x, w = rng.gauss(cx, 9 + (y - 560) * .1), rng.uniform(6, 22)
            paint("#ffcf86", smooth([(x - w, y), (x, y - 1.1), (x + w, y), (x, y + 1.1)], steps=3), opacity=.34)
    for _ in range(150):
        y = 564 + rng.uniform(0, 1) * 160
        x, w = rng.uniform(0, WIDTH), 4 + (y - 560) * .09
        paint("#0f0a1d", [(x - w, y), (x - w * .5, y - .9), (x + w * .5, y - .9), (x + w, y), (x + w * .5, y + .9), (x - w * .5, y + .9)], opacity=.32)


def lamp(x, glow):
    paint("url(#%s)" % glow, ring(x, 300, 120))
    post = [(x - 4, 590), (x - 2.6, 344), (x + 2.6, 344), (x + 4, 590)]
    paint(INK, post, box(x - 7, 560, 14, 34), box(x - 10, 588, 20, 8), box(x - 15, 350, 30, 3), ring(x - 15, 351.5, 2.6), ring(x + 15, 351.5, 2.6),
          box(x - 6, 336, 12, 8), box(x - 5, 430, 10, 5))
    paint(LAMP, [(x - 8, 336), (x - 14, 290), (x + 14, 290), (x + 8, 336)])
    paint("#fffaf0", smooth([(x, 300), (x + 4, 316), (x, 326), (x - 4, 316)]))
    paint(INK, [(x - 17, 291), (x - 8, 276), (x + 8, 276), (x + 17, 291)], box(x - 3, 264, 6, 13), ring(x, 263, 3.4),
          line([(x - 14, 290), (x - 8, 336)], 1.8), line([(x + 14, 290), (x + 8, 336)], 1.8), line([(x, 290), (x, 336)], 1.2))


def wheel(cx, cy, r, fill, rim):
    hoop = ring(cx, cy, r)
    hole = ring(cx, cy, r - 7)[::-1]
    if rim:
        paint(rim, moved(hoop, 1.3, -1.5) + [moved(hoop, 1.3, -1.5)[0]] + moved(hole, 1.3, -1.5) + [moved(hole, 1.3, -1.5)[0]])
    paint(fill, hoop + [hoop[0]] + hole + [hole[0]])
    spokes = []
    count = 14 if rim else 7
    for k in range(count):
        a = 2 * math.pi * k / count + .12
        spokes.append(limb([(cx + 9 * math.cos(a), cy + 9 * math.sin(a), 4.6), (cx + (r - 4) * math.cos(a), cy + (r - 4) * math.sin(a), 3.2)], steps=1))
    paint(fill, *spokes, ring(cx, cy, 12))
    if rim:
        paint("#b9795f", ring(cx, cy, 5.5))


def horse():
    far = [
        # The far fore leg stands, the far hind leg swings forward: a trot moves in diagonals.
        limb([(846, 506, 40), (842, 545, 21), (836, 582, 15), (833, 604, 10), (827, 630, 9), (832, 641, 9)]),
        [(824, 637), (838, 637), (843, 648), (823, 648)],
        limb([(735, 500, 56), (752, 540, 32), (738, 578, 19), (752, 604, 11), (764, 624, 9), (771, 630, 9)]),
        [(765, 622), (777, 631), (776, 643), (758, 634)],
    ]
    paint(INK_FAR, *far)
    body = smooth([
        (694, 476), (704, 459), (726, 448), (752, 452), (780, 459), (806, 456), (828, 443), (846, 424), (864, 398), (884, 376), (902, 367),
        (916, 373), (926, 388), (940, 410), (953, 428), (956, 438), (949, 446), (938, 446), (928, 437), (914, 428), (903, 424),
        (897, 436), (894, 456), (893, 478), (887, 502), (870, 521), (840, 529), (806, 531), (772, 526), (744, 516), (716, 520), (697, 504)])
    near = [
        limb([(862, 500, 48), (880, 534, 28), (905, 556, 17), (908, 566, 14), (894, 590, 10), (882, 605, 9), (876, 608, 9)]),
        [(886, 602), (880, 614), (868, 618), (872, 602)],
        limb([(722, 490, 66), (716, 530, 42), (696, 568, 20), (688, 582, 16), (676, 612, 10.5), (664, 632, 9), (662, 638, 9)]),
        [(656, 634), (669, 636), (668, 648), (648, 648)],
    ]
    ears = [[(890, 376), (893, 350), (903, 370)], [(900, 371), (908, 349), (911, 374)]]
    tail = smooth([(700, 462), (684, 462), (668, 478), (656, 506), (640, 532), (654, 530), (664, 522), (662, 536), (674, 522), (686, 500), (698, 480)])
    mane = smooth([(898, 364), (880, 368), (860, 388), (842, 412), (824, 436), (816, 448), (834, 444), (850, 430), (856, 436), (866, 412), (874, 414), (884, 392), (892, 392), (900, 376)])
    for part in [tail, body, near[0], near[2]] + ears:
        paint(RIM, moved(part, 1.6, -1.8))
    paint(INK, tail, body, *near, *ears)
    paint("#0d0818", mane)
    # Harness.
    strap = "#7a4a52"
    paint(strap, line([(830, 446), (846, 478), (850, 526)], 3.4), line([(858, 408), (872, 450), (892, 480)], 6), line([(792, 459), (797, 492), (800, 530)], 4.6),
          line([(706, 470), (742, 478), (797, 492), (850, 490), (888, 484)], 2.6), line([(722, 450), (726, 478)], 2.4),
          line([(902, 376), (912, 400), (915, 427)], 2.4), line([(929, 396), (920, 412)], 2.2), line([(934, 424), (948, 420)], 2.2), line([(898, 372), (934, 424)], 2))
    paint("#ffd79a", ring(798, 488, 3.2), ring(872, 448, 3), ring(934, 430, 2.6))
    paint("#f4c9a0", ring(921, 393, 1.7))
    # Shafts, from the cab to the breast.
    paint("#0d0818", line([(556, 548), (640, 536), (720, 512), (800, 500), (884, 488)], 5.2))
    paint(RIM, line([(600, 540), (640, 533.5), (720, 509.5), (800, 497.5), (882, 485.6)], 1.1), opacity=.85)


def cab():
    wheel(548, 566, 78, INK_FAR, None)
    body = smooth([
        (452, 392), (470, 384), (520, 378), (575, 376), (604, 380), (610, 386), (606, 396), (602, 420), (602, 452), (606, 486), (618, 508), (640, 520),
        (662, 514), (672, 494), (676, 496), (672, 520), (658, 538), (630, 546), (590, 546), (540, 548), (500, 540), (472, 520), (458, 486), (450, 440)])
    paint(RIM, moved(body, 1.8, -2))
    paint("url(#cab)", body)
    # Window with a passenger in the lamplight.
    window = smooth([(500, 404), (540, 398), (580, 398), (586, 404), (586, 440), (584, 466), (560, 470), (520, 470), (502, 464), (498, 436)], steps=4)
    paint("#f6b873", window)
    paint("#ffdb9c", smooth([(540, 404), (578, 403), (581, 430), (578, 460), (556, 462), (536, 440)], steps=4), opacity=.8)
    passenger = smooth([(520, 470), (519, 456), (527, 448), (536, 445), (535, 440), (531, 432), (533, 422), (543, 418), (552, 422), (553, 431), (556, 435),
                        (553, 438), (552, 443), (548, 446), (560, 452), (564, 470)], steps=4)
    hat = smooth([(524, 424), (536, 420), (536, 412), (548, 409), (556, 416), (566, 422), (552, 426), (536, 428)], steps=3)
    paint("#4a2440", passenger, hat)
    paint("#d9607a", ring(540, 414, 4.2))
    paint(INK, line([(500, 404), (498, 436), (502, 464)], 3), line([(586, 402), (586, 466)], 2.4), box(545, 398, 1.8, 73))
    # Panels and mouldings.
    paint("#5d3450", line([(462, 484), (500, 482), (560, 482), (604, 484)], 2), line([(457, 402), (520, 391), (604, 390)], 2))
    paint("#8c5562", line([(618, 506), (640, 517), (660, 511), (671, 494)], 1.6))
    # The roof's edge, where the reins run.
    paint(INK, smooth([(446, 394), (462, 381), (520, 373), (590, 370), (616, 375), (618, 381), (560, 383), (480, 390)], steps=4))
    paint(RIM, line([(462, 380), (520, 372.4), (590, 369.4), (614, 374)], 1.2))
    # The lamp at the side.
    paint("url(#glowC)", ring(592, 452, 60))
    paint(INK, box(585, 436, 14, 4), [(587, 437), (592, 427), (597, 437)], box(586, 464, 12, 4), box(590, 468, 4, 8))
    paint("#fff3cf", box(587, 440, 10, 24))
    driver()
    # Springs, step and the near wheel.
    paint(INK, line([(446, 538), (480, 556), (528, 562), (580, 556), (618, 544)], 5), line([(520, 546), (524, 572)], 9), line([(620, 546), (632, 580), (648, 584)], 3.4))
    wheel(520, 562, 86, INK, RIM)


def driver():
    # His seat is sprung high behind the roof; the reins run over it.
    paint(INK, line([(452, 486), (424, 470), (414, 436), (416, 404)], 5), line([(455, 440), (430, 420)], 4), smooth([(400, 398), (430, 394), (456, 398), (456, 408), (428, 410), (402, 408)], steps=4),
          line([(404, 402), (396, 384), (394, 366)], 5))
    coat = smooth([(404, 400), (402, 372), (404, 344), (410, 326), (422, 318), (434, 320), (442, 330), (446, 350), (446, 374), (456, 384), (474, 386), (480, 396), (478, 402), (452, 402), (428, 402)])
    cape = smooth([(404, 346), (408, 326), (422, 317), (436, 320), (445, 336), (450, 354), (430, 360), (404, 358)])
    arm = limb([(428, 332, 15), (440, 356, 14), (462, 360, 10), (476, 354, 8), (482, 352, 7)])
    head = smooth([(420, 318), (418, 306), (420, 296), (430, 292), (439, 297), (440, 304), (443, 308), (440, 311), (438, 318), (430, 322)], steps=4)
    hat = [(412, 297), (419, 294), (417, 268), (441, 266), (440, 292), (448, 293), (447, 297), (430, 300)]
    boots = limb([(466, 394, 14), (478, 398, 11), (482, 414, 9)])
    for part in (coat, cape, arm, head, hat):
        paint(RIM, moved(part, 1.6, -1.6))
    paint(INK, coat, boots, head, hat)
    paint("#241536", cape)
    paint(INK, arm)
    paint("#d9607a", smooth([(420, 318), (430, 321), (440, 317), (442, 322), (430, 327), (418, 323)], steps=3))
    paint("#5b3350", [(418.5, 288), (440.6, 286), (440.4, 291), (419, 293)])
    # Whip and reins.
    paint(INK, line([(480, 354), (500, 300), (526, 240)], 2.2), line([(526, 240), (546, 224), (572, 232), (590, 262)], 1.1))
    reins = [[(481, 353), (530, 366), (600, 366), (720, 412), (838, 436), (932, 432)], [(481, 355), (540, 370), (610, 369), (720, 420), (838, 441), (932, 434)]]
    paint("#0d0818", *[line(rein, 1.6) for rein in reins])


def shadows():
    for cx, cy, w, h, opacity in ((520, 652, 120, 9, .55), (770, 651, 150, 7, .5), (188, 596, 26, 4, .4), (1068, 596, 26, 4, .4)):
        paint("#0b0716", smooth([(cx - w, cy), (cx, cy - h), (cx + w, cy), (cx, cy + h)]), opacity=opacity)
    # What the wet stones give back of cab and horse.
    paint("#0b0716", smooth([(446, 660), (520, 656), (620, 658), (690, 660), (860, 658), (880, 666), (800, 690), (690, 694), (600, 706), (500, 712), (450, 690)]), opacity=.22)


def draw():
    rng = random.Random(1834)  # The year of Joseph Hansom's patent.
    sky(rng)
    far_city(rng)
    birds()
    near_city(rng)
    embankment()
    street(rng)
    lamp(188, "glowA")
    lamp(1068, "glowB")
    shadows()
    horse()
    cab()


# ---- writing -----------------------------------------------------------------------------------------

def number(value):
    text = "%.1f" % value
    text = text[:-2] if text.endswith(".0") else text
    return {"-0": "0"}.get(text, text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text)


def fraction(value):
    return ("%g" % value).lstrip("0") or "0"


def path(polygon):
    """One closed subpath, in relative steps of a tenth of a unit."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in polygon]
    steps = [tenths[0]]
    for point in tenths[1:]:
        if point != steps[-1]:
            steps.append(point)
    if len(steps) < 3:
        return ""
    text = "M%s %sl" % (number(steps[0][0] / 10), number(steps[0][1] / 10))
    for (ax, ay), (bx, by) in zip(steps, steps[1:]):
        dx, dy = number((bx - ax) / 10), number((by - ay) / 10)
        text += ("" if text[-1] == "l" or dx[0] == "-" else " ") + dx + ("" if dy[0] == "-" else " ") + dy
    return text + "z"


def gradient(name):
    kind, place, stops = GRADIENTS[name]
    names = ("x1", "y1", "x2", "y2") if kind == "linear" else ("cx", "cy", "r")
    where = " ".join('%s="%s"' % pair for pair in zip(names, place))
    inner = "".join('<stop offset="%s" stop-color="%s"%s/>' % (fraction(o), c, "" if a == 1 else ' stop-opacity="%s"' % fraction(a))
                    for o, c, a in stops)
    return '<%sGradient id="%s" gradientUnits="userSpaceOnUse" %s>%s</%sGradient>' % (kind, name, where, inner, kind)


def covers(polygon, x, y, w, h):
    """Is the polygon an upright box around the whole tile?"""
    xs, ys = [p[0] for p in polygon], [p[1] for p in polygon]
    return len(polygon) == 4 and len(set(xs)) == 2 and len(set(ys)) == 2 and \
        min(xs) <= x and max(xs) >= x + w and min(ys) <= y and max(ys) >= y + h


def svg(x, y, w, h):
    parts, used = [], []
    for fill, opacity, polygons in scene:
        if opacity == 1 and fill not in SEEN_THROUGH and any(covers(p, x, y, w, h) for p in polygons):
            parts, used = [], []  # Nothing below is seen in this tile.
        d = ""
        for polygon in polygons:
            part = clip(polygon, x - MARGIN, y - MARGIN, x + w + MARGIN, y + h + MARGIN)
            if len(part) > 2:
                d += path(part)
        if not d:
            continue
        if fill.startswith("url(#") and fill[5:-1] not in used:
            used.append(fill[5:-1])
        look = 'fill="%s"' % fill + ("" if opacity == 1 else ' opacity="%s"' % fraction(opacity))
        if parts and parts[-1][0] == look:
            parts[-1][1].append(d)
        else:
            parts.append((look, [d]))
    return '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="%d %d %d %d">\n<defs>%s</defs>\n%s\n</svg>\n' % (
        w, h, x, y, w, h, "".join(map(gradient, used)), "\n".join('<path %s d="%s"/>' % (look, "".join(ds)) for look, ds in parts))


def main(arguments):
    draw()
    if arguments[:1] == ["--whole"]:
        pathlib.Path(arguments[1]).write_text(svg(0, 0, WIDTH, HEIGHT))
        return
    folder = pathlib.Path(__file__).parent / "site" / "tiles"
    folder.mkdir(parents=True, exist_ok=True)
    sizes = []
    for row in range(HEIGHT // TILE):
        for column in range(WIDTH // TILE):
            text = svg(column * TILE, row * TILE, TILE, TILE)
            (folder / ("%02d.svg" % (row * 10 + column + 1))).write_text(text)
            sizes.append(len(text))
    print("%d tiles, %d to %d octets, %d in all" % (len(sizes), min(sizes), max(sizes), sum(sizes)))


if __name__ == "__main__":
    main(sys.argv[1:])
