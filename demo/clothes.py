"""Clothes: limbs, outfits and their patterns, in the head's units (see `faces`): shoulders at y = 1.5, feet at 6.4."""

from dataclasses import dataclass

import numpy as np

from demo.ink import Pen, both_sides, capsule, curve, ellipse, locks, ribbon, shifted
from demo.palette import WHITE, Color, lit, mix, shaded

OUTFITS = ("hoodie", "blazer", "striped_tee", "dotted_dress", "dungarees", "sailor", "checked_shirt", "track_jacket")

TORSO = curve(
    both_sides([(0.3, 1.18), (0.62, 1.3), (0.9, 1.5), (0.94, 1.9), (0.82, 2.5), (0.78, 3.0), (0.88, 3.6), (0.5, 3.8)]),
    closed=True,
)
_BODICE = curve(
    both_sides([(0.3, 1.18), (0.62, 1.3), (0.9, 1.5), (0.92, 1.9), (0.78, 2.5), (0.7, 2.9), (0.64, 3.0)]), closed=True
)
_SKIRT = np.concatenate([
    curve([(-0.72, 2.9), (-0.9, 3.6), (-1.3, 4.5)]),
    locks([(-1.3, 4.5), (-0.8, 4.62), (-0.28, 4.68), (0.28, 4.68), (0.8, 4.62), (1.3, 4.5)], bow=-0.06),
    curve([(1.3, 4.5), (0.9, 3.6), (0.72, 2.9)]),
])  # fmt: skip

ARMS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "down": ((1.12, 2.45), (1.08, 3.35)),
    "hip": ((1.62, 2.4), (0.98, 3.05)),
    "wave": ((1.5, 2.2), (1.72, 1.15)),
    "chin": ((1.05, 2.6), (0.42, 1.5)),
    "point": ((1.5, 2.05), (2.25, 1.6)),
    "hold": ((1.12, 2.55), (0.5, 2.35)),
    "cheer": ((1.62, 1.35), (1.72, 0.3)),
    "back": ((1.2, 2.4), (0.84, 3.2)),
}
"""Elbow and wrist of the right-hand arm for each gesture."""


@dataclass(frozen=True)
class Clothes:
    """The clothes of a character, the same in every panel."""

    outfit: str
    main: Color
    trim: Color
    legs: Color
    skin: Color

    @property
    def has_skirt(self) -> bool:
        """True where the legs are bare below the hem."""
        return self.outfit in ("dotted_dress", "sailor", "blazer")

    @property
    def sleeve(self) -> Color:
        """The colour of the sleeves."""
        return self.trim if self.outfit == "dungarees" else self.main


def draw_legs(pen: Pen, clothes: Clothes, *, stride: float) -> None:
    """Legs and shoes; `stride` in -1..1 moves the feet apart."""
    bare = clothes.has_skirt
    color = clothes.skin if bare else clothes.legs
    for side in (-1, 1):
        hip, knee = (side * 0.4, 3.5), (side * (0.42 + 0.1 * stride), 4.8)
        ankle = (side * (0.42 + 0.3 * stride), 6.12)
        leg = ribbon(curve([hip, knee, ankle]), (0.66, 0.5, 0.4) if bare else (0.84, 0.68, 0.6))
        pen.shape(leg, color)
        pen.fill(shifted(leg, 0.2, 0.0), shaded(color, 0.24), within=leg)
        if bare:
            sock = ribbon([((knee[0] + 2 * ankle[0]) / 3, (knee[1] + 2 * ankle[1]) / 3), ankle], (0.47, 0.42))
            pen.shape(sock, WHITE if clothes.outfit != "blazer" else clothes.legs)
        pen.stroke(leg, closed=True)
        foot = np.array([ankle[0] + side * 0.12, 6.3])
        shoe = curve(np.array([(-0.34, 0.14), (-0.3, -0.16), (0.0, -0.26), (0.28, -0.1), (0.44, 0.06), (0.4, 0.17)])
                     * (side, 1) + foot, closed=True)  # fmt: skip
        pen.shape(shoe, clothes.trim)
        pen.fill(shifted(shoe, 0.0, 0.26), WHITE, within=shoe)
        pen.stroke(shoe, closed=True)


