"""Pictures without a truth: black-and-white pages and real line art, which colorizers are shown, and people look at.

There is nothing to measure: real lines are not those that programs draw, and real gray pages were never coloured.
"""

from pathlib import Path

import cv2
import numpy as np

from pipelines.images.color import resized, rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.images.sampling import evenly_spaced
from pipelines.lake import Lake
from pipelines.panels.pixels import read_panels
from pipelines.terms.dropped import read_dropped

PICTURES = 6
SIDE_PX = 512
"""Longer side at most."""


def gray_panels(lake: Lake, count: int = PICTURES) -> dict[str, np.ndarray]:
    """Panels that were dropped as gray, evenly spread over all of them: panel_id -> (H, W) uint8."""
    rows = lake.read_table(lake.unique_panels, ["title", "issue", "panel_id", "sha256", "reason"]).to_pylist()
    taken_out = read_dropped(lake)  # for good, maybe after these decisions
    gray = [row for row in rows if row["reason"] == "gray"]
    names = [row["panel_id"] for row in gray if not taken_out.panel(row["title"], row["issue"], (), row["sha256"])]
    chosen = [names[place] for place in evenly_spaced(len(names), count)]
    return {panel_id: _shown(rgb) for panel_id, rgb in read_panels(lake, chosen).items()}


def pictures_of(folder: Path, count: int = PICTURES) -> dict[str, np.ndarray]:
    """Pictures of a folder, the first ones by name: file name -> (H, W) uint8.

    Raises FileNotFoundError where there is no such folder, and ValueError for a file that is no picture.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no folder of pictures (settings.yaml: evaluation.unpaired)")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name: _shown(decode_picture(path.read_bytes(), name=str(path))) for path in files[:count]}


def _shown(rgb: np.ndarray) -> np.ndarray:
    gray = rgb_to_gray(rgb)
    scale = min(1.0, SIDE_PX / max(gray.shape))
    return resized(gray, tuple(max(1, round(side * scale)) for side in gray.shape))


def network_input_of(picture: np.ndarray, variant: str) -> np.ndarray:
    """The input of a colorizer of a variant for a picture that is dark on light, (H, W) uint8.

    Lines and gray are the picture itself; edges are light on dark, and those of what is between black and white
    are found by Canny, as in training.
    """
    if variant != "edge":
        return picture
    is_ink = picture < 64
    is_line_art = (is_ink | (picture > 192)).mean() > 0.95
    return 255 - picture if is_line_art else cv2.Canny(picture, 100, 200)
