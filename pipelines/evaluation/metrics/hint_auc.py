"""Hint-AUC: how good a colorizer is over all amounts of hints, from none to one in every region.

Madono, Mingcheng and Simo-Serra, "Hint-AUC: Deterministic Region-based Hint Generation for Line Art Colorization
Evaluation" (IEEE TVCG 2026, doi:10.1109/TVCG.2026.3738401), as their package hintauc 0.3.3 states it; that package
needs NumPy below 2, so it is not used here.

    regions   Felzenszwalb's segmentation of the truth (scale 100, sigma 0.5, 100 px or more) at its own size, taken to
              64 x 64 by nearest neighbours and parted where regions do not hang together (4 neighbours).
    hints     A region's scribble is the longest path on its skeleton, its dot the pixel of that path nearest to all
              others (L1); its colour is the region's mean. The paper finds the path by FilFinder, which breaks ties
              at random; this is the package's deterministic way, the longest of the shortest paths.
    curve     At a ratio the largest of the regions, so many of a hundred, have their hint. Each metric is the mean
              over pictures; its Hint-AUC is the area under the curve over ratios from 0 to 1, by trapezoids.

Nothing is random. Works on arrays; touches no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from pipelines.colorize.hints import Hint, Point, Rgb, Stroke

RATIOS = (0.0, 0.01, 0.03, 0.05, 0.10, 0.25, 0.50, 1.0)
"""The paper's; most of them low, where people hint. The benchmark measures a pass at each; see `area_under`."""

SIDE_PX = 64

Mark = Literal["scribble", "dot"]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a picture that can have a hint."""

    area: int
    """In pixels of the hint."""
    rgb: Rgb
    path: np.ndarray
    """(P, 2) rows and columns, neighbour by neighbour; empty where thinning leaves nothing."""

    @property
    def dot(self) -> np.ndarray:
        """(2,) row and column: the path's pixel with the least sum of L1 distances to the others."""
        in_reading_order = self.path[np.lexsort((self.path[:, 1], self.path[:, 0]))]
        apart = np.abs(in_reading_order[:, np.newaxis] - in_reading_order).sum(axis=(1, 2))
        return in_reading_order[apart.argmin()]


def regions_of(truth: np.ndarray, *, side: int = SIDE_PX) -> list[Region]:
    """The regions of a picture, largest first, those of one size in reading order: (H, W, 3) uint8 RGB."""
    from skimage.measure import label, regionprops
    from skimage.morphology import skeletonize
    from skimage.segmentation import felzenszwalb

    found = felzenszwalb(truth, scale=100, sigma=0.5, min_size=100)
    rows, columns = (np.arange(side) * size // side for size in found.shape)
    labels = np.asarray(label(found[np.ix_(rows, columns)], connectivity=1, background=-1))
    small = cv2.resize(truth, (side, side), interpolation=cv2.INTER_LINEAR)
    regions = []
    for found_region in regionprops(labels):  # in reading order
        mean = small[tuple(found_region.coords.T)].mean(axis=0)
        red, green, blue = mean.astype(int).tolist()  # cut off, not rounded
        path = _longest_path(np.argwhere(skeletonize(found_region.image))) + found_region.bbox[:2]
        regions.append(Region(int(found_region.area), (red, green, blue), path))
    return sorted(regions, key=lambda region: -region.area)


def hint_at(regions: Sequence[Region], ratio: float, mark: Mark = "scribble", *, side: int = SIDE_PX) -> Hint:
    """The hints of the largest regions: `ratio` of all regions, rounded down."""
    chosen = [region for region in regions[: int(len(regions) * ratio)] if len(region.path)]
    if mark == "dot":
        return Hint(points=tuple(Point(*_place(region.dot, side), region.rgb) for region in chosen))
    strokes = [Stroke(tuple(_place(at, side) for at in region.path), region.rgb, 1 / side) for region in chosen]
    return Hint(strokes=tuple(strokes))


def area_under(scores: Mapping[float, float]) -> float:
    """The area under a curve of ratio -> score, by trapezoids: the Hint-AUC where ratios go from 0 to 1.

    Raises ValueError where they do not, for the area would be another's.
    """
    ratios = sorted(scores)
    if ratios[:1] != [0] or ratios[-1:] != [1]:
        raise ValueError(f"ratios {ratios}: expected them to go from 0 to 1")
    return float(np.trapezoid([scores[ratio] for ratio in ratios], ratios))


def _place(at: np.ndarray, side: int) -> tuple[float, float]:
    row, column = at.tolist()
    return (column + 0.5) / side, (row + 0.5) / side


def _longest_path(pixels: np.ndarray) -> np.ndarray:
    """The longest of all shortest paths between pixels of a skeleton: (K, 2) in reading order -> (P, 2).

    Steps to the side are 1 long, diagonal ones the root of 2; where two pixels have a common neighbour to the side,
    the path goes through it. Of paths of one length the first in reading order counts.
    """
    from scipy.sparse.csgraph import dijkstra

    if not len(pixels):
        return pixels
    apart = np.abs(pixels[:, np.newaxis] - pixels)  # (K, K, 2)
    is_side = apart.sum(axis=2) == 1
    is_diagonal = (apart == 1).all(axis=2) & ~(is_side.astype(np.float32) @ is_side > 0)
    steps = np.where(is_side, 1, np.where(is_diagonal, np.sqrt(2), 0))
    lengths, before = dijkstra(steps, return_predecessors=True)
    lengths = np.where(np.isinf(lengths), -1, lengths.round(9))
    start, end = np.unravel_index(lengths.argmax(), lengths.shape)
    path = [end]
    while path[-1] != start:
        path.append(before[start, path[-1]])
    return pixels[path]
