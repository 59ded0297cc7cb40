"""Snap to segments: flat, sharp colour inside the lines of a picture, whatever colorized it.

Hensman and Aizawa, "cGAN-based Manga Colorization Using a Single Training Image" (arXiv 1706.06918, cited by paper
002): what a network gives is blurred, has artifacts and a low resolution; so the line art is segmented, each segment
takes one colour from the network's picture, the colours are corrected, and the lines stay at full resolution.

Here, by OpenCV alone:

    segments   regions that lines and edges enclose. A line is what is dark and narrow, dots left out. Gaps in it are
               closed as in trapped-ball segmentation (Zhang et al. 2009): a region is where a disc can move, first
               a large one, then smaller ones. What no disc reaches, lines among it, belongs to the nearest segment.
    colours    of each segment the median of the colorized picture, away from the lines. Where no line parts two
               large areas of different colour (an open outline, a painted picture), each keeps its own.
    correction the medians are brought to a common palette, so that parts of one thing agree, and are given back the
               chroma that the median of blurred colour has lost.
    lines      each segment's colour stands for the segment's own gray; darker pixels go to black and lighter ones to
               white in proportion, pixel for pixel.

The paper's abstract names segmentation, correction and full resolution; how each is done here is [I]. Its removal of
screentones is not done: dots stay as they are drawn, under their segment's colour.
"""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipelines.images.color import lab_to_rgb, rgb_to_lab, with_luma

if TYPE_CHECKING:
    from pipelines.colorize.picture import Colorizer

_EDGE = 24  # gray levels between neighbours (3x3) that make an edge
_LINE = 64  # gray levels by which a line is darker than what is on both of its sides
_DOT_PX = 16  # what is dark and smaller is a screentone's dot or dirt, and no line
_SMALLEST_PX = 9  # a closed region of fewer pixels is a fleck
_TONES = 8  # colours that may part a segment
_TONES_APART = 12  # in Lab; what is nearer is one colour with noise on it
_TONE_SCALE = np.array([0.25, 1, 1], np.float32)  # of L, a, b: neither shadows nor blurred lines are another colour
_PALETTE_COLORS = 48
_PALETTE_SAMPLES = 4096
_GRAY_CHROMA = 6  # in Lab; what is nearer to gray is gray
_MAX_CHROMA = 1.5  # times the palette's


def snap_to_segments(colored: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """One colour for each segment of a picture, under its lines.

    Args:
        colored: (H, W, 3) uint8 RGB, the colorized picture.
        picture: (H, W) uint8, the gray picture or the line art that was colorized.

    Returns: (H, W, 3) uint8 RGB.

    Raises ValueError for other types, or sizes that differ.
    """
    if colored.dtype != np.uint8 or picture.dtype != np.uint8 or colored.shape != (*picture.shape, 3):
        raise ValueError(
            f"snap_to_segments: expected (H, W, 3) uint8 and (H, W) uint8, got {colored.shape} {colored.dtype} "
            f"and {picture.shape} {picture.dtype}"
        )
    is_inside = ~_edges(picture)
    if not is_inside.any():  # nothing but lines
        is_inside[:] = True
    labels = _parted(segments(picture), colored, is_inside)
    count = int(labels.max()) + 1
    inside = labels[is_inside]
    colors = np.stack([_medians(inside, colored[is_inside, channel], count) for channel in range(3)], axis=-1)
    levels = _medians(inside, picture[is_inside], count)
    areas = np.bincount(labels.ravel(), minlength=count)
    chroma = np.bincount(labels.ravel(), _chroma(rgb_to_lab(colored)).ravel(), count) / areas
    return _shaded(_corrected(colors, areas, chroma), levels, labels, picture)


def segments(picture: np.ndarray) -> np.ndarray:
    """The segment that each pixel belongs to: (H, W) uint8 gray or line art -> (H, W) int32, 0, 1, ... without gaps."""
    is_free = ~_edges(picture)
    labels = np.zeros(picture.shape, np.int32)  # 0: none yet
    radius = _ball_radius(picture)
    corner_px = radius**2  # what the first disc leaves free in a right corner is less
    while radius >= 1:
        reached = _reached(is_free & (labels == 0), radius)
        _add(labels, reached, min_px=max(4 * radius**2, corner_px))
        radius //= 2
    closed = cv2.connectedComponents(is_free.astype(np.uint8), connectivity=4)[1].astype(np.int32)
    has_segment = np.zeros(int(closed.max()) + 1, bool)
    has_segment[closed[labels > 0]] = True
    _add(labels, is_free & ~has_segment[closed], min_px=_SMALLEST_PX)
    if not labels.any():
        return labels
    return _spread(labels) - 1


class SnappedColorizer:
    """Any colorizer, snapped to segments. A gray picture keeps its lightness, as everywhere."""

    def __init__(self, colorizer: "Colorizer") -> None:
        self._colorizer = colorizer
        self.name = f"{colorizer.name}_snapped"
        self.variant = colorizer.variant
        self.takes_hints = colorizer.takes_hints
        self.takes_references = colorizer.takes_references

    def colorize(self, picture: np.ndarray, **given: Any) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB; `given` goes to the colorizer."""
        return self._snapped(self._colorizer.colorize(picture, **given), picture)

    def colorize_batch(self, pictures: np.ndarray, **given: Any) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB; `given` goes to the colorizer."""
        colored = self._colorizer.colorize_batch(pictures, **given)
        for number, picture in enumerate(pictures):
            colored[number] = self._snapped(colored[number], picture)
        return colored

    def _snapped(self, colored: np.ndarray, picture: np.ndarray) -> np.ndarray:
        snapped = snap_to_segments(colored, picture)
        return with_luma(snapped, picture) if self.variant == "gray" else snapped


def _edges(picture: np.ndarray) -> np.ndarray:
    """Lines and edges between tones: (H, W) uint8 -> (H, W) bool.

    A line into which no ball fits is marked as a whole (black top-hat), for its middle is not a segment.
    """
    smooth = cv2.medianBlur(picture, 3) if min(picture.shape) >= 3 else picture
    steps = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    widest = 2 * _ball_radius(picture) + 3
    dark = cv2.morphologyEx(picture, cv2.MORPH_BLACKHAT, np.ones((widest, widest), np.uint8)) > _LINE
    _, parts, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=8)
    is_line = stats[:, cv2.CC_STAT_AREA] >= _DOT_PX
    return (steps > _EDGE) | (dark & is_line[parts.astype(np.int32)])


