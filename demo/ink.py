"""Ink: curves, and a pen that fills and strokes them on an RGB picture.

A picture is drawn at SUPERSAMPLING times its size and reduced at the end, so edges are smooth at every scale.
Shapes are float arrays (N, 2) of x, y in the pen's own frame; a pen's frame is moved, scaled, turned and mirrored
by `Pen.at`, so that a head or a tree is written once, in its own units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike

from demo.palette import Color

SUPERSAMPLING = 2
_SUBPIXEL_BITS = 4
_CURVE_SAMPLES = 7

Points = ArrayLike
"""Anything that numpy reads as floats (N, 2)."""


def curve(points: Points, *, closed: bool = False) -> np.ndarray:
    """A smooth line (N, 2) through the points (uniform Catmull-Rom)."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = (padded[i : len(padded) - 3 + i, None, :] for i in range(4))
    t = np.linspace(0, 1, _CURVE_SAMPLES, endpoint=False)[None, :, None]
    sampled = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    ).reshape(-1, 2)
    return sampled if closed else np.concatenate([sampled, knots[-1:]])


def locks(corners: Points, *, bow: float = 0.18) -> np.ndarray:
    """A line whose corners stay sharp and whose edges bow to one side: tips of hair, grass, fur."""
    knots = np.asarray(corners, dtype=np.float64)
    start, end = knots[:-1, None, :], knots[1:, None, :]
    across = (end - start)[..., ::-1] * np.array([1.0, -1.0])
    middle = (start + end) / 2 + bow * across
    t = np.linspace(0, 1, _CURVE_SAMPLES, endpoint=False)[None, :, None]
    bowed = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    return np.concatenate([bowed.reshape(-1, 2), knots[-1:]])


def both_sides(half: Points) -> np.ndarray:
    """A closed outline's knots from its right half, listed from top to bottom: the left half is its mirror image."""
    right = np.asarray(half, dtype=np.float64)
    left = right[::-1] * np.array([-1.0, 1.0])
    return np.concatenate([right, left])


def mirrored(points: Points) -> np.ndarray:
    """The same points on the other side of x = 0."""
    return np.asarray(points, dtype=np.float64) * np.array([-1.0, 1.0])


def shifted(points: Points, x: float, y: float) -> np.ndarray:
    """The same points moved by (x, y)."""
    return np.asarray(points, dtype=np.float64) + np.array([x, y])


def ellipse(x: float, y: float, rx: float, ry: float, *, samples: int = 40) -> np.ndarray:
    """The outline of an ellipse."""
    angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def rectangle(x: float, y: float, w: float, h: float) -> np.ndarray:
    """The four corners of a rectangle."""
    return np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], dtype=np.float64)


def rounded_rectangle(x: float, y: float, w: float, h: float, radius: float) -> np.ndarray:
    """A rectangle with round corners."""
    angle = np.linspace(0, np.pi / 2, 9)
    arcs = [
        (cx + radius * np.cos(angle + turn), cy + radius * np.sin(angle + turn))
        for cx, cy, turn in (
            (x + w - radius, y + h - radius, 0.0),
            (x + radius, y + h - radius, np.pi / 2),
            (x + radius, y + radius, np.pi),
            (x + w - radius, y + radius, 3 * np.pi / 2),
        )
    ]
    return np.concatenate([np.stack(arc, axis=1) for arc in arcs])


