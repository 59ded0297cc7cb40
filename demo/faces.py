"""Faces: head, eyes, brows, nose and mouth, in units of half a head's height, with the head's centre at (0, 0)."""

from dataclasses import dataclass

import numpy as np

from demo.ink import Pen, both_sides, curve, ellipse, mirrored, shifted
from demo.palette import WHITE, Color, lit, mix, shaded

EXPRESSIONS = ("calm", "smile", "laugh", "surprised", "angry", "sad", "shout", "wink", "sly")
EYE_SHAPES = ("round", "sharp", "droopy")

HEAD = curve(
    both_sides([(0.3, -0.94), (0.68, -0.66), (0.83, -0.15), (0.79, 0.3), (0.6, 0.68), (0.3, 0.93), (0.08, 1.01)]),
    closed=True,
)
_EAR = curve([(0.78, -0.06), (0.95, -0.1), (0.99, 0.1), (0.9, 0.32), (0.76, 0.34)], closed=True)
_EYE = {
    "round": curve(
        [(-1, 0.15), (-0.7, -0.72), (0, -1.02), (0.72, -0.78), (1, 0.1), (0.62, 0.84), (0, 0.98), (-0.66, 0.8)],
        closed=True,
    ),
    "sharp": curve(
        [(-1, 0.3), (-0.6, -0.5), (0.1, -0.86), (0.8, -0.78), (1.1, -0.3), (0.7, 0.62), (0, 0.8), (-0.66, 0.66)],
        closed=True,
    ),
    "droopy": curve(
        [(-1, -0.1), (-0.7, -0.8), (0, -0.95), (0.7, -0.55), (1.05, 0.3), (0.62, 0.86), (0, 0.9), (-0.66, 0.66)],
        closed=True,
    ),
}
_LID = {
    "round": [(-1.08, 0.22), (-0.74, -0.7), (0, -1.04), (0.76, -0.8), (1.16, 0.02)],
    "sharp": [(-1.08, 0.36), (-0.62, -0.5), (0.1, -0.88), (0.82, -0.8), (1.36, -0.62)],
    "droopy": [(-1.08, -0.06), (-0.72, -0.8), (0, -0.97), (0.74, -0.56), (1.22, 0.36)],
}


@dataclass(frozen=True)
class Face:
    """The constant features of a face."""

    skin: Color
    eyes: Color
    brows: Color
    eye_shape: str
    freckles: bool = False


def draw_head(pen: Pen, face: Face) -> None:
    """Skull and ears without features, with the shadow that the fringe throws."""
    for ear in (_EAR, mirrored(_EAR)):
        pen.shape(ear, face.skin)
    for side in (1.0, -1.0):
        pen.brush([(side * 0.9, 0.02), (side * 0.84, 0.12), (side * 0.88, 0.22)], width=0.8, color=shaded(face.skin))
    pen.shape(HEAD, face.skin)
    pen.fill(ellipse(0.02, -0.72, 1.1, 0.78), shaded(face.skin, 0.2), within=HEAD)
    cheek = curve([(0.86, -0.4), (0.72, 0.2), (0.5, 0.72), (0.06, 1.06), (0.5, 1.2), (1.2, 0.6)], closed=True)
    pen.fill(cheek, shaded(face.skin, 0.16), within=HEAD)
    pen.stroke(HEAD, closed=True)


def draw_features(pen: Pen, face: Face, *, expression: str, turn: float, look: float) -> None:
    """Eyes, brows, nose and mouth; `turn` and `look` in -1..1 move the face and the gaze sideways."""
    front = pen.at(0.13 * turn, 0.0)
    blush = mix(face.skin, (255, 84, 96), 0.34 if expression in ("smile", "laugh", "shout") else 0.2)
    for side in (-1, 1):
        far = 1.0 - 0.1 * max(0.0, side * turn)
        front.fill(ellipse(side * 0.5 * far, 0.5, 0.19, 0.095), blush, within=HEAD - (0.13 * turn, 0.0))
        if face.freckles:
            for dx, dy in ((-0.08, 0.46), (0.02, 0.51), (0.11, 0.45)):
                front.fill(ellipse(side * (0.46 + dx), dy, 0.02, 0.02), mix(face.skin, (150, 70, 30), 0.55))
        winking = expression == "wink" and side == 1
        eye = front.at(side * 0.385 * far, 0.2, scale=0.25 * far, mirror=side < 0)
        if expression == "laugh" or winking:
            eye.brush([(-1.1, 0.3), (-0.5, -0.32), (0.1, -0.42), (0.7, -0.15), (1.2, 0.45)], width=3.0, root=0.4)
        else:
            _draw_eye(eye, face, expression=expression, look=look * side)
        _draw_brow(front.at(side * 0.4 * far, -0.17, mirror=side < 0), face, expression)
    nose = mix(shaded(face.skin, 0.45), (150, 60, 50), 0.3)
    front.brush(
        [(0.06 * turn, 0.36), (0.09 * turn + 0.06, 0.5), (0.05 * turn - 0.04, 0.53)], color=nose, width=1.8, root=0.2
    )
    _draw_mouth(front.at(0.03 * turn, 0.68, scale=1.15), expression)