def _ball_radius(picture: np.ndarray) -> int:
    """The radius of the first disc, in pixels: gaps and lines of a large picture are wider."""
    return max(2, round(max(picture.shape) / 250))


def _reached(is_free: np.ndarray, radius: int) -> np.ndarray:
    """The pixels of discs that fit into the free pixels: morphological opening, by two distance transforms."""
    is_center = cv2.distanceTransform(is_free.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) > radius
    from_center = cv2.distanceTransform((~is_center).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return is_free & np.asarray(from_center <= radius)


def _parted(labels: np.ndarray, colored: np.ndarray, is_inside: np.ndarray) -> np.ndarray:
    """Segments that hold several colours over large areas, parted where those meet: (H, W) int32 -> (H, W) int32.

    What spilled over a line is a narrow band: a wide disc does not fit in, so it parts nothing.
    """
    radius = max(3, round(max(labels.shape) / 40))
    tones = _tones(cv2.blur(colored, (radius, radius)))
    wide = np.zeros(labels.shape, np.int32)  # the tone of a wide area, 1, 2, ...; 0: none
    for tone in range(1, int(tones.max()) + 1):
        wide[_reached(is_inside & (tones == tone), radius)] = tone
    count, tone_count = int(labels.max()) + 1, int(tones.max()) + 1
    there = np.zeros((count, tone_count), bool)
    there[labels, wide] = True
    parted = labels.copy()
    for segment in np.flatnonzero(there[:, 1:].sum(axis=1) > 1):
        rows, columns = (np.flatnonzero((labels == segment).any(axis=axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        is_here = labels[box] == segment
        is_own = is_here & is_inside[box] & there[segment][tones[box]]
        tone_here = _spread(np.where(is_own, tones[box], 0))
        numbers = np.arange(tone_count, dtype=np.int32) + count
        parted[box][is_here] = numbers[tone_here[is_here]]
        count += tone_count
    is_used = np.bincount(parted.ravel(), minlength=count) > 0
    return (np.cumsum(is_used, dtype=np.int32) - 1)[parted]


def _tones(colored: np.ndarray) -> np.ndarray:
    """Which of a few colours each pixel is nearest to, 1, 2, ...: (H, W, 3) uint8 RGB -> (H, W) int32."""
    small = cv2.resize(colored, (96, 96), interpolation=cv2.INTER_AREA)
    centers = _centers(_TONE_SCALE * rgb_to_lab(small).reshape(-1, 3), _TONES)
    is_near = np.square(centers[:, np.newaxis] - centers).sum(axis=-1) < _TONES_APART**2
    centers = centers[np.unique(is_near.argmax(axis=1))]
    steps = np.arange(4, 256, 8, dtype=np.uint8)  # five bits a channel: nearer is not needed
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    tone_of = _nearest(_TONE_SCALE * rgb_to_lab(grid)[0], centers) + 1
    red, green, blue = np.moveaxis(colored.astype(np.int32) >> 3, -1, 0)
    return tone_of[red << 10 | green << 5 | blue]


def _centers(samples: np.ndarray, count: int) -> np.ndarray:
    """k-means, the same each time: (N, D) float32 -> (at most count, D) float32."""
    distinct = len(np.unique(samples, axis=0))
    if distinct <= count:
        return np.unique(samples, axis=0)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.5)
    labels = np.empty((len(samples), 1), np.int32)
    return cv2.kmeans(samples, count, labels, stop, 1, cv2.KMEANS_PP_CENTERS)[2]


def _nearest(samples: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The number of the nearest center of each sample: (N, D), (K, D) -> (N,) int32."""
    squares = np.square(samples[:, np.newaxis] - centers).sum(axis=-1)
    return squares.argmin(axis=1).astype(np.int32)


def _add(labels: np.ndarray, region: np.ndarray, *, min_px: int) -> None:
    """Numbers the connected parts of a region on from the largest label, in place; small parts wait."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=4)
    is_large = stats[:, cv2.CC_STAT_AREA] >= min_px
    is_large[0] = False  # 0 is all that is not in the region
    numbers = np.zeros(count, np.int32)
    numbers[is_large] = np.arange(1, is_large.sum() + 1) + labels.max()
    labels[region] = numbers[parts.astype(np.int32)[region]]


def _spread(labels: np.ndarray) -> np.ndarray:
    """Every pixel without a label (0) takes the nearest one's."""
    is_empty = (labels == 0).astype(np.uint8)
    nearest = cv2.distanceTransformWithLabels(is_empty, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)[
        1
    ].astype(np.int32)
    of_pixel = np.zeros(int(nearest.max()) + 1, np.int32)
    is_labelled = labels > 0
    of_pixel[nearest[is_labelled]] = labels[is_labelled]
    return of_pixel[nearest]


def _medians(labels: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """The median of the values (uint8) of each label: (count,) uint8; 0 for a label without values."""
    histograms = np.bincount(labels.astype(np.int64) * 256 + values, minlength=count * 256).reshape(count, 256)
    cumulative = histograms.cumsum(axis=1)
    return (cumulative * 2 >= cumulative[:, -1:]).argmax(axis=1).astype(np.uint8)


def _corrected(colors: np.ndarray, areas: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """A common palette for all segments, as strong as the colorizer's colours.

    Args:
        colors: (S, 3) uint8 RGB.
        areas: (S,) pixels.
        chroma: (S,) mean distance from gray of the colorizer's picture, in Lab. Gray segments do not count: noise on
            them is no colour.
    """
    lab = rgb_to_lab(colors[np.newaxis])[0]
    weights = np.maximum(1, areas * (_PALETTE_SAMPLES / areas.sum())).astype(np.int64)
    centers = _centers(np.repeat(lab, weights, axis=0), _PALETTE_COLORS)
    lab = centers[_nearest(lab, centers)]
    colorful = areas * (_chroma(lab) > _GRAY_CHROMA)
    lost = (colorful @ chroma) / max(colorful @ _chroma(lab), 1)
    lab[:, 1:] *= np.clip(lost, 1, _MAX_CHROMA)
    return lab_to_rgb(lab[np.newaxis])[0]


def _chroma(lab: np.ndarray) -> np.ndarray:
    return np.hypot(lab[..., 1], lab[..., 2])


def _shaded(colors: np.ndarray, levels: np.ndarray, labels: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Colours that stand for gray levels, darker and lighter with the picture: (H, W, 3) uint8.

    A segment's tone curve goes through (0, black), (its level, its colour) and (255, white).
    """
    gray = np.arange(256, dtype=np.float32)
    level = np.maximum(levels, 1)[:, np.newaxis].astype(np.float32)
    darker = np.minimum(gray / level, 1)  # (S, 256): share of the colour
    lighter = np.maximum(gray - level, 0) / np.maximum(255 - level, 1)  # (S, 256): share of white in the rest
    curves = darker[..., np.newaxis] * colors[:, np.newaxis, :]
    curves += lighter[..., np.newaxis] * (255 - curves)
    return np.rint(curves).astype(np.uint8)[labels, picture]
