"""The picture of a drift check: the distances of new issues, one plot a feature, with the threshold as a line."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipelines.images.figure import BLUE, INK, RED, figure_picture, new_figure
from pipelines.lake import Lake
from pipelines.previews.kept import keep_previews

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.comparison.drift import DriftReport

ROW_PX, MAX_THRESHOLDS = 26, 3.0


def drift_previews(lake: Lake, report: "DriftReport") -> dict[str, bytes]:
    """The distances as a JPEG file by name; drawn once."""
    return keep_previews(lake, "drift", "all", made_from=asdict(report), draw=lambda: {"distances": report.picture()})


def draw_drift(report: "DriftReport", features: "Sequence[str]") -> np.ndarray:
    """Distances as multiples of their thresholds, drifted ones in red. uint8 RGB."""
    figure = new_figure(1060, 80 + ROW_PX * max(len(report.issues), 1))
    plots = figure.subplots(1, len(features), sharex=True, sharey=True)
    places = np.arange(len(report.issues))
    for plot, name in zip(plots, features, strict=True):
        of_threshold = [
            min(issue.distances.get(name, 0.0) / max(report.thresholds[name], 1e-9), MAX_THRESHOLDS)
            for issue in report.issues
        ]
        colors = [RED if name in issue.drifted else BLUE for issue in report.issues]
        plot.barh(places, of_threshold, height=0.6, color=colors, antialiased=False)
        plot.axvline(1, color=INK, linewidth=1)
        plot.set_title(name, fontsize=10)
        plot.set(xlim=(0, MAX_THRESHOLDS), xticks=[0, 1, 2, 3])
        plot.set_yticks(places, [issue.key for issue in report.issues])
        plot.set_ylim(len(places) - 0.5, -0.5)
        plot.tick_params(labelsize=8)
        plot.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("distance as a multiple of the threshold (the line)", fontsize=9)
    return figure_picture(figure)
