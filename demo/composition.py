"""Composition: one panel's picture from a place, a cast, a shot and its lettering."""

from dataclasses import dataclass

import cv2
import numpy as np

from demo.backgrounds import BACKGROUNDS, Scenery, screentone
from demo.characters import Character, Pose, draw_character
from demo.faces import EXPRESSIONS
from demo.ink import Pen, ellipse, rectangle, rounded_rectangle
from demo.lettering import (
    CAPTIONS,
    EFFECTS,
    LINES,
    bubble_of,
    draw_bubble,
    draw_caption,
    draw_effect,
    print_words,
    set_words,
    wrapped,
)
from demo.palette import WHITE, Color, lch, lit

Rng = np.random.Generator

SHOTS = ("scenery", "face", "close", "half", "full")
_GESTURES = ("down", "down", "hip", "wave", "chin", "point", "cheer", "back")


@dataclass(frozen=True)
class Style:
    """The style of all pictures of one webtoon."""

    name: str
    author: str
    cast: tuple[Character, ...]
    scenery: Scenery
    ink: Color
    weight: float  # of the ink lines, in pixels
    accent: Color
    tint: Color
    """The colours of the grounds that are neither white nor black."""
    places: tuple[str, ...]
    """The places where it is set, of `demo.backgrounds.PLACES`."""
    patterns: tuple[str, ...]
    """Backgrounds of characters that are in no place: names of `demo.backgrounds.BACKGROUNDS`."""


@dataclass(frozen=True)
class Scene:
    """The content of one panel, before it is drawn."""

    background: str
    shot: str
    characters: tuple[Character, ...]
    is_gray: bool


