"""The weak spots of a colorizer: titles, issues and styles with worse results than elsewhere.

Works on per-picture rows; touches no files. A title's or an issue's mean is held against the mean of all pictures.
Styles show the same pictures, so each picture is held against itself: its value in a style less its mean over styles.
Over all groups of a table together, the chance of naming any without reason is at most 1 - confidence (Holm).
"""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from pipelines.comparison.significance import estimate, holm, picture_means
from pipelines.evaluation.evaluation import RANKING_METRIC
from pipelines.evaluation.metrics.definitions import METRICS

MIN_PICTURES = 4
"""No claim is made about groups of fewer pictures."""


def weak_spots(
    rows: pd.DataFrame,
    metric: str = RANKING_METRIC,
    *,
    by: Sequence[Literal["title", "issue", "style"]] = ("title",),
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a group, the worst first: `pictures`, `mean`, `difference` to the mean of all (of styles: to the same
    pictures' mean over styles), its interval `low` and `high`, `p_value` adjusted for all groups, and `is_weak`.

    rows: `panel_id`, `title`, `issue`, `style` and the metric; those without a number are left out.
    by: What makes a group, e.g. ("title", "issue"). Of the single picture within a group, its rows' mean counts.

    Pictures are resampled, for an issue holds no issues to resample: the claim is about these issues, not about
    others of their title. Raises ValueError where no row has a number.
    """
    is_higher_better = metric in METRICS and METRICS[metric].direction == "higher"
    of_all = picture_means(rows, metric)[metric]
    held_against = pd.Series(of_all.mean(), index=of_all.index)
    if "style" in by:
        held_against = rows.groupby(["panel_id", "style"])[metric].mean().groupby("panel_id").mean()
    found = []
    for name, group in rows.dropna(subset=[metric]).groupby(list(by), sort=True):
        values = picture_means(group, metric)[metric]
        differences = (values - held_against[values.index]).to_numpy()
        off = estimate(differences, confidence=confidence, resamples=resamples, seed=seed)
        found.append(
            {
                **dict(zip(by, name, strict=True)),
                "pictures": len(values),
                "mean": float(values.mean()),
                "difference": off.value,
                "low": off.low,
                "high": off.high,
                "p_value": off.p_value,
            }
        )
    table = pd.DataFrame(found)
    is_large = table["pictures"] >= MIN_PICTURES
    adjusted = holm({str(place): float(p) for place, p in table.loc[is_large, "p_value"].items()})
    table["p_value"] = [adjusted.get(str(place), float("nan")) for place in table.index]
    worse = table["difference"] < 0 if is_higher_better else table["difference"] > 0
    table["is_weak"] = worse & (table["p_value"] < 1 - confidence)
    return table.sort_values("difference", ascending=is_higher_better, ignore_index=True)