def draw_arm(pen: Pen, clothes: Clothes, gesture: str) -> None:
    """One arm on the pen's right side; mirror the pen for the other."""
    shoulder = np.array([0.72, 1.66])
    elbow, wrist = (np.array(point) for point in ARMS[gesture])
    toward = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    _draw_hand(pen, wrist + 0.14 * toward, toward, clothes.skin, gesture)
    is_short = clothes.outfit in ("striped_tee", "dotted_dress")
    if is_short:
        _draw_limb(
            pen, [capsule(shoulder, elbow, 0.46, 0.38), capsule(elbow, wrist, 0.38, 0.3)], elbow, 0.38, clothes.skin
        )
        parts = [capsule(shoulder, shoulder + 0.5 * (elbow - shoulder), 0.58, 0.62)]
    else:
        parts = [capsule(shoulder, elbow, 0.58, 0.56), capsule(elbow, wrist - 0.12 * toward, 0.56, 0.46)]
    _draw_limb(pen, parts, elbow, 0.0 if is_short else 0.56, clothes.sleeve)
    for part in parts:
        if clothes.outfit == "striped_tee":
            for share in (0.2, 0.55):
                band = shifted(ellipse(0, 0, 0.5, 0.1), *(shoulder + share * (elbow - shoulder)))
                pen.fill(band, clothes.trim, within=part)
        elif clothes.outfit == "track_jacket":
            pen.fill(ribbon([shoulder, elbow], (0.14, 0.14)), clothes.trim, within=parts[0])
        elif clothes.outfit == "checked_shirt":
            _checks(pen, clothes, part)
        elif clothes.outfit == "dotted_dress":
            _dots(pen, clothes, part)
    if not is_short:
        cuff = capsule(wrist - 0.14 * toward, wrist - 0.02 * toward, 0.5, 0.5)
        pen.shape(
            cuff, clothes.trim if clothes.outfit in ("hoodie", "sailor", "track_jacket") else lit(clothes.sleeve, 0.2)
        )


def _draw_limb(pen: Pen, parts: list[np.ndarray], joint: np.ndarray, joint_width: float, color: Color) -> None:
    """Parts of a limb, the last in front, with no line where they join."""
    for part in parts:
        pen.shape(part, color)
        pen.fill(shifted(part, 0.24, 0.12), shaded(color, 0.2), within=part)
        pen.stroke(part, closed=True)
    if len(parts) > 1:
        pen.fill(shifted(ellipse(0, 0, 0.46 * joint_width, 0.46 * joint_width), *joint), color)


def _draw_hand(pen: Pen, at: np.ndarray, toward: np.ndarray, skin: Color, gesture: str) -> None:
    hand = pen.at(at[0], at[1], degrees=float(np.rad2deg(np.arctan2(toward[1], toward[0]))))
    if gesture in ("wave", "cheer"):
        for degrees, reach in ((-26, 0.4), (-8, 0.47), (9, 0.46), (27, 0.38), (-72, 0.3)):
            angle = np.deg2rad(degrees)
            tip = (0.06 + reach * np.cos(angle), reach * np.sin(angle))
            hand.shape(ribbon([(0.0, 0.0), (0.75 * tip[0], 0.75 * tip[1]), tip], (0.13, 0.13, 0.07)), skin)
        hand.fill(ellipse(0.06, 0, 0.22, 0.2), skin)
    elif gesture == "point":
        hand.shape(ribbon([(0.0, -0.05), (0.35, -0.07), (0.52, -0.07)], (0.13, 0.12, 0.07)), skin)
        hand.shape(ellipse(0.1, 0.0, 0.22, 0.18), skin)
        hand.brush([(0.02, 0.06), (0.16, 0.1), (0.26, 0.06)])
    else:
        hand.shape(ellipse(0.08, 0.0, 0.25, 0.19), skin)
        for y in (-0.05, 0.06):
            hand.brush([(0.14, y), (0.22, y), (0.31, y + 0.01)], width=1.2)


