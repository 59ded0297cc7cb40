"""Two pictures laid over one another: which part of one the other shows, upright or mirrored, and how alike they are.

In two steps. Thumbnails (16 x 16) are compared over a grid of windows: cheap, so that millions of pairs can be, but
many panels of comics look alike at 8 x 8. Pictures are then aligned by their pixels, which few pairs need.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

SIDE_PX = 16
"""Side of the thumbnails that `pipelines.panels.hashing.thumbnail` makes."""

GRID = 8
"""Pictures are compared at GRID x GRID, the least that a window of a thumbnail still fills."""

SCALES = ((1.0, 1), (1.1, 2), (1.2, 3), (1.35, 4), (1.5, 5))
"""How much a copy may be enlarged, and the number of places of the window along each side."""

FINE_PX = 64
"""Side of the pictures that are aligned by their pixels."""

STARTS = 3
"""Alignments are climbed from so many places."""

MIN_OVERLAP = 0.35
"""Least share of the picture that is enlarged which the other one may show: an enlargement of 1.5 shows 0.44."""


class Alignment(NamedTuple):
    """How a picture lies over another one."""

    correlation: float
    """Of the strength of edges in what both show, at FINE_PX, in -1..1. It tells panels apart far better than that of
    lightness, and other colours change it less."""
    is_mirrored: bool
    scale: float
    """How much the one that shows less is enlarged; 1 where both show the same."""


def luma_of(thumbnails: list[bytes]) -> np.ndarray:
    """Thumbnails (768 bytes of RGB each) -> (N, 16, 16) float32, their lightness (Rec. 601) in 0..255."""
    rgb = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE_PX, 3)
    if not len(rgb):
        return np.zeros((0, SIDE_PX, SIDE_PX), np.float32)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).reshape(-1, SIDE_PX, SIDE_PX).astype(np.float32)


def best_correlations(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The best correlation of each pair over all windows of the one or the other, upright and mirrored.

    (Q, 16, 16) and (N, 16, 16) float32 -> (Q, N) float32. Works on Q * N * 64 numbers at a time: give blocks.
    """
    best = np.full((len(pictures), len(others)), -1, np.float32)
    product = np.empty_like(best)
    whole_others = described(others, 0)
    flipped = pictures[:, :, ::-1]
    upright_and_mirrored = np.concatenate([described(pictures, 0), described(flipped, 0)])
    for window in range(len(windows())):
        of_others = described(others, window).T
        for asked in np.split(upright_and_mirrored, 2):
            np.maximum(best, np.matmul(asked, of_others, out=product), out=best)
        if window:  # the first one is the whole picture
            for seen in (pictures, flipped):
                np.maximum(best, np.matmul(described(seen, window), whole_others.T, out=product), out=best)
    return best


def described(pictures: np.ndarray, window: int) -> np.ndarray:
    """One window of each picture at GRID x GRID, without its mean and of length 1. (N, 16, 16) -> (N, 64) float32."""
    rows, columns = windows()[window]
    found = (rows @ pictures @ columns.T).reshape(len(pictures), -1)
    found -= found.mean(axis=1, keepdims=True)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-3)


@cache
def windows() -> list[tuple[np.ndarray, np.ndarray]]:
    """The windows as weights of rows and of columns, (8, 16) float32 each. The first is the whole picture."""
    found = []
    for scale, places in SCALES:
        size = SIDE_PX / scale
        starts = np.linspace(0, SIDE_PX - size, places)
        weights = [_area_weights(start, size) for start in starts]
        found += [(rows, columns) for rows in weights for columns in weights]
    return found


def _area_weights(start: float, size: float) -> np.ndarray:
    """Averages of GRID equal parts of a stretch of pixels. (GRID, SIDE_PX) float32."""
    edges = start + size * np.arange(GRID + 1) / GRID
    pixels = np.arange(SIDE_PX)
    shares = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(shares, 0, None) * GRID / size).astype(np.float32)


def fine_of(rgb: np.ndarray) -> np.ndarray:
    """The lightness of a picture, uint8 RGB (H, W, 3), squashed to (FINE_PX, FINE_PX), uint8."""
    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (FINE_PX, FINE_PX), interpolation=cv2.INTER_AREA)


