"""The places of one picture: what a reference is looked up by, and what is looked up in references."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from models.efficientnet import EfficientNetLite0, load_efficientnet_lite0
from models.matching import SIDE_MULTIPLE, places_of
from pipelines.images.color import gray_to_lightness, resized

LONG_SIDE_PX = 256
"""Pictures are looked at with this long side; 384 is no better from references, and takes four times as long."""


@dataclass(frozen=True, eq=False)
class PicturePlaces:
    """The places of one picture, in rows from the top left."""

    size: tuple[int, int]
    """Rows and columns."""
    features: np.ndarray
    """(rows * columns, D) float16, of unit length."""
    lightness: np.ndarray
    """(rows * columns,) float32, L in 0..100."""
    pooled: np.ndarray
    """(1280,) float32 of the whole picture, of unit length."""


def find_places(seen: np.ndarray, *, long_side: int = LONG_SIDE_PX) -> PicturePlaces:
    """The places of a gray picture or of lines, (H, W) uint8 of any size; its aspect is kept to within 16 pixels."""
    size = working_size(seen.shape, long_side)
    small = resized(seen, size)
    given = torch.from_numpy(small.astype(np.float32) / 127.5 - 1)[None, None]
    found = places_of(_network(), given)
    rows, columns = found.features.shape[-2:]
    lightness = gray_to_lightness(cv2.resize(seen, (columns, rows), interpolation=cv2.INTER_AREA))
    pooled = found.pooled[0].numpy()
    return PicturePlaces(
        size=(rows, columns),
        features=found.features[0].flatten(1).T.half().numpy(),
        lightness=lightness.ravel(),
        pooled=pooled / max(float(np.linalg.norm(pooled)), 1e-6),
    )


def working_size(shape: tuple[int, ...], long_side: int) -> tuple[int, int]:
    """Height and width of a picture as it is looked at: multiples of 32."""
    scale = long_side / max(shape)
    height, width = (max(1, round(side * scale / SIDE_MULTIPLE)) * SIDE_MULTIPLE for side in shape)
    return height, width


@cache
def _network() -> EfficientNetLite0:
    return load_efficientnet_lite0()
