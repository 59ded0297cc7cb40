"""Layout: framed pictures down one vertical strip, on grounds that change, cut into slices at arbitrary heights."""

from dataclasses import dataclass

import cv2
import numpy as np

from demo.ink import Pen, Points, ellipse, rounded_rectangle
from demo.palette import BLACK, WHITE, Color, luminance, mix

Rng = np.random.Generator

STRIP_WIDTH = 690
"""Width in pixels of every slice: what Naver serves."""

OUTLINES = ("box", "rounded", "slanted", "round", "borderless", "bleed")
MARGINS: dict[str, tuple[float, float]] = {"slanted": (0.0, 0.11), "round": (0.16, 0.16)}
"""The shares of width and height that an outline may cut off on each side."""
MIN_GUTTER = 24
"""Pixels of ground between two panels at least."""
_BORDER_PX = 3
_SLICE_HEIGHTS = (300, 2000)
_LAST_SLICE_MIN = 40


@dataclass(frozen=True)
class FramedPicture:
    """A picture with its border: uint8 RGB (H, W, 3), and how far each pixel covers the ground, (H, W) 0..255."""

    pixels: np.ndarray
    coverage: np.ndarray

    @property
    def width(self) -> int:
        """In pixels."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.pixels.shape[0]


@dataclass(frozen=True)
class Row:
    """Pictures side by side on one ground; `offsets` are (x, y) from the strip's left edge and the row's top."""

    pictures: tuple[FramedPicture, ...]
    offsets: tuple[tuple[int, int], ...]
    ground: Color
    gutter: int  # pixels of ground above the row

    @property
    def height(self) -> int:
        """In pixels, without the gutter."""
        return max(y + picture.height for picture, (_, y) in zip(self.pictures, self.offsets, strict=True))


def framed(rng: Rng, picture: np.ndarray, outline: str, *, ink: Color, ground: Color) -> FramedPicture:
    """Gives a picture its border. On a dark ground the line is light, as ink would not be seen."""
    height, width = picture.shape[:2]
    pixels, coverage = picture.copy(), np.full((height, width), 255, dtype=np.uint8)
    line = ink if luminance(ground) > 96 else (248, 246, 240)
    if outline == "box":
        cv2.rectangle(pixels, (0, 0), (width - 1, height - 1), line, 2 * _BORDER_PX - 1)
    elif outline == "bleed":
        pixels[:_BORDER_PX], pixels[-_BORDER_PX:] = line, line
    elif outline != "borderless":
        edge = _edge(rng, outline, width, height)
        shape = Pen.on_picture(width, height, color=BLACK, ink=WHITE, weight=_BORDER_PX)
        shape.fill(edge, WHITE)
        shape.stroke(edge, closed=True)
        coverage = shape.picture()[..., 0]
        border = Pen.on_picture(width, height, color=BLACK, ink=WHITE, weight=_BORDER_PX)
        border.stroke(edge, closed=True)
        alpha = border.picture()[..., :1].astype(np.float32) / 255
        pixels = np.round(picture + (np.array(line, dtype=np.float32) - picture) * alpha).astype(np.uint8)
    return FramedPicture(pixels, coverage)


def _edge(rng: Rng, outline: str, width: int, height: int) -> Points:
    """The middle of the border, so that the border just stays in the picture."""
    inset = _BORDER_PX / 2
    right, bottom = width - inset, height - inset
    if outline == "rounded":
        return rounded_rectangle(inset, inset, width - 2 * inset, height - 2 * inset, 34.0)
    if outline == "round":
        return ellipse(width / 2, height / 2, width / 2 - inset, height / 2 - inset, samples=120)
    first, second = rng.uniform(0.05, 0.11, 2) * height
    if rng.random() < 0.5:
        return [(inset, inset + first), (right, inset), (right, bottom - second), (inset, bottom)]
    return [(inset, inset), (right, inset + first), (right, bottom), (inset, bottom - second)]


def stitched(
    rng: Rng, rows: list[Row], *, bottom_margin: int
) -> tuple[np.ndarray, list[list[tuple[int, int, int, int]]]]:
    """The strip, uint8 RGB (H, 690, 3), and the boxes x, y, w, h of each row's pictures."""
    total = sum(row.gutter + row.height for row in rows) + bottom_margin
    strip = np.empty((total, STRIP_WIDTH, 3), dtype=np.uint8)
    boxes: list[list[tuple[int, int, int, int]]] = []
    y = 0
    before = rows[0].ground
    for row in rows:
        _lay_gutter(rng, strip[y : y + row.gutter], before, row.ground)
        y += row.gutter
        strip[y : y + row.height] = row.ground
        boxes.append([])
        for picture, (left, down) in zip(row.pictures, row.offsets, strict=True):
            box = (left, y + down, picture.width, picture.height)
            region = strip[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
            alpha = picture.coverage[..., None].astype(np.float32) / 255
            region[:] = np.round(region + (picture.pixels.astype(np.float32) - region) * alpha).astype(np.uint8)
            boxes[-1].append(box)
        y += row.height
        before = row.ground
    strip[y:] = before
    return strip, boxes


def _lay_gutter(rng: Rng, gutter: np.ndarray, above: Color, below: Color) -> None:
    """Ground of one colour; between two grounds a third of each, and a step or a fade between them."""
    third = len(gutter) // 3
    gutter[: len(gutter) // 2], gutter[len(gutter) // 2 :] = above, below
    if above != below and rng.random() < 0.6:
        for index in range(third):
            gutter[third + index] = mix(above, below, (index + 1) / (third + 1))


def sliced(rng: Rng, strip: np.ndarray) -> tuple[bytes, ...]:
    """The strip as JPEG files of quality 90: 300 to 2000 pixels high wherever that falls, the last what is left."""
    slices = []
    top = 0
    while top < len(strip):
        left = len(strip) - top
        height = int(rng.integers(*_SLICE_HEIGHTS, endpoint=True))
        if left - height < _LAST_SLICE_MIN:
            # The last slice is shorter than the others may be, but never a sliver.
            height = (
                left - int(rng.integers(_LAST_SLICE_MIN, _SLICE_HEIGHTS[0])) if left > 2 * _SLICE_HEIGHTS[0] else left
            )
        slices.append(_jpeg(strip[top : top + height]))
        top += height
    return tuple(slices)


def _jpeg(pixels: np.ndarray) -> bytes:
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise RuntimeError(f"a slice of {pixels.shape[1]} x {pixels.shape[0]} px could not be encoded as JPEG")
    return encoded.tobytes()
