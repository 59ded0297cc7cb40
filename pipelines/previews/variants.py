"""Samples of the variants of a split."""

from pathlib import Path

import numpy as np

from pipelines.images.line_brightness import histogram_picture, line_histograms
from pipelines.images.sheets import labelled_grid
from pipelines.lake import Lake
from pipelines.previews.kept import keep_previews, spread
from pipelines.variants import STYLES, open_array, read_manifest

BRIGHTNESS_PICTURES = 64  # enough for a smooth histogram


def variant_previews(kind: str, split: str, lake: Lake, *, cache: Path | None = None) -> dict[str, bytes]:
    """Samples of a variant, as JPEG files by name."""
    made_from = read_manifest(lake, kind, split)["digest"]
    return keep_previews(
        lake,
        f"{kind}_panels",
        split,
        made_from=made_from,
        draw=lambda: preview_variant(kind, split, lake, cache=cache),
    )


def preview_variant(kind: str, split: str, lake: Lake, *, cache: Path | None = None) -> dict[str, np.ndarray]:
    """Samples of a variant beside their colour, and histograms of lines (paper 003, Figure 3); none if empty."""
    manifest = read_manifest(lake, kind, split)
    origin = read_manifest(lake, "color", split, manifest["made_from"]["color"])
    side = min(int(size) for size in manifest["arrays"])
    color, variant = (open_array(lake, each, side, cache) for each in (origin, manifest))
    if not len(color):
        return {}
    rows = [[color[index], *variant[index]] for index in spread(list(range(len(color))), 4)]
    found = {f"{kind} of {split}": labelled_grid(rows, ["color", *STYLES[kind]], cell_px=min(side, 192))}
    if kind == "line":
        shown = np.asarray(variant[spread(list(range(len(color))), BRIGHTNESS_PICTURES)])
        found[f"brightness of lines of {split}"] = histogram_picture(line_histograms(shown, styles=STYLES[kind]))
    return found