def align(fine: np.ndarray, other: np.ndarray) -> Alignment:
    """The best alignment of two pictures, as `fine_of` gives them.

    From the STARTS best windows of their thumbnails, upright and mirrored, the enhanced correlation coefficient
    (Evangelidis and Psarakis 2008; `findTransformECC` of OpenCV) is climbed over affine maps. The whole pictures are
    also laid over one another as they are, for where colours differ much it does not converge. An alignment that shows
    less than MIN_OVERLAP of both pictures, or turns one, is none.
    """
    floats, ground = fine.astype(np.float32), other.astype(np.float32)
    seen = (floats, np.ascontiguousarray(floats[:, ::-1]))
    starts = [
        (score, at, is_mirrored) for is_mirrored in (False, True) for score, at in _starts(seen[is_mirrored], ground)
    ]
    best = sorted(starts, key=lambda start: -start[0])[:STARTS]
    whole = [_laid_over(one, ground, np.eye(2, 3, dtype=np.float32), bool(place)) for place, one in enumerate(seen)]
    return max([*whole, *(_climbed(seen[is_mirrored], ground, at, bool(is_mirrored)) for _, at, is_mirrored in best)])


def _starts(fine: np.ndarray, other: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The STARTS best windows: correlation, and the affine map from places of `fine` to places of `other`, (2, 3)
    float32.
    """
    own, of_other = (
        _all_windows(cv2.resize(one, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)) for one in (fine, other)
    )
    size, x, y = _places().T
    maps = np.concatenate([np.stack([1 / size, x, y], axis=1), np.stack([size, -x * size, -y * size], axis=1)])
    scores = np.concatenate([of_other @ own[0], own @ of_other[0]])
    return [
        (float(scores[at]), np.array([[maps[at, 0], 0, maps[at, 1]], [0, maps[at, 0], maps[at, 2]]], np.float32))
        for at in np.argsort(-scores, kind="stable")[:STARTS]
    ]


def _all_windows(small: np.ndarray) -> np.ndarray:
    """`described` of one picture, (16, 16), for each window: (W, 64)."""
    rows, columns = (np.stack(weights) for weights in zip(*windows(), strict=True))
    found = (rows @ small @ columns.transpose(0, 2, 1)).reshape(len(rows), -1)
    found -= found.mean(axis=1, keepdims=True)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-3)


@cache
def _places() -> np.ndarray:
    """Scale, and left and upper end at FINE_PX, of each window. (W, 3) float64."""
    found = []
    for scale, count in SCALES:
        starts = np.linspace(0, FINE_PX - FINE_PX / scale, count)
        found += [(scale, x, y) for y in starts for x in starts]
    return np.array(found)


def _edges(fine: np.ndarray) -> np.ndarray:
    """The strength of edges, at the scale of the blur that an enlargement has. (H, W) float32 -> the same."""
    smooth = cv2.GaussianBlur(fine, (0, 0), 1.0)
    return np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))


def _climbed(fine: np.ndarray, other: np.ndarray, start: np.ndarray, is_mirrored: bool) -> Alignment:
    everywhere = np.full(fine.shape, 255, np.uint8)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
    try:
        _, warp = cv2.findTransformECC(fine, other, start.copy(), cv2.MOTION_AFFINE, criteria, everywhere, 3)
    except cv2.error:  # it does not converge: they are not alike
        return Alignment(-1.0, is_mirrored, 1.0)
    return _laid_over(fine, other, warp, is_mirrored)


def _laid_over(fine: np.ndarray, other: np.ndarray, warp: np.ndarray, is_mirrored: bool) -> Alignment:
    """The alignment by an affine map from places of `fine` to places of `other`."""
    shown = cv2.warpAffine(other, warp, (FINE_PX, FINE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inside = cv2.warpAffine(
        np.ones_like(other), warp, (FINE_PX, FINE_PX), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    size = np.sqrt(abs(np.linalg.det(warp[:, :2].astype(np.float64))))
    share = float(inside.mean())
    is_straight = np.abs(warp[:, :2] - np.diag([size, size])).max() < 0.15 * size
    if not is_straight or share < MIN_OVERLAP or share * size**2 < MIN_OVERLAP:
        return Alignment(-1.0, is_mirrored, 1.0)
    seen = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0  # the end of what is shown is no edge
    if not seen.any():
        return Alignment(-1.0, is_mirrored, 1.0)
    pair = np.stack([_edges(fine)[seen], _edges(shown)[seen]])
    pair -= pair.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(pair, axis=1)
    correlation = float(pair[0] @ pair[1] / norms.prod()) if norms.all() else 0.0
    return Alignment(correlation, is_mirrored, float(max(size, 1 / size)))
