"""Where colours came from: the references that each picture of an evaluation took its colours from, with shares."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.evaluation.tracks import ReferenceCondition
from pipelines.images.decode import decode_picture
from pipelines.images.sheets import labelled_grid, to_jpeg

SHOWN_PICTURES = 6
"""So many pictures of each condition are shown with their references."""

SHOWN_REFERENCES = 3
"""So many references stand beside a picture, those with the largest shares first."""

_KEPT_BYTES = 24_000  # of the JPEG file of a reference

COLUMNS = ["references", "panel_id", "reference", "share", "picture"]


def sources_of(
    references: ReferenceCondition,
    shares: Mapping[str, Mapping[str, float]],
    shown: Mapping[str, Mapping[str, np.ndarray]],
) -> pd.DataFrame:
    """One row a picture and reference that it took colours from, the largest share first; the columns COLUMNS.

    Args:
        references: The condition.
        shares: By panel_id: the share of the picture that each reference gave its colours to, in 0..1.
        shown: By panel_id of the pictures that are shown: their references, (R, R, 3) uint8 RGB. `picture` is a JPEG
            file for the SHOWN_REFERENCES with the largest shares of each, and empty elsewhere.
    """
    rows = []
    for panel_id, found in shares.items():
        ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
        for place, (reference, share) in enumerate(ranked):
            is_shown = panel_id in shown and place < SHOWN_REFERENCES
            picture = to_jpeg(shown[panel_id][reference], max_bytes=_KEPT_BYTES) if is_shown else b""
            rows.append([references, panel_id, reference, share, picture])
    return pd.DataFrame(rows, columns=COLUMNS).astype({"share": float})


def sources_sheet(sources: pd.DataFrame, gallery: pd.DataFrame, name: str) -> np.ndarray:
    """References, input, output and truth of the pictures that are shown of one condition: uint8 RGB.

    Args:
        sources: Rows of one condition, as `sources_of` gives them.
        gallery: Rows of the gallery whose kind is that condition.
        name: The colorizer.

    Raises ValueError where the gallery has no row.
    """
    rows, labels = [], []
    for shown in gallery.to_dict("records"):
        panel_id = str(shown["panel_id"])
        own = sources[sources["panel_id"] == panel_id].head(SHOWN_REFERENCES).to_dict("records")
        given = [decode_picture(one["picture"], name=one["reference"]) for one in own]
        parts = [decode_picture(shown[part], name=panel_id) for part in ("input", "output", "truth")]
        blanks = [np.full_like(parts[-1], 255)] * (SHOWN_REFERENCES - len(given))
        rows.append([*given, *blanks, *parts])
        shares = ", ".join(f"{one['reference']} {one['share']:.0%}" for one in own)
        labels.append(f"{panel_id} (CIEDE2000 {shown['ciede2000']:.1f}) from {shares}")
    headers = [*(f"reference {number}" for number in range(1, SHOWN_REFERENCES + 1)), "input", name, "truth"]
    return labelled_grid(rows, headers, labels=labels)


def sources_table(sources: pd.DataFrame) -> pd.DataFrame:
    """For people: one row a condition and picture (the index), with the references that it took its colours from."""
    words = sources.assign(text=[f"{one['reference']} {one['share']:.0%}" for one in sources.to_dict("records")])
    found = words.groupby(["references", "panel_id"], sort=False)["text"].agg(", ".join)
    return found.rename("colours from").reset_index().set_index("panel_id")
