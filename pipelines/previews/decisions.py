"""Kept panels and near-duplicates, example panels of each title, and panels that look alike across splits."""

import numpy as np

from pipelines.images.sheets import contact_sheet, labelled_grid
from pipelines.issue_splits import Lookalikes, left_out_panels
from pipelines.lake import Lake
from pipelines.panels.pixels import read_panels
from pipelines.params import SPLITS
from pipelines.previews.kept import MAX_PICTURES, SHEET_COLUMNS, keep_previews, spread

DECISION_COLUMNS = ["title", "issue", "panel", "panel_id", "kept", "reason", "duplicate_of", "distance_bits"]


def decision_previews(lake: Lake) -> dict[str, bytes]:
    """Kept panels and near-duplicates, as JPEG files by name."""
    made_from = lake.made_from(lake.unique_panels)
    return keep_previews(lake, "unique_panels", "all", made_from=made_from, draw=lambda: preview_decisions(lake))


def title_previews(lake: Lake) -> dict[str, bytes]:
    """Example panels of each title, as JPEG files by name."""
    made_from = [lake.made_from(lake.unique_panels), lake.made_from(lake.issue_splits)]
    return keep_previews(lake, "issue_splits", "titles", made_from=made_from, draw=lambda: preview_titles(lake))


def leak_previews(lake: Lake, leaks: list[Lookalikes]) -> dict[str, bytes]:
    """Panels that look alike across splits, as JPEG files by name."""
    made_from = [lake.made_from(lake.unique_panels), [vars(leak) for leak in leaks]]
    return keep_previews(
        lake, "issue_splits", "lookalikes", made_from=made_from, draw=lambda: preview_leaks(lake, leaks)
    )


def preview_decisions(lake: Lake) -> dict[str, np.ndarray]:
    """Kept panels, and near-duplicates each beside the earlier panel that it repeats."""
    decisions = lake.read_table(lake.unique_panels, DECISION_COLUMNS).to_pandas()
    sheets = {}
    kept = decisions[decisions["kept"]]
    if len(kept):
        chosen = spread(kept["panel_id"].tolist(), MAX_PICTURES)
        sheets["kept panels"] = contact_sheet(
            list(read_panels(lake, chosen).values()), chosen, columns=SHEET_COLUMNS, cell_px=160
        )
    twins = decisions[decisions["reason"] == "near_duplicate"]
    if len(twins):
        chosen_twins = twins.loc[spread(twins.index.tolist(), 8)]
        found = read_panels(lake, [*chosen_twins["panel_id"], *chosen_twins["duplicate_of"]])
        sheets["near-duplicates"] = labelled_grid(
            [[found[row.panel_id], found[row.duplicate_of]] for row in chosen_twins.itertuples()],
            ["dropped", "repeats"],
            labels=[
                f"{row.panel_id} repeats {row.duplicate_of}, {row.distance_bits} bits"
                for row in chosen_twins.itertuples()
            ],
            cell_px=200,
        )
    return sheets


def preview_titles(lake: Lake) -> dict[str, np.ndarray]:
    """Example panels of each title, as in paper 000's Table I: the titles' own look, in train, val and test."""
    decisions = lake.read_table(lake.unique_panels, ["title", "issue", "panel_id", "kept"]).to_pandas()
    splits = lake.read_table(lake.issue_splits, ["title", "issue", "split"]).to_pandas()
    is_in = decisions["kept"] & ~decisions["panel_id"].isin(left_out_panels(lake))
    kept = decisions[is_in].merge(splits, on=["title", "issue"])
    rows, labels = [], []
    for title, of_title in kept.groupby("title", sort=False):
        chosen = spread(of_title["panel_id"].tolist(), 6)
        found = [*read_panels(lake, chosen).values()]
        blank = np.full((8, 8, 3), 255, np.uint8)
        rows.append(found + [blank] * (6 - len(found)))
        counts = of_title["split"].value_counts()
        labels.append(f"{title}   " + "   ".join(f"{name} {counts.get(name, 0)}" for name in SPLITS))
    return {"titles": labelled_grid(rows, [""] * 6, labels=labels, cell_px=150)} if rows else {}


def preview_leaks(lake: Lake, leaks: list[Lookalikes]) -> dict[str, np.ndarray]:
    """Pairs of panels that look alike across splits, side by side."""
    if not leaks:
        return {}
    shown = leaks[:8]
    found = read_panels(lake, [panel_id for leak in shown for panel_id in (leak.panel_id, leak.other_id)])
    grid = labelled_grid(
        [[found[leak.panel_id], found[leak.other_id]] for leak in shown],
        ["", ""],
        labels=[
            f"{leak.split} {leak.panel_id} / {leak.other_split} {leak.other_id}: {leak.correlation:.3f}"
            for leak in shown
        ],
        cell_px=200,
    )
    return {"lookalikes": grid}