def draw_torso(pen: Pen, clothes: Clothes) -> None:
    """Neck, body and the details of the outfit."""
    neck = np.array([(-0.27, 0.6), (0.27, 0.6), (0.31, 1.3), (0.0, 1.5), (-0.31, 1.3)])
    if clothes.outfit == "hoodie":
        hood = curve(both_sides([(0.3, 0.86), (0.72, 0.98), (0.84, 1.3), (0.5, 1.6)]), closed=True)
        pen.shape(hood, shaded(clothes.main, 0.2))
    body = _BODICE if clothes.outfit == "dotted_dress" else TORSO
    if clothes.has_skirt:
        _draw_skirt(pen, clothes)
    pen.fill(body, clothes.main)
    pen.shape(neck, clothes.skin)
    _DRAW_OUTFIT[clothes.outfit](pen, clothes)
    pen.fill(curve([(0.36, 1.1), (0.56, 2.0), (0.46, 3.0), (0.4, 4.0), (1.3, 4.0), (1.3, 1.1)], closed=True),
             shaded(clothes.main, 0.5), within=body, opacity=0.32)  # fmt: skip
    pen.stroke(body, closed=True)
    pen.fill(curve([(-0.3, 0.7), (0.3, 0.7), (0.3, 1.02), (0.1, 1.22), (-0.26, 1.08)], closed=True),
             shaded(clothes.skin, 0.26), within=neck)  # fmt: skip


def _draw_skirt(pen: Pen, clothes: Clothes) -> None:
    color = clothes.main if clothes.outfit == "dotted_dress" else clothes.legs
    pen.fill(_SKIRT, color)
    if clothes.outfit == "dotted_dress":
        _dots(pen, clothes, _SKIRT)
    else:
        for x in (-0.74, -0.24, 0.26, 0.76):
            pen.fill([(x * 0.6, 2.9), (x * 1.08, 4.8), (x * 1.08 + 0.2, 4.8)], shaded(color, 0.3), within=_SKIRT)
            pen.brush([(x * 0.7, 3.4), (x * 0.9, 4.0), (x * 1.08, 4.64)], root=0.5)
    if clothes.outfit == "sailor":
        band = ribbon([(-1.3, 4.34), (-0.5, 4.5), (0.5, 4.5), (1.3, 4.34)], (0.1, 0.1))
        pen.fill(band, clothes.trim, within=_SKIRT)
    pen.fill([(0.3, 2.9), (0.5, 4.8), (1.5, 4.8), (1.0, 2.9)], shaded(color, 0.5), within=_SKIRT, opacity=0.32)
    pen.stroke(_SKIRT, closed=True)


def _neckline(pen: Pen, clothes: Clothes, *, depth: float) -> None:
    collar = curve([(-0.36, 1.16), (0, 1.3 + depth), (0.36, 1.16)])
    pen.fill(np.concatenate([collar, [(0.25, 0.9), (-0.25, 0.9)]]), clothes.skin)
    pen.stroke(ribbon(collar, (0.1, 0.1)), closed=True)
    pen.fill(ribbon(collar, (0.1, 0.1)), clothes.trim)


def _dots(pen: Pen, clothes: Clothes, outline: np.ndarray) -> None:
    for row, y in enumerate(np.arange(1.5, 4.7, 0.42)):
        for x in np.arange(-1.6 + 0.24 * (row % 2), 1.8, 0.48):
            if (
                outline[:, 0].min() - 0.1 < x < outline[:, 0].max() + 0.1
                and outline[:, 1].min() < y < outline[:, 1].max()
            ):
                pen.fill(ellipse(x, y, 0.1, 0.1, samples=16), clothes.trim, within=outline)


