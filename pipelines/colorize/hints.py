"""Hints: what a person marks on a picture, from the brush to what a network takes.

Places are shares of the picture: x from 0 (left border) to 1 (right), y from 0 (top) to 1 (bottom). So one hint
serves a picture at every size, also squared as networks see it. Works on values and arrays; touches no files.
"""

from dataclasses import field
from typing import Annotated, Self

import cv2
import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from models.specs.base import ColorSpace
from pipelines.images.color import network_target, resized

Share = Annotated[float, Field(ge=0, le=1)]
Channel = Annotated[int, Field(ge=0, le=255)]
Rgb = tuple[Channel, Channel, Channel]

_STRICT = ConfigDict(extra="forbid", strict=True)
_SHOWN_ALPHA = 128  # of 255: more than half of the pixel is painted


class HintError(ValueError):
    """A text is no hint. The message says where it is wrong and what was expected."""


@dataclass(frozen=True, config=_STRICT)
class Point:
    """One pixel of colour, whatever the size of the pixel."""

    x: Share
    y: Share
    rgb: Rgb


@dataclass(frozen=True, config=_STRICT)
class Stroke:
    """A line of colour through places (x, y); one place makes a dot."""

    points: Annotated[tuple[tuple[Share, Share], ...], Field(min_length=1)]
    rgb: Rgb
    width: Share
    """As a share of the picture's side; a pixel at least."""


@dataclass(frozen=True, config=_STRICT)
class Hint:
    """All marks on a picture. Later strokes cover earlier ones; points cover all strokes."""

    points: tuple[Point, ...] = field(default=())
    strokes: tuple[Stroke, ...] = field(default=())

    def to_json(self) -> str:
        """As text that `from_json` reads."""
        return _HINTS.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The hint of JSON values, of `to_json` or of a page. Raises HintError."""
        try:
            return _HINTS.validate_json(text)  # pyright: ignore[reportReturnType]
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc'])) or 'hint'}: {e['msg']}" for e in error.errors()]
            raise HintError("; ".join(wrong)) from None


_HINTS = TypeAdapter(Hint)


def hint_of_truth(truth: np.ndarray, count: int, *, side: int, seed: int) -> Hint:
    """Points with the true colours at random places: a fixed hint for evaluation.

    Args:
        truth: (H, W, 3) uint8 RGB.
        count: How many points, at distinct pixels of the hint; at most side * side.
        side: Of the hint in pixels: a point has the mean colour of all that its pixel covers.
        seed: Decides the places, together with count and side.
    """
    return _hint_at(truth, side, _places(np.random.default_rng(seed), count, side, side))


def segment_hint_of_truth(truth: np.ndarray, *, side: int, seed: int) -> Hint:
    """The 28 points of C-FID (paper 003, section 4 and Figure 13): some in each of seven segments, at random places.

    Four corners, a quarter of the sides each, with 1 point; the two wings between them, left and right, with 2; the
    body, which is the middle half over the full height, with 20. Arguments as in `hint_of_truth`; side is 8 or more.
    """
    if side < 8:
        raise ValueError(f"side is {side}; seven segments need 8 pixels or more")
    random = np.random.default_rng(seed)
    quarter = side // 4
    middle, far = side - 2 * quarter, side - quarter
    segments = [  # points, x, y, width, height
        *((1, x, y, quarter, quarter) for x in (0, far) for y in (0, far)),
        *((2, x, quarter, quarter, middle) for x in (0, far)),
        (20, quarter, 0, middle, side),
    ]
    places = [_places(random, count, width, height) + np.array([x, y]) for count, x, y, width, height in segments]
    return _hint_at(truth, side, np.concatenate(places))


def rasterize(hint: Hint, side: int | tuple[int, int]) -> np.ndarray:
    """A hint in pixels, (H, W, 4) uint8 RGBA: alpha 255 where colour is given, all zero elsewhere.

    side: H and W, or the one side of a square. The width of strokes is a share of the longer side. Nothing is lost at
    small sides: every point, and every place of a stroke, touches at least one pixel.
    """
    height, width = (side, side) if isinstance(side, int) else side
    rgba = np.zeros((height, width, 4), np.uint8)
    for stroke in hint.strokes:
        pixels = [(_pixel(x, width), _pixel(y, height)) for x, y in stroke.points]
        width_px = max(1, round(stroke.width * max(height, width)))
        for start, end in zip(pixels, pixels[1:] or pixels, strict=False):
            cv2.line(rgba, start, end, (*stroke.rgb, 255), width_px)
    for point in hint.points:
        rgba[_pixel(point.y, height), _pixel(point.x, width)] = (*point.rgb, 255)
    return rgba


def network_hint(rgba: np.ndarray, space: ColorSpace) -> np.ndarray:
    """The hints as input of a network: (N, h, w, 4) uint8 RGBA -> (N, C + 1, h, w) float32.

    ab (C = 2) or RGB (C = 3) in [-1, 1] and a mask of 1 where alpha is 128 or more; all zero elsewhere.
    """
    mask = (rgba[..., 3] >= _SHOWN_ALPHA).astype(np.float32)[:, np.newaxis]
    return np.concatenate([network_target(np.ascontiguousarray(rgba[..., :3]), space) * mask, mask], axis=1)


def _pixel(place: float, side: int) -> int:
    """The pixel that holds a place; the right or the bottom border belongs to the last one."""
    return min(int(place * side), side - 1)


def _places(random: np.random.Generator, count: int, width: int, height: int) -> np.ndarray:
    """Distinct pixels of a rectangle, (count, 2) as x, y."""
    if count > width * height:
        raise ValueError(f"{count} points do not fit into {width} x {height} pixels")
    chosen = random.choice(width * height, count, replace=False)
    return np.stack([chosen % width, chosen // width], axis=1)


def _hint_at(truth: np.ndarray, side: int, places: np.ndarray) -> Hint:
    small = resized(truth, (side, side))
    points = []
    for x, y in places.tolist():
        red, green, blue = small[y, x].tolist()
        points.append(Point((x + 0.5) / side, (y + 0.5) / side, (red, green, blue)))
    return Hint(points=tuple(points))
