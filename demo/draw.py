"""Draws webtoons worth learning from: recurring characters with colours of their own, in issues of one strip each.

Reads nothing, writes nothing: a webtoon is a value, and knows every panel's box and identity. Issue n depends on the
seed and on n alone, so that a later issue changes no earlier one.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo.backgrounds import PATTERNS, PLACES, Scenery
from demo.characters import cast
from demo.composition import Scene, Style, draw_effect_strip, draw_ending, draw_scene, draw_title, plan_scenes
from demo.layout import MARGINS, MIN_GUTTER, STRIP_WIDTH, FramedPicture, Row, framed, sliced, stitched
from demo.palette import BLACK, WHITE, Color, lch, mix, shaded

Rng = np.random.Generator

_NAMES = (
    "Rooftop Comet",
    "The Paper Umbrella Club",
    "Seven Stops to the Sea",
    "Moonlit Laundry",
    "Postcards from Room 9",
    "The Cat Who Kept Time",
)
_AUTHORS = ("inkfrog", "Seo Maru", "tangerine studio", "Noa Lind", "halfmoon", "P. Okabe")
_SYNOPSES = (
    "{0} finds a door that was not there yesterday. {1} says to leave it shut.",
    "{0} and {1} have one summer to finish what they promised each other.",
    "Nobody believes what {0} saw from the window, except {1}.",
)
_INKS: tuple[Color, ...] = ((34, 26, 42), (58, 34, 26), (22, 30, 58), (26, 26, 28))
_SHORTEST_STRETCH = 3  # rows of panels on one ground
_SMALLEST_ISSUE = 4  # title, two panels, ending


@dataclass(frozen=True)
class DrawnPanel:
    """One panel as drawn: the truth that cutting, marking and deduplication are tested against."""

    identity: str
    """The same identity is the same picture: "title", "ending", else like "0003-05" (issue, panel)."""
    box: tuple[int, int, int, int]
    """x, y, width, height in pixels of the issue's stitched strip."""
    is_gray: bool
    """Drawn without colour on purpose."""
    ground: Color
    """RGB of the strip around it."""
    outline: str
    """One of `demo.layout.OUTLINES`."""
    characters: tuple[str, ...]
    """Names of the recurring characters in it."""


@dataclass(frozen=True)
class DrawnIssue:
    """One issue: `slices` are JPEG files, 690 px wide, which stitch to the strip; `panels` are in reading order."""

    number: int
    subtitle: str
    slices: tuple[bytes, ...]
    panels: tuple[DrawnPanel, ...]


@dataclass(frozen=True)
class Webtoon:
    """A title with its issues, oldest first."""

    name: str
    author: str
    synopsis: str
    issues: tuple[DrawnIssue, ...]


def draw_webtoon(*, seed: int = 0, issues: int = 6, panels_per_issue: int = 12) -> Webtoon:
    """Draws a webtoon. The same seed gives the same bytes; another seed has other characters and another style.

    `panels_per_issue` counts the title and the ending panel; ValueError below 4.
    """
    if panels_per_issue < _SMALLEST_ISSUE:
        raise ValueError(f"panels_per_issue is {panels_per_issue}; an issue needs at least {_SMALLEST_ISSUE}")
    style = style_of(seed)
    rng = np.random.default_rng([seed, 2])
    names = [character.name for character in style.cast]
    return Webtoon(
        name=style.name,
        author=style.author,
        synopsis=str(rng.choice(_SYNOPSES)).format(*names),
        issues=tuple(_draw_issue(seed, number, style, panels_per_issue) for number in range(1, issues + 1)),
    )


@lru_cache(maxsize=8)
def style_of(seed: int) -> Style:
    """The style of all pictures of the webtoon with this seed."""
    rng = np.random.default_rng([seed, 1])
    hue = rng.uniform(0, 360)
    return Style(
        name=_NAMES[seed % len(_NAMES)],
        author=_AUTHORS[seed % len(_AUTHORS)],
        cast=cast(seed),
        scenery=Scenery(wall=hue, curtain=hue + 150, roof=rng.uniform(20, 60), mood=hue + 60),
        ink=_INKS[seed % len(_INKS)],
        weight=float(rng.uniform(1.4, 2.0)),
        accent=lch(58, 62, hue + 200),
        places=tuple(rng.permutation(PLACES)[:4].tolist()),
        patterns=("plain", *rng.permutation([name for name in PATTERNS if name != "plain"])[:2].tolist()),
        tint=lch(78, 36, hue + 60),
    )


def _draw_issue(seed: int, number: int, style: Style, panel_count: int) -> DrawnIssue:
    rng = np.random.default_rng([seed, number, 3])
    rows, panels = _compose(rng, number, style, panel_count)
    strip, boxes = stitched(rng, rows, bottom_margin=int(rng.integers(60, 240)))
    flat = [box for row in boxes for box in row]
    placed = [
        DrawnPanel(identity=identity, box=box, is_gray=is_gray, ground=ground, outline=outline, characters=characters)
        for (identity, is_gray, ground, outline, characters), box in zip(panels, flat, strict=True)
    ]
    return DrawnIssue(number=number, subtitle=f"{number}화", slices=sliced(rng, strip), panels=tuple(placed))


_Known = tuple[str, bool, Color, str, tuple[str, ...]]
"""A panel before it has its place: DrawnPanel without the box."""