def _checks(pen: Pen, clothes: Clothes, outline: np.ndarray) -> None:
    dark = mix(clothes.main, clothes.trim, 0.75)
    for x in np.arange(-2.2, 2.4, 0.5):
        if outline[:, 0].min() - 0.2 < x < outline[:, 0].max() + 0.2:
            pen.fill(np.array([(x, 0.2), (x + 0.2, 0.2), (x + 0.2, 4), (x, 4)]), dark, within=outline, opacity=0.65)
    for y in np.arange(0.3, 4.0, 0.5):
        if outline[:, 1].min() - 0.2 < y < outline[:, 1].max() + 0.2:
            pen.fill(np.array([(-3, y), (3, y), (3, y + 0.2), (-3, y + 0.2)]), dark, within=outline, opacity=0.65)


def _hoodie(pen: Pen, clothes: Clothes) -> None:
    rim = curve([(-0.56, 1.2), (-0.3, 1.5), (0, 1.66), (0.3, 1.5), (0.56, 1.2)])
    pen.shape(np.concatenate([rim, curve([(0.4, 1.1), (0.2, 1.3), (0, 1.4), (-0.2, 1.3), (-0.4, 1.1)])]),
              lit(clothes.main, 0.15))  # fmt: skip
    for x in (-0.16, 0.16):
        pen.stroke([(x, 1.56), (x * 1.2, 2.05)], color=clothes.trim, width=2.6)
        pen.shape(ellipse(x * 1.2, 2.1, 0.06, 0.09), clothes.trim)
    pen.shape([(-0.45, 2.75), (0.45, 2.75), (0.62, 3.4), (-0.62, 3.4)], lit(clothes.main, 0.1))
    pen.fill(np.array([(-1, 3.52), (1, 3.52), (1, 4), (-1, 4)]), clothes.trim, within=TORSO)


def _blazer(pen: Pen, clothes: Clothes) -> None:
    shirt = [(-0.34, 1.2), (0.34, 1.2), (0.0, 2.6)]
    pen.shape(shirt, WHITE)
    pen.fill([(-0.22, 0.9), (0.22, 0.9), (0.0, 1.46)], clothes.skin)
    pen.shape([(-0.1, 1.46), (0.1, 1.46), (0.15, 2.2), (0, 2.4), (-0.15, 2.2)], clothes.trim)
    pen.shape([(-0.12, 1.4), (0.12, 1.4), (0.08, 1.58), (-0.08, 1.58)], shaded(clothes.trim))
    for side in (-1, 1):
        pen.shape(np.array([(0.3, 1.14), (0.6, 1.5), (0.44, 1.74), (0.5, 1.84), (0.0, 2.66)]) * (side, 1),
                  lit(clothes.main, 0.12))  # fmt: skip
    pen.brush([(0.0, 2.66), (0.03, 3.1), (0.0, 3.76)], root=1.0)
    for y in (2.9, 3.3):
        pen.shape(ellipse(0.14, y, 0.07, 0.07), (236, 200, 92))


def _striped_tee(pen: Pen, clothes: Clothes) -> None:
    for y in np.arange(1.5, 3.8, 0.42):
        band = ribbon(curve([(-1.2, y - 0.06), (0, y + 0.06), (1.2, y - 0.06)]), (0.2, 0.2))
        pen.fill(band, clothes.trim, within=TORSO)
    _neckline(pen, clothes, depth=0.22)


def _dotted_dress(pen: Pen, clothes: Clothes) -> None:
    _dots(pen, clothes, _BODICE)
    _neckline(pen, clothes, depth=0.02)
    for side in (-1, 1):
        pen.shape(
            curve(np.array([(0.02, 1.34), (0.4, 1.16), (0.6, 1.42), (0.3, 1.66)]) * (side, 1), closed=True), WHITE
        )
    pen.fill(np.array([(-1, 2.76), (1, 2.76), (1, 3.1), (-1, 3.1)]), clothes.trim, within=_BODICE)


