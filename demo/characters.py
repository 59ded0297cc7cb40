"""Characters: the cast of a webtoon, drawn from head to feet.

A character's colours never change: hair style, accessory and outfit identify it, and so its colours.
"""

from dataclasses import dataclass

import numpy as np

from demo.clothes import OUTFITS, Clothes, draw_arm, draw_legs, draw_torso
from demo.faces import EYE_SHAPES, Face, draw_features, draw_head
from demo.hair import HAIR_STYLES, draw_hair_behind, draw_hair_front
from demo.ink import Pen, curve, ellipse, rectangle, ribbon, shifted
from demo.palette import WHITE, Color, lch, lit, shaded

ACCESSORIES = ("glasses", "headphones", "ribbon", "earrings", "star_pin", "freckles", "headband", "scarf")

_NAMES = ("Mina", "Juno", "Haru", "Sol", "Bora", "Theo", "Nari", "Remy", "Yuna", "Kai", "Dani", "Iseul")
_HAIR_HUES = (10.0, 52.0, 86.0, 150.0, 205.0, 265.0, 310.0, 345.0)  # degrees of CIE LCh, well apart


@dataclass(frozen=True)
class Character:
    """One recurring character."""

    name: str
    hair_style: str
    accessory: str
    hair: Color
    accent: Color
    face: Face
    clothes: Clothes

    @property
    def colors(self) -> dict[str, Color]:
        """The flat colours that show in every coloured panel with this character's head."""
        return {"hair": self.hair, "skin": self.face.skin}


@dataclass(frozen=True)
class Pose:
    """Pose and gaze of a character; `turn`, `look` and `stride` in -1..1, `tilt` in degrees."""

    expression: str = "calm"
    turn: float = 0.0
    look: float = 0.0
    tilt: float = 0.0
    left_arm: str = "down"
    right_arm: str = "down"
    stride: float = 0.0


def cast(seed: int, *, size: int = 4) -> tuple[Character, ...]:
    """The characters of the webtoon with this seed: no two share a name, hair style, outfit, accessory or hue."""
    rng = np.random.default_rng([seed, 0])
    names = rng.permutation(_NAMES)
    styles = rng.permutation(list(HAIR_STYLES))
    outfits = rng.permutation(OUTFITS)
    accessories = rng.permutation(ACCESSORIES)
    hair_hues = rng.permutation(_HAIR_HUES)
    skins = rng.permutation(np.array([(86, 17, 62), (81, 22, 64), (73, 28, 62), (60, 30, 60), (84, 20, 54)]))
    characters = []
    for index in range(size):
        hue = float(hair_hues[index]) + rng.uniform(-8, 8)
        skin = lch(*skins[index % len(skins)])
        # Lightness is drawn independently of the hue, so that it does not give the colour away.
        hair = lch(rng.uniform(38, 74), rng.uniform(46, 62), hue)
        clothes_hue = hue + rng.choice([110.0, 150.0, 180.0, 215.0, 250.0])
        accent = lch(rng.uniform(50, 72), 62, clothes_hue + 130)
        characters.append(
            Character(
                name=str(names[index]),
                hair_style=str(styles[index]),
                accessory=str(accessories[index]),
                hair=hair,
                accent=accent,
                face=Face(
                    skin=skin,
                    eyes=lch(rng.uniform(45, 60), 60, rng.uniform(0, 360)),
                    brows=shaded(hair, 0.5),
                    eye_shape=str(rng.choice(EYE_SHAPES)),
                    freckles=str(accessories[index]) == "freckles",
                ),
                clothes=Clothes(
                    outfit=str(outfits[index]),
                    main=lch(rng.uniform(42, 82), rng.uniform(44, 58), clothes_hue),
                    trim=lch(rng.choice([36.0, 90.0]), 34, clothes_hue + rng.choice([40.0, 180.0])),
                    legs=lch(rng.uniform(32, 50), rng.uniform(24, 40), clothes_hue + rng.choice([30.0, 170.0])),
                    skin=skin,
                ),
            )
        )
    return tuple(characters)


def draw_character(pen: Pen, character: Character, pose: Pose, *, body: bool = True) -> None:
    """A whole figure with the head's centre at the pen's origin; the picture's border crops what is too low.

    The head is two units high from crown to chin, the whole figure about 7.7 units.
    """
    style = HAIR_STYLES[character.hair_style]
    head = pen.at(0, 0.95, degrees=pose.tilt).at(0, -0.95)
    draw_hair_behind(head, style, character.hair)
    if body:
        _draw_arms(pen, character, pose, in_front=False)
        draw_legs(pen, character.clothes, stride=pose.stride)
        draw_torso(pen, character.clothes)
        if character.accessory == "scarf":
            _draw_scarf(pen, character)
    draw_head(head, character.face)
    draw_features(head, character.face, expression=pose.expression, turn=pose.turn, look=pose.look)
    if character.accessory == "glasses":
        _draw_glasses(head.at(0.13 * pose.turn, 0), character)
    draw_hair_front(head, style, character.hair)
    _draw_accessory(head, character)
    if body:
        _draw_arms(pen, character, pose, in_front=True)