def ribbon(line: Points, widths: Sequence[float]) -> np.ndarray:
    """The outline of a line with a width: `widths` are spread evenly along it. It may bend, not fold."""
    path = np.asarray(line, dtype=np.float64)
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = tangent[:, ::-1] * np.array([-1.0, 1.0])
    along = np.linspace(0, 1, len(path))
    half = np.interp(along, np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    return np.concatenate([path + normal * half, (path - normal * half)[::-1]])


def capsule(start: Points, end: Points, start_width: float, end_width: float) -> np.ndarray:
    """The outline around two discs: a part of a limb with round joints."""
    discs = np.concatenate([
        shifted(ellipse(0, 0, start_width / 2, start_width / 2, samples=24), *np.asarray(start, dtype=np.float64)),
        shifted(ellipse(0, 0, end_width / 2, end_width / 2, samples=24), *np.asarray(end, dtype=np.float64)),
    ])  # fmt: skip
    return cv2.convexHull(discs.astype(np.float32))[:, 0].astype(np.float64)


@dataclass(frozen=True)
class Pen:
    """Draws on `pixels` (uint8 RGB) in its own frame. Line widths are multiples of `weight`, in final pixels."""

    pixels: np.ndarray
    matrix: np.ndarray  # (2, 3): frame to pixels
    ink: Color
    weight: float

    @classmethod
    def on_picture(cls, width: int, height: int, *, color: Color, ink: Color, weight: float) -> "Pen":
        """A pen on a new picture of one colour; its frame counts final pixels from the top left corner."""
        shape = (height * SUPERSAMPLING, width * SUPERSAMPLING, 3)
        pixels = np.empty(shape, dtype=np.uint8)
        pixels[:] = color
        matrix = np.array([[SUPERSAMPLING, 0, 0], [0, SUPERSAMPLING, 0]], dtype=np.float64)
        return cls(pixels=pixels, matrix=matrix, ink=ink, weight=weight)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture in final pixels."""
        return self.pixels.shape[1] // SUPERSAMPLING, self.pixels.shape[0] // SUPERSAMPLING

    def picture(self) -> np.ndarray:
        """The drawing at its final size: uint8 RGB (H, W, 3)."""
        return cv2.resize(self.pixels, self.size, interpolation=cv2.INTER_AREA)

    def at(self, x: float, y: float, *, scale: float = 1.0, degrees: float = 0.0, mirror: bool = False) -> "Pen":
        """A pen whose frame has its origin at (x, y), is `scale` times as large and turned clockwise."""
        angle = np.deg2rad(degrees)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if mirror:
            turn = turn @ np.diag([-1.0, 1.0])
        linear, shift = self.matrix[:, :2], self.matrix[:, 2]
        matrix = np.column_stack([linear @ turn, linear @ np.array([x, y]) + shift])
        return replace(self, matrix=matrix)

    def heavier(self, factor: float) -> "Pen":
        """The same pen with another line weight."""
        return replace(self, weight=self.weight * factor)

    def to_pixels(self, points: Points) -> np.ndarray:
        """Points of the frame in pixels of the enlarged picture."""
        return np.asarray(points, dtype=np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def fill(self, outline: Points, color: Color, *, within: Points | None = None, opacity: float = 1.0) -> None:
        """Fills an outline, only where it lies within another one if that is given."""
        if within is None and opacity >= 1.0:
            cv2.fillPoly(self.pixels, [_fixed(self.to_pixels(outline))], color, cv2.LINE_AA, _SUBPIXEL_BITS)
            return
        masked = self._mask([outline] if within is None else [outline, within])
        if masked is not None:
            region, mask = masked
            _blend(region, np.array(color, dtype=np.float32), mask, opacity)

    def gradient(self, outline: Points, top: Color, bottom: Color) -> None:
        """Fills an outline with a colour that changes from its highest to its lowest pixel."""
        masked = self._mask([outline])
        if masked is None:
            return
        region, mask = masked
        blend = np.linspace(0, 1, region.shape[0], dtype=np.float32)[:, None, None]
        colors = np.array(top, dtype=np.float32) * (1 - blend) + np.array(bottom, dtype=np.float32) * blend
        _blend(region, colors, mask, 1.0)

    def stroke(self, line: Points, *, width: float = 1.0, color: Color | None = None, closed: bool = False) -> None:
        """An even line."""
        thickness = max(1, round(width * self.weight * SUPERSAMPLING))
        fixed = [_fixed(self.to_pixels(line))]
        cv2.polylines(self.pixels, fixed, closed, color or self.ink, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)

    def brush(self, line: Points, *, width: float = 1.6, color: Color | None = None, root: float = 0.0) -> None:
        """A line that swells in its middle and thins to a point; `root` is the share of the width at its start."""
        path = self.to_pixels(line)
        if len(path) < _CURVE_SAMPLES:
            path = curve(path)
        full = width * self.weight * SUPERSAMPLING
        outline = ribbon(path, [full * root, full, full, 0.5 * full, 0.0])
        cv2.fillPoly(self.pixels, [_fixed(outline)], color or self.ink, cv2.LINE_AA, _SUBPIXEL_BITS)

    def shape(self, outline: Points, color: Color, *, width: float = 1.0, line: Color | None = None) -> None:
        """A filled outline with an ink line around it."""
        self.fill(outline, color)
        self.stroke(outline, width=width, closed=True, color=line)

    def _mask(self, outlines: list[Points]) -> tuple[np.ndarray, np.ndarray] | None:
        """The pixels around the first outline and, for each, 0..255: how far it lies within all outlines."""
        polygons = [self.to_pixels(outline) for outline in outlines]
        height, width = self.pixels.shape[:2]
        left, top = np.maximum(np.floor(polygons[0].min(axis=0)).astype(int), 0)
        right, bottom = np.minimum(np.ceil(polygons[0].max(axis=0)).astype(int) + 1, (width, height))
        if left >= right or top >= bottom:
            return None
        mask: np.ndarray | None = None
        for polygon in polygons:
            layer = np.zeros((bottom - top, right - left), dtype=np.uint8)
            cv2.fillPoly(layer, [_fixed(polygon - (left, top))], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
            mask = layer if mask is None else cv2.min(mask, layer)
        assert mask is not None
        return self.pixels[top:bottom, left:right], mask


def _fixed(points: np.ndarray) -> np.ndarray:
    """Pixel coordinates in OpenCV's fixed point."""
    return np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _blend(region: np.ndarray, colors: np.ndarray, mask: np.ndarray, opacity: float) -> None:
    alpha = mask[..., None].astype(np.float32) * np.float32(opacity / 255)
    mixed = region + (colors - region) * alpha
    region[:] = (mixed + 0.5).astype(np.uint8)