def _compose(rng: Rng, number: int, style: Style, panel_count: int) -> tuple[list[Row], list[_Known]]:
    """The rows of an issue, and its panels without their boxes, in reading order."""
    rows: list[Row] = []
    known: list[_Known] = []
    title, ending = _title_and_ending(style)
    everyone = tuple(character.name for character in style.cast)

    def add(pictures: list[FramedPicture], offsets: list[tuple[int, int]], ground: Color) -> None:
        gutter = int(rng.choice([MIN_GUTTER, 40, 64, 96, 150]))
        if rows and rows[-1].ground != ground:
            gutter = int(rng.integers(120, 240))
        rows.append(Row(tuple(pictures), tuple(offsets), ground, gutter))

    add([title], [((STRIP_WIDTH - title.width) // 2, 0)], WHITE)
    known.append(("title", False, WHITE, "box", everyone))
    scenes = plan_scenes(rng, style, count=panel_count - 2)
    effect_at = int(rng.integers(1, len(scenes)))
    tall_at = int(rng.integers(0, len(scenes))) if rng.random() < 0.6 else -1
    ground, stretch = WHITE, _SHORTEST_STRETCH - 1
    index = 0
    while index < len(scenes):
        # A ground too short for some panels would look like one wide panel.
        if stretch <= 0 and len(scenes) - index >= _SHORTEST_STRETCH:
            ground, stretch = _next_ground(rng, style, ground), int(rng.integers(_SHORTEST_STRETCH, 6))
        stretch -= 1
        is_pair = index + 1 < len(scenes) and not {index, index + 1} & {effect_at, tall_at} and rng.random() < 0.22
        members = [index, index + 1] if is_pair else [index]
        pictures: list[FramedPicture] = []
        offsets: list[tuple[int, int]] = []
        left = 24
        for member in members:
            scene = scenes[member]
            identity = f"{number:04d}-{member + 2:02d}"
            names = tuple(character.name for character in scene.characters)
            if member == effect_at:
                width, height, outline = int(rng.integers(420, 660)), int(rng.integers(90, 170)), "box"
                picture = draw_effect_strip(rng, style, width=width, height=height)
                names, is_gray = (), False
            else:
                width, height, outline = _frame_of(rng, scene, is_pair=is_pair, is_tall=member == tall_at)
                margin = MARGINS.get(outline, (0.0, 0.0))
                picture = draw_scene(rng, style, scene, width=width, height=height, margin=margin)
                is_gray = scene.is_gray
            pictures.append(framed(rng, picture, outline, ink=style.ink, ground=ground))
            if is_pair:
                offsets.append((left, int(rng.choice([0, 0, 30, 70])) if member != index else 0))
                left += width + MIN_GUTTER
            else:
                margin = STRIP_WIDTH - width
                offsets.append((0 if outline == "bleed" else int(margin * rng.choice([0.5, 0.5, 0.25, 0.75])), 0))
            known.append((identity, is_gray, ground, outline, names))
        add(pictures, offsets, ground)
        index += len(members)
    add([ending], [((STRIP_WIDTH - ending.width) // 2, 0)], ground)
    known.append(("ending", False, ground, "box", everyone[:1]))
    return rows, known


def _frame_of(rng: Rng, scene: Scene, *, is_pair: bool, is_tall: bool) -> tuple[int, int, str]:
    """Width, height and outline of a panel."""
    # A picture without a border needs a background that no ground resembles.
    can_stand_alone = scene.background in PLACES and scene.background != "night" and not scene.is_gray
    if is_tall:
        return int(rng.integers(520, 650)), int(rng.integers(830, 1000)), "box"
    if is_pair:
        return int(rng.integers(290, 309)), int(rng.integers(300, 460)), str(rng.choice(["box", "box", "rounded"]))
    outlines, chances = ["box", "rounded", "slanted", "round"], [0.5, 0.2, 0.2, 0.1]
    if can_stand_alone:
        outlines, chances = ["box", "rounded", "slanted", "borderless", "bleed"], [0.3, 0.15, 0.15, 0.25, 0.15]
    outline = str(rng.choice(outlines, p=chances))
    if outline == "bleed":
        return STRIP_WIDTH, int(rng.integers(340, 560)), outline
    if outline == "round":
        side = int(rng.integers(400, 560))
        return side, side, outline
    width = int(rng.integers(400, 643))
    tallest = 780 if scene.shot in ("full", "half") else 600
    return width, int(rng.integers(300, tallest)), outline


def _next_ground(rng: Rng, style: Style, before: Color) -> Color:
    """White, black or a tint of the webtoon's own, and not the one before."""
    pale, deep = mix(WHITE, style.tint, 0.28), mix(BLACK, style.tint, 0.22)
    grounds = [WHITE, WHITE, (10, 8, 14), pale, deep]
    others = [ground for ground in grounds if ground != before]
    return others[int(rng.integers(len(others)))]


@lru_cache(maxsize=8)
def _title_and_ending(style: Style) -> tuple[FramedPicture, FramedPicture]:
    """The two panels that every issue repeats, pixel for pixel."""
    rng = np.random.default_rng(0)
    title = framed(rng, draw_title(style, width=640, height=440), "box", ink=style.ink, ground=WHITE)
    # Its line is seen on every ground, so that it is the same on all of them.
    ending = framed(rng, draw_ending(style, width=560, height=300), "box", ink=shaded(style.accent), ground=WHITE)
    return title, ending