def _draw_eye(pen: Pen, face: Face, *, expression: str, look: float) -> None:
    shape = _EYE[face.eye_shape]
    squeeze = {"surprised": 1.12, "angry": 0.82, "sly": 0.62, "sad": 0.94}.get(expression, 1.0)
    pen = pen.at(0, 0.12 * (1 - squeeze) * 5)
    shape = shape * (1.0, squeeze)
    pen.fill(shape, WHITE)
    size = 0.74 if expression == "surprised" else 1.0
    x = 0.24 * look - 0.05
    dark, bright = shaded(face.eyes, 0.55), lit(face.eyes, 0.3)
    pen.fill(ellipse(x, 0.02, 0.68 * size, 0.92 * size), dark, within=shape)
    pen.fill(ellipse(x, 0.16, 0.57 * size, 0.74 * size), face.eyes, within=shape)
    pen.fill(ellipse(x, 0.46, 0.44 * size, 0.38 * size), bright, within=shape)
    pen.fill(ellipse(x, 0.02, 0.27 * size, 0.38 * size), (24, 18, 34), within=shape)
    pen.fill(curve([(-1.2, -1.2), (1.4, -1.2), (1.3, -0.3), (0.1, -0.52), (-1.2, -0.2)], closed=True), (70, 60, 96),
             within=shape, opacity=0.38)  # fmt: skip
    pen.fill(ellipse(x - 0.22, -0.36, 0.22, 0.27), WHITE)
    pen.fill(ellipse(x + 0.27, 0.42, 0.1, 0.13), WHITE)
    lid = curve(np.array(_LID[face.eye_shape]) * (1.0, squeeze))
    pen.brush(lid, width=4.2, root=0.35)
    outer = lid[-10] if len(lid) > 10 else lid[-1]
    pen.brush([outer, shifted(outer, 0.36, -0.06), shifted(outer, 0.55, -0.34)], width=1.8, root=1.0)
    pen.brush([(-0.4, 0.98 * squeeze), (0.2, 1.06 * squeeze), (0.75, 0.8 * squeeze)], width=1.0)
    pen.brush([(-0.7, -1.08 * squeeze), (0, -1.36 * squeeze), (0.8, -1.1 * squeeze)], width=0.7)


def _draw_brow(pen: Pen, face: Face, expression: str) -> None:
    inner, outer = {
        "angry": (0.13, -0.06),
        "shout": (0.12, -0.04),
        "sad": (-0.13, 0.04),
        "surprised": (-0.15, -0.12),
        "laugh": (-0.07, -0.03),
        "sly": (0.08, -0.02),
    }.get(expression, (0.0, 0.0))
    pen.brush([(-0.24, inner + 0.02), (0.02, (inner + outer) / 2 - 0.05), (0.28, outer + 0.05)], width=2.4,
              color=face.brows, root=0.8)  # fmt: skip


def _draw_mouth(pen: Pen, expression: str) -> None:
    inside, tongue = (134, 36, 48), (240, 120, 124)
    if expression in ("laugh", "shout", "wink"):
        tall = {"laugh": 0.2, "shout": 0.27, "wink": 0.15}[expression]
        mouth = curve([(-0.22, -0.05), (0, -0.02), (0.22, -0.05), (0.15, tall * 0.7), (0, tall), (-0.15, tall * 0.7)],
                      closed=True)  # fmt: skip
        pen.fill(mouth, inside)
        pen.fill(ellipse(0, tall, 0.13, 0.1), tongue, within=mouth)
        pen.fill([(-0.24, -0.1), (0.24, -0.1), (0.19, 0.015), (-0.19, 0.015)], WHITE, within=mouth)
        pen.stroke(mouth, closed=True, width=0.9)
    elif expression == "surprised":
        pen.shape(ellipse(0, 0.05, 0.085, 0.12), inside, width=0.9)
    else:
        bend = {"smile": 0.09, "sad": -0.07, "angry": -0.06, "sly": 0.05}.get(expression, 0.03)
        lean = 0.05 if expression == "sly" else 0.0
        pen.brush(curve([(-0.17, -bend / 2 + lean), (0, bend / 2), (0.17, -bend / 2 - lean)]), width=1.9)
        if expression in ("calm", "smile"):
            pen.brush([(-0.05, 0.12), (0.0, 0.13), (0.05, 0.12)], width=0.8)