def _draw_arms(pen: Pen, character: Character, pose: Pose, *, in_front: bool) -> None:
    for gesture, mirror in ((pose.left_arm, True), (pose.right_arm, False)):
        if (gesture not in ("back", "down")) == in_front:
            draw_arm(pen.at(0, 0, mirror=mirror), character.clothes, gesture)


def _draw_glasses(pen: Pen, character: Character) -> None:
    for side in (-1, 1):
        lens = ellipse(side * 0.39, 0.22, 0.33, 0.31)
        pen.fill(lens, WHITE, opacity=0.1)
        glint = shifted([(-0.2, 0.2), (0.0, -0.06), (0.1, -0.06), (-0.16, 0.3)], side * 0.39, 0)
        pen.fill(glint, WHITE, within=lens, opacity=0.35)
        pen.stroke(lens, closed=True, width=2.6)
        pen.stroke(lens, closed=True, width=1.3, color=character.accent)
        pen.stroke([(side * 0.71, 0.16), (side * 0.9, 0.08)], width=1.8)
    pen.stroke(curve([(-0.08, 0.18), (0, 0.13), (0.08, 0.18)]), width=1.8)


def _draw_scarf(pen: Pen, character: Character) -> None:
    color = character.accent
    end = ribbon(curve([(0.3, 1.3), (0.52, 1.9), (0.46, 2.6)]), (0.42, 0.44, 0.5))
    pen.shape(end, color)
    for y in (2.2, 2.4):
        pen.fill(rectangle(0.1, y, 0.9, 0.09), lit(color, 0.7), within=end)
    pen.stroke(end, closed=True)
    wrap = curve([(-0.62, 1.06), (0, 1.24), (0.62, 1.06), (0.66, 1.36), (0.1, 1.64), (-0.66, 1.38)], closed=True)
    pen.shape(wrap, color)
    pen.fill(shifted(wrap, 0.1, 0.26), shaded(color, 0.28), within=wrap)
    pen.brush(curve([(-0.5, 1.24), (0, 1.42), (0.5, 1.3)]), width=1.2)
    pen.stroke(wrap, closed=True)


def _draw_accessory(pen: Pen, character: Character) -> None:
    color = character.accent
    if character.accessory == "headphones":
        band = curve([(-1.12, 0.0), (-1.12, -0.6), (-0.7, -1.22), (0, -1.42), (0.7, -1.22), (1.12, -0.6), (1.12, 0.0)])
        pen.shape(ribbon(band, (0.15, 0.15)), color)
        for side in (-1, 1):
            cup = curve([(side * 0.9, -0.25), (side * 1.2, -0.22), (side * 1.32, 0.12), (side * 1.2, 0.45),
                         (side * 0.9, 0.48)], closed=True)  # fmt: skip
            pen.shape(cup, color)
            pen.fill(ellipse(side * 1.12, 0.1, 0.09, 0.2), lit(color, 0.5), within=cup)
    elif character.accessory == "ribbon":
        bow = pen.at(0.62, -0.98, degrees=24)
        for side in (-1, 1):
            loop = curve(
                np.array([(0, 0), (0.4, -0.36), (0.66, -0.2), (0.64, 0.2), (0.4, 0.32)]) * (side, 1), closed=True
            )
            bow.shape(loop, color)
            bow.fill(shifted(loop, 0.0, 0.2), shaded(color), within=loop)
            bow.brush([(side * 0.1, 0), (side * 0.3, -0.06), (side * 0.42, -0.04)], width=1.2)
            bow.stroke(loop, closed=True)
        bow.shape(ellipse(0, 0, 0.14, 0.16), color)
    elif character.accessory == "earrings":
        for side in (-1, 1):
            pen.shape(ellipse(side * 0.93, 0.46, 0.08, 0.12), color)
            pen.fill(ellipse(side * 0.93 - 0.02, 0.43, 0.03, 0.04), WHITE)
    elif character.accessory == "star_pin":
        angle = np.linspace(-np.pi / 2, 1.5 * np.pi, 11)[:-1]
        radius = np.where(np.arange(10) % 2 == 0, 0.27, 0.12)
        star = np.stack([-0.62 + radius * np.cos(angle), -0.48 + radius * np.sin(angle)], axis=1)
        pen.shape(star, (252, 210, 70))
    elif character.accessory == "headband":
        band = ribbon(curve([(-1.02, -0.42), (-0.6, -0.74), (0, -0.86), (0.6, -0.74), (1.02, -0.42)]), (0.2, 0.22, 0.2))
        front = HAIR_STYLES[character.hair_style].front
        pen.fill(band, color, within=front)
        pen.fill(shifted(band, 0.1, 0.09), shaded(color, 0.2), within=band, opacity=0.7)
        for edge in (band[: len(band) // 2], band[len(band) // 2 :]):
            pen.stroke(edge[3:-3])
