"""Backgrounds: places, skies and patterns, drawn over a whole picture in final pixels.

What a thing is decides its hue (grass, sky, sea, wood, brick); how light it is varies some from panel to panel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from demo.ink import SUPERSAMPLING, Pen, curve, ellipse, locks, rectangle, ribbon, shifted
from demo.palette import WHITE, Color, lch, lit, mix, shaded

Rng = np.random.Generator


@dataclass(frozen=True)
class Scenery:
    """The hues that one webtoon gives to things that could have any."""

    wall: float
    curtain: float
    roof: float
    mood: float


def mood_color(rng: Rng, scenery: Scenery, *, turn: float = 0.0) -> Color:
    """A colour of the webtoon's mood, `turn` degrees around; only its lightness is left to chance."""
    return lch(rng.uniform(70, 80), 46, scenery.mood + turn)


def screentone(pixels: np.ndarray, tone: np.ndarray, *, color: Color, period_px: float = 7.0) -> None:
    """Prints round dots at 45 degrees, the larger the higher `tone` (0..1, broadcast to (H, W)); none where it is 0."""
    height, width = pixels.shape[:2]
    step = 2 * np.pi / (period_px * SUPERSAMPLING * np.sqrt(2))
    rows = np.cos(np.arange(height, dtype=np.float32) * np.float32(step))[:, None]
    columns = np.cos(np.arange(width, dtype=np.float32) * np.float32(step))[None, :]
    printed = rows * columns > 1 - 1.25 * np.asarray(tone, dtype=np.float32)
    pixels[printed] = color


def plain(pen: Pen, rng: Rng, scenery: Scenery) -> None:
    """One flat colour."""
    _flood(pen, mood_color(rng, scenery))


def gradient(pen: Pen, rng: Rng, scenery: Scenery) -> None:
    """The mood's colour fading upwards, with soft discs of light."""
    width, height = pen.size
    mood = mood_color(rng, scenery, turn=110)
    pen.gradient(rectangle(-2, -2, width + 4, height + 4), lit(mood, 0.6), shaded(mood, 0.18))
    for _ in range(int(rng.integers(5, 12))):
        radius = rng.uniform(0.02, 0.12) * width
        disc = ellipse(rng.uniform(0, width), rng.uniform(0, height), radius, radius)
        pen.fill(disc, WHITE, opacity=rng.uniform(0.15, 0.4))


def toned(pen: Pen, rng: Rng, scenery: Scenery) -> None:
    """A light ground under a screentone that grows towards one edge."""
    mood = mood_color(rng, scenery, turn=230)
    _flood(pen, lit(mood, 0.45))
    height, width = pen.pixels.shape[:2]
    ramp = np.linspace(0, 1.0, height, dtype=np.float32)[:, None]
    if rng.random() < 0.4:
        ramp = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :]
    elif rng.random() < 0.5:
        ramp = ramp[::-1]
    screentone(pen.pixels, ramp**1.5 * rng.uniform(0.6, 1.0), color=shaded(mood, 0.2), period_px=rng.uniform(6, 10))


def stripes(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Broad slanted stripes: something funny happens."""
    width, height = pen.size
    first = lch(rng.uniform(80, 86), 55, 88)
    _flood(pen, first)
    step = rng.uniform(0.1, 0.22) * width
    lean = rng.choice([-0.6, 0.5, 0.9]) * height
    for x in np.arange(-width - abs(lean), 2 * width + abs(lean), 2 * step):
        pen.fill(
            [(x, 0), (x + step, 0), (x + step + lean, height), (x + lean, height)], mix(first, (255, 140, 60), 0.5)
        )


def focus_lines(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Lines that run towards a point: surprise, speed."""
    width, height = pen.size
    _flood(pen, lch(rng.uniform(82, 90), 34, 220))
    center = np.array([rng.uniform(0.35, 0.65) * width, rng.uniform(0.4, 0.6) * height])
    reach = np.hypot(width, height)
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(60, 110))))
    color = mix(pen.ink, (20, 60, 140), 0.5)
    for angle in angles:
        inner, spread = rng.uniform(0.26, 0.42) * reach, rng.uniform(0.004, 0.03)
        tips = [(inner, 0.0), (reach, spread), (reach, -spread)]
        pen.fill([center + r * np.array([np.cos(angle + a), np.sin(angle + a)]) for r, a in tips], color)


