"""Colorization using optimization: Levin, Lischinski and Weiss (SIGGRAPH 2004), solved exactly.

Neighbours of the same lightness get the same colour: each pixel's colour is the mean of its eight neighbours' colours,
weighted by how alike their lightness is, but where colour is given. That is one sparse linear system a channel. The
weights are those of the authors' published code (`getColorExact.m`), which the paper gives only in outline: equation 2
with the variance of each 3 x 3 window scaled by 0.6, and floors for flat windows.

It is the reference that `pipelines.colorize.propagate`, a hundred times faster, is tested against.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from pipelines.colorize.hints import Hint, rasterize
from pipelines.colorize.picture import PictureByPicture, require_gray_picture, require_no_references
from pipelines.colorize.references import References
from pipelines.images.color import gray_to_lightness, gray_to_rgb, lab_to_rgb, resized, rgb_to_lab, with_luma

MAX_SIDE_PX = 256
"""Larger pictures are solved at this long side: a solve takes half a second there, and grows faster than the area."""

_MAX_PX = MAX_SIDE_PX**2
_VARIANCE_SHARE = 0.6
_LEAST_VARIANCE = 2e-6
_LEAST_WEIGHT = 0.01  # of the neighbour that is most alike, before the weights are made to add up to 1
_AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def propagate_exactly(guide: np.ndarray, colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours everywhere from colours with weights; arguments and result as those of `propagate`.

    Args:
        guide: (H, W) uint8, at most MAX_SIDE_PX squared pixels.
        colors: (H, W, C) float32.
        weights: (H, W) float32, 0 where no colour is given. A pixel of weight w takes w / (1 + w) of its colour from
            what is given, and the rest from its neighbours; infinity holds the given colour exactly, as the paper does.

    Returns (H, W, C) float32; zero where no weight is above 0. Raises ValueError for other shapes, and for more pixels.
    """
    if guide.size > _MAX_PX:
        raise ValueError(f"propagate_exactly: {guide.shape[0]} x {guide.shape[1]} pixels; {_MAX_PX:,} is the limit")
    if colors.shape[:2] != guide.shape or weights.shape != guide.shape:
        raise ValueError(f"propagate_exactly: guide {guide.shape}, colours {colors.shape}, weights {weights.shape}")
    if not (weights > 0).any():
        return np.zeros(colors.shape, np.float32)
    kept = (1 - 1 / (1 + weights.astype(np.float64))).ravel()
    system = sparse.identity(guide.size, format="csr") - sparse.diags_array(1 - kept) @ _neighbours(guide)
    given = colors.reshape(guide.size, -1).astype(np.float64) * kept[:, np.newaxis]
    # Each row is dominated by its diagonal, so no pivot is searched: half the time.
    solved = splu(system.tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return solved.solve(given).reshape(colors.shape).astype(np.float32)


def _neighbours(guide: np.ndarray) -> sparse.csr_array:
    """The weights of each pixel's neighbours, which add up to 1: (H * W, H * W)."""
    height, width = guide.shape
    padded = np.pad(guide.astype(np.float64) / 255, 1, constant_values=np.nan)  # NaN: outside
    middle = padded[1:-1, 1:-1]
    around = np.stack([padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in _AROUND])
    variance = np.nanvar(np.concatenate([middle[np.newaxis], around]), axis=0)
    difference = (around - middle) ** 2
    nearest = np.nanmin(difference, axis=0, initial=np.inf, where=~np.isnan(difference))
    scale = np.maximum.reduce(
        [_VARIANCE_SHARE * variance, -nearest / np.log(_LEAST_WEIGHT), np.full_like(variance, _LEAST_VARIANCE)]
    )
    weights = np.nan_to_num(np.exp(-difference / scale))  # 0 outside
    weights /= np.maximum(weights.sum(axis=0), np.finfo(np.float64).tiny)  # a single pixel has no neighbours
    pixels = np.arange(guide.size).reshape(guide.shape)
    rows, columns, values = [], [], []
    for (dy, dx), weight in zip(_AROUND, weights, strict=True):
        is_inside = ~np.isnan(padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width])
        rows.append(pixels[is_inside])
        columns.append(pixels[is_inside] + dy * width + dx)
        values.append(weight[is_inside])
    places = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array((np.concatenate(values), places), shape=(guide.size, guide.size))


class LevinColorizer(PictureByPicture):
    """Hints spread by the exact solver, at most at MAX_SIDE_PX, and carried up under the picture's own lightness."""

    variant = "gray"
    takes_hints = True
    takes_references = False

    def __init__(self, name: str = "levin_hints") -> None:
        self.name = name

    def colorize(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        title: str | None = None,
        references: References | None = None,
    ) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB, for any H and W. Without hints it stays gray.

        Raises ValueError for other arrays, and for references.
        """
        require_no_references(self.name, [references])
        require_gray_picture(self.name, picture)
        scale = min(1.0, MAX_SIDE_PX / max(picture.shape))
        size = (max(1, int(picture.shape[0] * scale)), max(1, int(picture.shape[1] * scale)))
        marks = rasterize(hint or Hint(), size)
        is_marked = marks[..., 3] > 0
        if not is_marked.any():
            return gray_to_rgb(picture)
        small = resized(picture, size)
        given = rgb_to_lab(np.ascontiguousarray(marks[..., :3]))[..., 1:]
        weights = np.where(is_marked, np.float32(np.inf), np.float32(0))
        chroma = propagate_exactly(small, given, weights)
        lab = np.concatenate([gray_to_lightness(small)[..., np.newaxis], chroma], axis=2)
        return with_luma(lab_to_rgb(lab), picture)