def _dungarees(pen: Pen, clothes: Clothes) -> None:
    pen.fill(TORSO, clothes.trim)
    _neckline(pen, clothes, depth=0.16)
    bib = [(-0.52, 2.05), (0.52, 2.05), (0.6, 2.75), (1.0, 3.0), (1.0, 4.0), (-1.0, 4.0), (-1.0, 3.0), (-0.6, 2.75)]
    pen.fill(bib, clothes.main, within=TORSO)
    pen.stroke([bib[6], bib[7], bib[0], bib[1], bib[2], bib[3]])
    pen.shape([(-0.28, 2.3), (0.28, 2.3), (0.26, 2.66), (0, 2.76), (-0.26, 2.66)], lit(clothes.main, 0.14))
    for side in (-1, 1):
        strap = ribbon(np.array([(0.62, 1.3), (0.46, 2.16)]) * (side, 1), (0.2, 0.2))
        pen.shape(strap, clothes.main)
        pen.shape(ellipse(side * 0.46, 2.14, 0.09, 0.09), (240, 206, 96))


def _sailor(pen: Pen, clothes: Clothes) -> None:
    pen.fill(TORSO, clothes.main)
    for side in (-1, 1):
        collar = np.array([(0.0, 1.98), (0.24, 1.2), (0.5, 1.16), (0.86, 1.44), (0.6, 1.98)]) * (side, 1)
        pen.shape(collar, clothes.legs)
        pen.stroke(np.array([(0.04, 1.86), (0.26, 1.88), (0.54, 1.86), (0.72, 1.5)]) * (side, 1), color=WHITE)
    pen.fill([(-0.22, 1.1), (0.22, 1.1), (0.0, 1.7)], clothes.skin)
    for side in (-1, 1):
        pen.shape(
            curve(np.array([(0.0, 1.98), (0.34, 1.78), (0.42, 2.0), (0.34, 2.2)]) * (side, 1), closed=True),
            clothes.trim,
        )
        pen.shape(np.array([(0.0, 2.0), (0.1, 2.0), (0.26, 2.56), (0.08, 2.5)]) * (side, 1), clothes.trim)
    pen.shape(ellipse(0, 1.99, 0.1, 0.1), shaded(clothes.trim))


def _checked_shirt(pen: Pen, clothes: Clothes) -> None:
    _checks(pen, clothes, TORSO)
    pen.shape([(-0.3, 1.18), (0.3, 1.18), (0.26, 3.84), (-0.26, 3.84)], WHITE)
    pen.fill(curve([(-0.28, 0.9), (-0.22, 1.3), (0, 1.5), (0.22, 1.3), (0.28, 0.9)]), clothes.skin)
    for side in (-1, 1):
        pen.shape(np.array([(0.3, 1.1), (0.6, 1.34), (0.4, 1.72), (0.22, 1.36)]) * (side, 1), clothes.main)


def _track_jacket(pen: Pen, clothes: Clothes) -> None:
    collar = curve([(-0.42, 1.5), (-0.36, 1.02), (0, 1.18), (0.36, 1.02), (0.42, 1.5), (0, 1.7)], closed=True)
    pen.shape(collar, clothes.trim)
    pen.stroke([(0, 1.2), (0, 3.8)], width=2.6, color=lit(clothes.trim, 0.5))
    pen.stroke([(0, 1.2), (0, 3.8)], width=0.8)
    pen.fill(np.array([(-1, 2.05), (1, 2.05), (1, 2.3), (-1, 2.3)]), clothes.trim, within=TORSO)
    pen.stroke([(0, 1.2), (0, 3.8)], width=1.0)
    pen.fill(np.array([(-1, 3.55), (1, 3.55), (1, 4), (-1, 4)]), clothes.trim, within=TORSO)


_DRAW_OUTFIT = {
    "hoodie": _hoodie,
    "blazer": _blazer,
    "striped_tee": _striped_tee,
    "dotted_dress": _dotted_dress,
    "dungarees": _dungarees,
    "sailor": _sailor,
    "checked_shirt": _checked_shirt,
    "track_jacket": _track_jacket,
}