def flowers(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Blossoms and sparkles on rose: romance."""
    width, height = pen.size
    pen.gradient(rectangle(-2, -2, width + 4, height + 4), lch(92, 12, 350), lch(rng.uniform(70, 78), 42, 355))
    for _ in range(int(rng.integers(9, 18))):
        radius = rng.uniform(0.04, 0.1) * min(width, height)
        blossom = pen.at(rng.uniform(0, width), rng.uniform(0, height), scale=radius, degrees=rng.uniform(0, 72))
        petal = lch(rng.uniform(76, 86), 34, 0)
        for turn in range(5):
            part = curve([(0, 0), (0.42, -0.5), (0.3, -1), (0, -0.86), (-0.3, -1), (-0.42, -0.5)], closed=True)
            blossom.at(0, 0, degrees=72 * turn).heavier(0.7).shape(part, petal, line=shaded(petal, 0.5))
        blossom.fill(ellipse(0, 0, 0.24, 0.24), (250, 206, 84))
    for _ in range(10):
        _sparkle(pen, rng.uniform(0, width), rng.uniform(0, height), rng.uniform(8, 24), WHITE)


def room(pen: Pen, rng: Rng, scenery: Scenery) -> None:
    """A living room: papered wall, window, curtains, shelf, plant and wooden floor."""
    width, height = pen.size
    floor_y = rng.uniform(0.68, 0.82) * height
    wall = lch(rng.uniform(70, 84), 40, scenery.wall)
    _flood(pen, wall)
    for x in np.arange(rng.uniform(0, 40), width, 46):
        pen.fill(rectangle(x, 0, 18, floor_y), lit(wall, 0.22))
    _wooden_floor(pen, rng, floor_y)
    at_left = rng.random() < 0.5
    x, y = (0.06 if at_left else 0.52) * width, rng.uniform(0.08, 0.16) * height
    w, h = 0.4 * width, floor_y * rng.uniform(0.5, 0.66)
    _window(pen, rng, scenery, x, y, w, h)
    shelf_x, shelf_w = (0.6 if at_left else 0.06) * width, 0.34 * width
    if rng.random() < 0.65:
        _bookshelf(pen, rng, shelf_x, floor_y - 0.72 * floor_y, shelf_w, 0.74 * floor_y)
    else:
        _picture(pen, shelf_x + 0.04 * width, 0.16 * height, 0.22 * width, 0.26 * height)
        _lamp(pen, shelf_x + 0.5 * shelf_w, floor_y + 0.03 * height, 0.5 * height)
    _plant(pen, rng, (0.52 if at_left else 0.48) * width, floor_y + 0.04 * height, 0.16 * height)


def classroom(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """A green board with chalk on it, over rows of wooden desks."""
    width, height = pen.size
    wall = lch(rng.uniform(82, 90), 28, 84)
    _flood(pen, wall)
    x, y, w, h = 0.08 * width, rng.uniform(0.06, 0.14) * height, 0.84 * width, rng.uniform(0.38, 0.5) * height
    wood = lch(rng.uniform(51, 59), 38, 62)
    pen.shape(rectangle(x - 8, y - 8, w + 16, h + 16), wood)
    pen.shape(rectangle(x, y, w, h), lch(rng.uniform(36, 44), 26, 158))
    for row in np.arange(y + 0.2 * h, y + 0.9 * h, 0.18 * h):
        words = rng.uniform(0.05, 0.16, int(rng.integers(2, 6))) * w
        left = x + 0.06 * w
        for word in words:
            wave = [(left, row), (left + 0.3 * word, row - 5), (left + 0.6 * word, row + 5), (left + word, row)]
            pen.brush(curve(wave), color=(226, 236, 220), width=1.8)
            left += word + 0.05 * w
    floor_y = 0.66 * height
    _wooden_floor(pen, rng, floor_y)
    for row, count in ((0, 4), (1, 3)):
        top = floor_y + (0.02 + 0.16 * row) * height
        w = 0.8 * width / count
        for index in range(count):
            left = (index + 0.12) * width / count
            for leg in (0.08, 0.86):
                pen.shape(rectangle(left + leg * w, top, 0.06 * w, 0.2 * height), (120, 128, 142))
            pen.shape(rectangle(left, top, w, 0.05 * height), lit(wood, 0.2 + 0.1 * row))


def city(pen: Pen, rng: Rng, scenery: Scenery) -> None:
    """A street by day: sky and clouds, houses with windows, trees, a road."""
    width, height = pen.size
    _sky(pen, rng)
    ground_y = rng.uniform(0.74, 0.86) * height
    for layer, (tall, count) in enumerate(((0.62, 6), (0.44, 4))):
        x = -rng.uniform(0, 0.12) * width
        while x < width:
            w = rng.uniform(0.75, 1.35) * width / count
            h = ground_y * rng.uniform(0.5, 1.0) * tall / 0.62
            _house(pen, rng, scenery, x, ground_y - h, w, h, far=layer == 0)
            x += w
    pen.fill(rectangle(-2, ground_y, width + 4, height), (122, 124, 140))
    pen.fill(rectangle(-2, ground_y, width + 4, 0.035 * height), (196, 192, 186))
    pen.stroke([(0, ground_y), (width, ground_y)])
    for x in np.arange(rng.uniform(-40, 0), width, 90):
        pen.fill(rectangle(x, ground_y + 0.12 * height, 50, 7), (244, 226, 150))
    for _ in range(int(rng.integers(1, 4))):
        _tree(pen, rng, rng.uniform(0, width), ground_y + 4, rng.uniform(0.2, 0.34) * height)


def forest(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Trees in two depths over grass, with light between them."""
    width, height = pen.size
    deep = lch(rng.uniform(63, 79), 46, 136)
    pen.gradient(rectangle(-2, -2, width + 4, height + 4), lit(deep, 0.5), deep)
    for _ in range(9):
        x, w = rng.uniform(0, width), rng.uniform(0.02, 0.05) * width
        pen.fill(rectangle(x, 0, w, height), mix(deep, (46, 84, 74), 0.4))
    for _ in range(3):
        x = rng.uniform(-0.2, 1) * width
        pen.fill(
            [(x, 0), (x + 0.1 * width, 0), (x + 0.4 * width, height), (x + 0.16 * width, height)],
            (255, 250, 200),
            opacity=0.3,
        )
    floor_y = rng.uniform(0.68, 0.84) * height
    _grass(pen, rng, floor_y)
    for x in rng.permutation([0.05, 0.24, 0.45, 0.68, 0.93])[: int(rng.integers(2, 5))]:
        _tree(pen, rng, x * width, floor_y + rng.uniform(0, 0.1) * height, rng.uniform(0.55, 0.9) * height)


def meadow(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Hills under a wide sky, with flowers."""
    width, height = pen.size
    _sky(pen, rng)
    level = rng.uniform(0.5, 0.74) * height
    for depth in range(3):
        green = lch(rng.uniform(65, 79) - 6 * depth, 58, 126 - 4 * depth)
        y = level + depth * 0.13 * height
        bumps = [(x * width, y + rng.uniform(-0.09, 0.05) * height) for x in np.linspace(-0.2, 1.2, 6)]
        hill = np.concatenate([curve(bumps), [(1.3 * width, 1.2 * height), (-0.3 * width, 1.2 * height)]])
        pen.shape(hill, green)
    for _ in range(26):
        x, y = rng.uniform(0, width), rng.uniform(level + 0.2 * height, height)
        petal = [(250, 224, 92), (255, 255, 255), (245, 130, 160)][int(rng.integers(3))]
        pen.fill(ellipse(x, y, 5, 5, samples=12), petal)
        pen.fill(ellipse(x, y, 2, 2, samples=8), (230, 150, 50))
    if rng.random() < 0.6:
        _tree(pen, rng, rng.choice([0.12, 0.88]) * width, level + 0.16 * height, 0.5 * height)


def sea(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Sea, sky and a beach."""
    width, height = pen.size
    _sky(pen, rng)
    level = rng.uniform(0.36, 0.56) * height
    water = lch(rng.uniform(50, 62), 42, 236)
    pen.gradient(rectangle(-2, level, width + 4, height), shaded(water, 0.12), lit(water, 0.3))
    pen.stroke([(0, level), (width, level)])
    for _ in range(26):
        x, y = rng.uniform(0, width), rng.uniform(level + 8, 0.82 * height)
        reach = 14 + 46 * (y - level) / height
        pen.brush(curve([(x, y), (x + 0.5 * reach, y - 3), (x + reach, y)]), color=(232, 248, 255), width=1.8)
    if rng.random() < 0.7:
        boat = pen.at(rng.uniform(0.15, 0.85) * width, level + 6, scale=rng.uniform(0.1, 0.2) * height)
        boat.shape([(-0.6, -0.1), (0.6, -0.1), (0.4, 0.14), (-0.42, 0.14)], (196, 70, 60))
        boat.shape([(0.04, -1.1), (0.04, -0.2), (0.56, -0.2)], WHITE)
        boat.shape([(-0.04, -0.9), (-0.04, -0.2), (-0.42, -0.2)], (250, 238, 210))
    shore = 0.84 * height
    sand = lch(rng.uniform(76, 84), 36, 80)
    edge = curve([(x * width, shore + rng.uniform(-0.03, 0.04) * height) for x in np.linspace(-0.1, 1.1, 7)])
    pen.fill(np.concatenate([shifted(edge, 0, -12), [(1.2 * width, 2 * height), (-0.2 * width, 2 * height)]]), WHITE)
    pen.fill(np.concatenate([edge, [(1.2 * width, 2 * height), (-0.2 * width, 2 * height)]]), sand)


def sunset(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """A low sun over dark hills."""
    width, height = pen.size
    pen.gradient(rectangle(-2, -2, width + 4, height + 4), lch(rng.uniform(47, 55), 46, 330), lch(82, 62, 78))
    level = rng.uniform(0.6, 0.78) * height
    x, radius = rng.uniform(0.2, 0.8) * width, rng.uniform(0.14, 0.24) * min(width, height)
    for grow, opacity in ((1.9, 0.2), (1.45, 0.3)):
        pen.fill(ellipse(x, level, radius * grow, radius * grow), (255, 236, 170), opacity=opacity)
    pen.fill(ellipse(x, level, radius, radius), (255, 244, 196))
    for _ in range(4):
        y, w = rng.uniform(0.08, 0.5) * height, rng.uniform(0.2, 0.5) * width
        left = rng.uniform(-0.1, 0.9) * width
        pen.fill(
            ribbon(curve([(left, y), (left + 0.5 * w, y - 8), (left + w, y)]), (0, 16, 10, 0)),
            (255, 190, 160),
            opacity=0.7,
        )
    for depth in range(2):
        color = lch(42 - 14 * depth, 34, 320)
        y = level + depth * 0.14 * height
        ridge = locks([(k * width, y + rng.uniform(-0.1, 0.05) * height) for k in np.linspace(-0.1, 1.1, 7)], bow=0.12)
        pen.fill(np.concatenate([ridge, [(1.2 * width, 2 * height), (-0.2 * width, 2 * height)]]), color)


def night(pen: Pen, rng: Rng, _scenery: Scenery) -> None:
    """Moon and stars over a town with lit windows."""
    width, height = pen.size
    pen.gradient(
        rectangle(-2, -2, width + 4, height + 4), lch(rng.uniform(14, 22), 38, 288), lch(rng.uniform(43, 51), 40, 280)
    )
    for _ in range(50):
        size = rng.uniform(0.8, 2.4)
        pen.fill(ellipse(rng.uniform(0, width), rng.uniform(0, 0.7 * height), size, size, samples=10), (255, 246, 206))
    radius = rng.uniform(0.08, 0.13) * min(width, height)
    x, y = rng.uniform(0.12, 0.88) * width, rng.uniform(0.14, 0.3) * height
    pen.fill(ellipse(x, y, 1.7 * radius, 1.7 * radius), (255, 240, 180), opacity=0.16)
    pen.fill(ellipse(x, y, radius, radius), (255, 238, 170))
    pen.fill(ellipse(x + 0.3 * radius, y - 0.1 * radius, 0.2 * radius, 0.2 * radius), (240, 214, 136))
    left = -10.0
    while left < width:
        w, h = rng.uniform(0.12, 0.24) * width, rng.uniform(0.16, 0.46) * height
        pen.fill(rectangle(left, height - h, w, h + 4), lch(rng.uniform(16, 20), 26, 285))
        for wx in np.arange(left + 10, left + w - 14, 22):
            for wy in np.arange(height - h + 12, height, 28):
                if rng.random() < 0.5:
                    pen.fill(rectangle(wx, wy, 10, 14), (255, 214, 110))
        left += w


BACKGROUNDS: dict[str, Callable[[Pen, Rng, Scenery], None]] = {
    "plain": plain,
    "gradient": gradient,
    "toned": toned,
    "stripes": stripes,
    "focus_lines": focus_lines,
    "flowers": flowers,
    "room": room,
    "classroom": classroom,
    "city": city,
    "forest": forest,
    "meadow": meadow,
    "sea": sea,
    "sunset": sunset,
    "night": night,
}

PLACES = ("room", "classroom", "city", "forest", "meadow", "sea", "sunset", "night")
"""The backgrounds that can stand for themselves, without a character."""

PATTERNS = tuple(name for name in BACKGROUNDS if name not in PLACES)


def _flood(pen: Pen, color: Color) -> None:
    pen.pixels[:] = color


def _sky(pen: Pen, rng: Rng) -> None:
    width, height = pen.size
    blue = lch(rng.uniform(62, 76), 42, 252)
    pen.gradient(rectangle(-2, -2, width + 4, height + 4), blue, lit(blue, 0.6))
    for _ in range(int(rng.integers(2, 5))):
        cloud = pen.at(rng.uniform(0, width), rng.uniform(0.05, 0.4) * height, scale=rng.uniform(0.06, 0.13) * width)
        puffs = [(-1.3, 0.3), (-1.0, -0.2), (-0.45, -0.5), (0.2, -0.55), (0.8, -0.22), (1.3, 0.3)]
        outline = locks(puffs, bow=0.4)
        cloud.fill(outline, WHITE)
        cloud.fill(shifted(outline, 0.1, 0.42), mix(blue, WHITE, 0.6), within=outline)


def _grass(pen: Pen, rng: Rng, level: float) -> None:
    width, height = pen.size
    green = lch(rng.uniform(58, 70), 58, 132)
    blades: list[tuple[float, float]] = []
    for x in range(-10, width + 20, 16):
        blades += [(x, level), (x + 7, level - rng.uniform(6, 16))]
    pen.shape(np.concatenate([locks(blades, bow=0.1), [(width + 40, height + 9), (-20, height + 9)]]), green)
    for _ in range(30):
        x, y = rng.uniform(0, width), rng.uniform(level + 12, height)
        pen.brush([(x, y), (x + 3, y - 8), (x + 8, y - 12)], color=shaded(green, 0.3), root=1.0)


def _wooden_floor(pen: Pen, rng: Rng, level: float) -> None:
    width, height = pen.size
    wood = lch(rng.uniform(56, 68), 38, 66)
    pen.fill(rectangle(-2, level, width + 4, height), wood)
    center = width * rng.uniform(0.3, 0.7)
    for x in np.linspace(-2 * width, 3 * width, 22):
        pen.stroke([(center + (x - center) * 0.45, level), (x, height)], color=shaded(wood, 0.25))
    pen.fill(rectangle(-2, level - 10, width + 4, 12), lit(wood, 0.45))
    pen.stroke([(0, level - 10), (width, level - 10)])
    pen.stroke([(0, level + 2), (width, level + 2)])


def _window(pen: Pen, rng: Rng, scenery: Scenery, x: float, y: float, w: float, h: float) -> None:
    blue = lch(rng.uniform(73, 83), 30, 250)
    pen.gradient(rectangle(x, y, w, h), blue, lit(blue, 0.7))
    pen.fill(ellipse(x + 0.3 * w, y + h, 0.36 * w, 0.26 * h), lch(62, 44, 130), within=rectangle(x, y, w, h))
    pen.fill(ellipse(x + 0.8 * w, y + h, 0.3 * w, 0.34 * h), lch(54, 42, 134), within=rectangle(x, y, w, h))
    for frame in (rectangle(x - 7, y - 7, w + 14, 12), rectangle(x - 10, y + h - 5, w + 20, 14),
                  rectangle(x + 0.5 * w - 5, y, 10, h), rectangle(x, y + 0.45 * h, w, 7)):  # fmt: skip
        pen.shape(frame, (250, 246, 236))
    cloth = lch(rng.uniform(52, 66), 48, scenery.curtain)
    for side in (0, 1):
        edge = x + side * w
        inward = 1 - 2 * side
        hem, waist, top = (edge + inward * share * w for share in (0.17, 0.1, 0.24))
        fall = curve([(hem, y + h + 26), (waist, y + 0.6 * h), (top, y - 12)])
        outline = np.concatenate([[(edge - inward * 16, y - 12), (edge - inward * 20, y + h + 26)], fall])
        pen.shape(outline, cloth)
        for share in (0.02, 0.09):
            fold = edge + inward * share * w
            pen.brush(
                [(fold, y), (fold - inward * 4, y + 0.5 * h), (fold, y + h + 16)], color=shaded(cloth, 0.4), width=2
            )
    pen.stroke([(x - 30, y - 12), (x + w + 30, y - 12)], width=3.5)


def _bookshelf(pen: Pen, rng: Rng, x: float, y: float, w: float, h: float) -> None:
    wood = lch(rng.uniform(44, 54), 40, 58)
    pen.shape(rectangle(x, y, w, h), wood)
    rows = 3
    for row in range(rows):
        top, tall = y + (row + 0.1) * h / rows, 0.8 * h / rows
        pen.shape(rectangle(x + 8, top, w - 16, tall), shaded(wood, 0.45))
        left = x + 11
        while left < x + w - 32:
            thick, high = rng.uniform(9, 19), tall * rng.uniform(0.6, 0.94)
            # A book's hue follows its height, so that there is something to learn.
            color = lch(rng.uniform(45, 75), 50, 20 + 300 * (high / tall - 0.6) / 0.34)
            pen.heavier(0.7).shape(rectangle(left, top + tall - high, thick, high), color)
            left += thick + 1
    for shelf in range(rows + 1):
        pen.shape(rectangle(x - 4, y + shelf * h / rows - 4, w + 8, 8), lit(wood, 0.2))


def _picture(pen: Pen, x: float, y: float, w: float, h: float) -> None:
    pen.shape(rectangle(x, y, w, h), (206, 160, 84))
    inner = rectangle(x + 9, y + 9, w - 18, h - 18)
    pen.shape(inner, lch(80, 28, 250))
    pen.fill([(x, y + h), (x + 0.4 * w, y + 0.4 * h), (x + 0.8 * w, y + h)], lch(54, 40, 135), within=inner)
    pen.fill(ellipse(x + 0.7 * w, y + 0.32 * h, 0.1 * w, 0.1 * w), (255, 226, 120), within=inner)
    pen.stroke(inner, closed=True)


def _lamp(pen: Pen, x: float, y: float, h: float) -> None:
    pen.fill(ellipse(x, y - h, 0.4 * h, 0.4 * h), (255, 244, 190), opacity=0.4)
    pen.shape(rectangle(x - 4, y - h, 8, h), (110, 84, 70))
    pen.shape(ellipse(x, y, 0.16 * h, 0.04 * h), (110, 84, 70))
    shade = np.array([(-0.12, -1.1), (0.12, -1.1), (0.2, -0.84), (-0.2, -0.84)])
    pen.shape(shifted(h * shade, x, y), (250, 214, 120))


def _plant(pen: Pen, rng: Rng, x: float, y: float, h: float) -> None:
    green = lch(rng.uniform(50, 60), 46, 138)
    for lean in (-62, -34, -8, 20, 48):
        leaf = pen.at(x, y - 0.4 * h, scale=h, degrees=lean)
        outline = curve([(0, 0), (0.16, -0.4), (0, -0.95), (-0.16, -0.4)], closed=True)
        leaf.shape(outline, green)
        leaf.stroke([(0, 0), (0, -0.7)], color=shaded(green, 0.4))
    pen.shape(
        [(x - 0.26 * h, y - 0.5 * h), (x + 0.26 * h, y - 0.5 * h), (x + 0.19 * h, y), (x - 0.19 * h, y)], (204, 106, 72)
    )
    pen.shape(rectangle(x - 0.3 * h, y - 0.56 * h, 0.6 * h, 0.14 * h), (218, 124, 88))


def _tree(pen: Pen, rng: Rng, x: float, y: float, h: float) -> None:
    bark = lch(rng.uniform(37, 45), 30, 60)
    w = 0.055 * h
    trunk = np.concatenate([curve([(x - 0.7 * w, y - 0.6 * h), (x - w, y - 0.2 * h), (x - 2.2 * w, y)]),
                            curve([(x + 2.2 * w, y), (x + w, y - 0.2 * h), (x + 0.7 * w, y - 0.6 * h)])])  # fmt: skip
    pen.shape(trunk, bark)
    pen.fill(shifted(trunk, w, 0), shaded(bark, 0.3), within=trunk)
    pen.stroke(trunk, closed=True)
    green = lch(rng.uniform(51, 65), 56, rng.uniform(128, 142))
    crown = pen.at(x, y - 0.72 * h, scale=0.3 * h)
    angle = np.linspace(0, 2 * np.pi, 11)
    rim = np.stack([np.cos(angle), 0.92 * np.sin(angle)], axis=1) * rng.uniform(0.88, 1.08, 11)[:, None]
    rim[-1] = rim[0]
    outline = locks(rim, bow=0.4 if _turns_clockwise(rim) else -0.4)
    crown.fill(outline, green)
    crown.fill(shifted(outline, 0.22, 0.3), mix(green, (10, 80, 90), 0.42), within=outline)
    crown.fill(locks(rim * 0.5 - (0.2, 0.28), bow=0.4), lit(green, 0.22), within=outline)
    crown.stroke(outline, closed=True)
    for _ in range(5):
        at = rng.uniform(-0.6, 0.6, 2)
        crown.brush(
            locks([at, shifted(at, 0.14, 0.02), shifted(at, 0.27, -0.03)], bow=0.4),
            width=1.3,
            color=shaded(green, 0.55),
        )


def _turns_clockwise(rim: np.ndarray) -> bool:
    return bool(cv2.contourArea(rim.astype(np.float32), oriented=True) > 0)


def _house(pen: Pen, rng: Rng, scenery: Scenery, x: float, y: float, w: float, h: float, *, far: bool) -> None:
    color = lch(rng.uniform(58, 78), 42, scenery.roof + (40 if far else 0))
    if far:
        color = mix(color, (196, 218, 244), 0.5)
    pen.shape(rectangle(x, y, w, h), color)
    pen.fill(rectangle(x + 0.8 * w, y, 0.2 * w, h), shaded(color, 0.2))
    pen.shape(rectangle(x - 4, y - 8, w + 8, 10), shaded(color, 0.3))
    columns = max(2, int(w / 38))
    gap = w / (columns + 0.4)
    pane = lch(80, 26, 240)
    light = pen.heavier(0.7)
    for column in range(columns):
        for top in np.arange(y + 18, y + h - 46, 46):
            frame = rectangle(x + (column + 0.3) * gap, top, 0.56 * gap, 28)
            light.shape(frame, pane)
            light.fill([frame[0], (frame[0] + frame[1]) / 2, frame[3]], lit(pane, 0.7))
    if not far:
        awning = lch(56, 56, scenery.curtain)
        pen.shape([(x + 3, y + h - 46), (x + w - 3, y + h - 46), (x + w + 6, y + h - 26), (x - 6, y + h - 26)], awning)
        for share in np.arange(0.1, 1, 0.2):
            pen.fill(rectangle(x + share * w, y + h - 45, 0.1 * w, 19), WHITE)
        pen.shape(rectangle(x + 0.4 * w, y + h - 26, 0.22 * w, 26), shaded(awning, 0.4))


def _sparkle(pen: Pen, x: float, y: float, radius: float, color: Color) -> None:
    star = [(0, -1), (0.16, -0.16), (1, 0), (0.16, 0.16), (0, 1), (-0.16, 0.16), (-1, 0), (-0.16, -0.16)]
    pen.at(x, y, scale=radius).fill(star, color)