def draw_scene(
    rng: Rng, style: Style, scene: Scene, *, width: int, height: int, margin: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """The panel's picture without its border: (height, width, 3) uint8 RGB.

    `margin` is the share of width and height that lettering keeps free on each side, where the outline may cut.
    """
    pen = Pen.on_picture(width, height, color=WHITE, ink=style.ink, weight=style.weight)
    BACKGROUNDS[scene.background](pen, rng, style.scenery)
    heads = _draw_figures(pen, rng, scene)
    if scene.is_gray:
        _drain(pen, rng)
    _draw_words(pen, rng, style, scene, heads, margin)
    picture = pen.picture()
    if scene.is_gray:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return picture


def _draw_figures(pen: Pen, rng: Rng, scene: Scene) -> list[tuple[float, float, float]]:
    """Draws the characters; gives each head's middle and its half height in pixels."""
    width, height = pen.size
    count = len(scene.characters)
    heads: list[tuple[float, float, float]] = []
    order = rng.permutation(count)
    slots = (np.arange(count) + 0.5) / max(count, 1)
    for place, index in enumerate(order):
        character = scene.characters[index]
        room = width / count
        if scene.shot == "face":
            half = rng.uniform(0.5, 0.68) * min(height, 1.1 * width)
            x, y = width * rng.uniform(0.34, 0.66), height * rng.uniform(0.42, 0.58)
        elif scene.shot == "close":
            half = min(rng.uniform(0.24, 0.32) * height, 0.36 * room)
            x, y = slots[place] * width + rng.uniform(-0.12, 0.12) * room, height - half * rng.uniform(1.5, 2.4)
        elif scene.shot == "half":
            half = min(rng.uniform(0.14, 0.19) * height, 0.3 * room)
            x, y = slots[place] * width + rng.uniform(-0.16, 0.16) * room, height - half * rng.uniform(2.8, 4.1)
        else:
            half = min(rng.uniform(0.085, 0.105) * height, 0.26 * room)
            x, y = slots[place] * width + rng.uniform(-0.2, 0.2) * room, height * rng.uniform(0.92, 0.97) - 6.4 * half
        mirror = bool(rng.random() < 0.5)
        pose = Pose(
            expression=str(rng.choice(EXPRESSIONS)),
            turn=float(rng.uniform(-1, 1)),
            look=float(rng.uniform(-0.8, 0.8)),
            tilt=float(rng.uniform(-9, 9)),
            left_arm=str(rng.choice(_GESTURES)),
            right_arm=str(rng.choice(_GESTURES)),
            stride=float(rng.uniform(-0.3, 0.8)),
        )
        lines = float(np.clip((half / 70) ** 0.5, 0.7, 1.5))
        figure = pen.heavier(lines).at(x, y, scale=half, mirror=mirror)
        if scene.shot == "full":
            foot = ellipse(x, y + 6.42 * half, 1.2 * half, 0.2 * half)
            pen.fill(foot, (30, 20, 50), opacity=0.28)
        draw_character(figure, character, pose)
        heads.append((x, y, half))
    return heads


def _drain(pen: Pen, rng: Rng) -> None:
    """Takes the colour out and prints screentone over the middle tones: a memory, or a shock."""
    gray = cv2.cvtColor(pen.pixels, cv2.COLOR_RGB2GRAY)
    pen.pixels[:] = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    light = cv2.GaussianBlur(gray, (0, 0), 5).astype(np.float32) / 255
    tone = np.where((gray > 90) & (gray < 205), (0.9 - light) * 0.7, 0.0)
    screentone(pen.pixels, tone, color=(50, 50, 50), period_px=float(rng.uniform(5, 7)))


def _draw_words(
    pen: Pen,
    rng: Rng,
    style: Style,
    scene: Scene,
    heads: list[tuple[float, float, float]],
    margin: tuple[float, float],
) -> None:
    """Bubbles where they hide the fewest faces; none where there is no room."""
    width, height = pen.size
    free_x, free_y = margin[0] * width, margin[1] * height
    if scene.shot == "scenery":
        if rng.random() < 0.7:
            draw_caption(pen, str(rng.choice(CAPTIONS)), free_x + 16, free_y + 16, size_px=20)
        return
    taken: list[tuple[float, float, float, float]] = []
    wanted = int(rng.choice([0, 1, 1, 2])) if scene.shot != "face" else int(rng.choice([0, 1]))
    for text in rng.choice(LINES, size=wanted, replace=False):
        bubble = bubble_of(str(text), size_px=float(rng.uniform(19, 24)), letters=int(rng.integers(9, 16)))
        w, h = bubble.size
        speaker = heads[int(rng.integers(len(heads)))]
        edge = 12 if bubble.kind != "shout" else 26
        left, top = free_x + w / 2 + edge, free_y + h / 2 + edge
        if left > width / 2 or top > height / 2:
            continue
        places = [(x, y) for x in np.linspace(left, width - left, 5) for y in np.linspace(top, height - top, 6)]
        costs = [
            _cost(place, (w, h), heads, taken) + 0.0006 * abs(place[0] - speaker[0]) + 0.0012 * place[1] / height
            for place in places
        ]
        best = int(np.argmin(costs))
        if costs[best] > 0.6:
            continue
        x, y = places[best]
        taken.append((x, y, w, h))
        draw_bubble(pen, bubble, x, y, head=speaker)
    if margin == (0.0, 0.0) and scene.background in ("focus_lines", "stripes") and rng.random() < 0.5:
        color = (40, 40, 40) if scene.is_gray else style.accent
        x = width * (0.26 if heads and heads[0][0] > width / 2 else 0.74)
        if _cost((x, 0.86 * height), (150, 70), heads, taken) < 0.5:
            draw_effect(pen, str(rng.choice(EFFECTS)), x, 0.86 * height, size_px=0.06 * width + 14, color=color)


def _cost(
    place: tuple[float, float],
    size: tuple[float, float],
    heads: list[tuple[float, float, float]],
    taken: list[tuple[float, float, float, float]],
) -> float:
    """The cost of a bubble's place: the share of faces and other bubbles that it hides, about 1 for half a face."""
    x, y = place
    w, h = size
    cost = 0.0
    for head_x, head_y, half in heads:
        across = max(0.0, min(x + w / 2, head_x + half) - max(x - w / 2, head_x - half))
        down = max(0.0, min(y + h / 2, head_y + half) - max(y - h / 2, head_y - 0.5 * half))
        cost += 2 * across * down / (3 * half * half)
    for other_x, other_y, other_w, other_h in taken:
        if abs(x - other_x) < (w + other_w) / 2 + 8 and abs(y - other_y) < (h + other_h) / 2 + 8:
            cost += 5
    return cost


def draw_title(style: Style, *, width: int, height: int) -> np.ndarray:
    """The panel that opens every issue: the name over the cast."""
    rng = np.random.default_rng(7)
    pen = Pen.on_picture(width, height, color=WHITE, ink=style.ink, weight=style.weight)
    pen.gradient(rectangle(-2, -2, width + 4, height + 4), style.tint, lit(style.accent, 0.6))
    center = np.array([width / 2, height * 0.72])
    for angle in np.arange(0, 2 * np.pi, np.pi / 10):
        reach = 2.0 * width
        ray = [center + reach * np.array([np.cos(angle + a), np.sin(angle + a)]) for a in (-0.07, 0.07)]
        pen.fill([center, *ray], WHITE, opacity=0.32)
    for index, character in enumerate(style.cast):
        x = (index + 0.5) * width / len(style.cast)
        half = 0.13 * height * (1.12 if index % 2 else 1.0)
        pose = Pose(expression=("smile", "laugh", "wink", "calm", "sly")[index % 5], tilt=float(rng.uniform(-8, 8)),
                    right_arm=("down", "wave", "down", "cheer", "down")[index % 5])  # fmt: skip
        draw_character(pen.at(x, height * (0.74 if index % 2 else 0.8), scale=half), character, pose)
    words = wrapped(style.name, letters=16)
    lines = words.count("\n") + 1
    draw_effect(pen, words, width / 2, 0.24 * height, size_px=min(64, 0.34 * height / lines), color=style.accent)
    return pen.picture()


def draw_ending(style: Style, *, width: int, height: int) -> np.ndarray:
    """The panel that closes every issue."""
    pen = Pen.on_picture(width, height, color=style.accent, ink=style.ink, weight=style.weight)
    first = style.cast[0]
    for row, y in enumerate(range(0, height + 60, 56)):
        for x in range(28 * (row % 2), width + 60, 56):
            pen.fill(ellipse(x, y, 9, 9, samples=20), lit(style.accent, 0.35))
    card = rounded_rectangle(0.38 * width, 0.14 * height, 0.55 * width, 0.46 * height, 40.0)
    pen.shape(card, WHITE)
    print_words(pen, set_words("To be continued", size_px=0.056 * width, bold=0.06), 0.655 * width, 0.31 * height)
    print_words(pen, set_words(f"story and art: {style.author}", size_px=0.034 * width, bold=0.02), 0.655 * width,
                0.46 * height)  # fmt: skip
    pose = Pose(expression="smile", right_arm="wave", tilt=-5)
    draw_character(pen.at(0.2 * width, 0.46 * height, scale=0.19 * height), first, pose)
    return pen.picture()


def draw_effect_strip(rng: Rng, style: Style, *, width: int, height: int) -> np.ndarray:
    """A low strip that holds one sound: too narrow for a picture."""
    pen = Pen.on_picture(width, height, color=lch(rng.uniform(80, 92), 40, 95), ink=style.ink, weight=style.weight)
    for _ in range(70):
        y, x, reach = rng.uniform(0, height), rng.uniform(-0.2, 1) * width, rng.uniform(0.1, 0.5) * width
        pen.brush([(x, y), (x + reach / 2, y), (x + reach, y)], width=rng.uniform(0.8, 2.4), color=style.accent)
    draw_effect(pen, str(rng.choice(EFFECTS)), rng.uniform(0.35, 0.65) * width, height / 2, size_px=0.44 * height,
                color=style.accent)  # fmt: skip
    return pen.picture()


def plan_scenes(rng: Rng, style: Style, *, count: int) -> list[Scene]:
    """The scenes of one issue: shots and places change from panel to panel, a few are gray."""
    places, patterns = rng.permutation(style.places), rng.permutation(style.patterns)
    gray = set(rng.permutation(count)[: int(rng.integers(1, 3))].tolist())
    scenes = []
    for index in range(count):
        shot = str(rng.choice(SHOTS, p=[0.08, 0.12, 0.34, 0.28, 0.18]))
        kinds = places if shot in ("scenery", "full") or index % 2 == 0 else patterns
        background = str(kinds[index // 2 % len(kinds)])
        heads = {"scenery": 0, "face": 1, "close": int(rng.choice([1, 1, 2])), "half": int(rng.choice([1, 2, 3])),
                 "full": int(rng.choice([1, 2, 3]))}[shot]  # fmt: skip
        chosen = rng.permutation(len(style.cast))[:heads]
        characters = tuple(style.cast[member] for member in chosen)
        scenes.append(Scene(background=background, shot=shot, characters=characters, is_gray=index in gray))
    return scenes
