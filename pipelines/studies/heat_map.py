"""The heat map of a study: a row a rater, a column a method and picture, as Figure 12 of paper 003.

It shows the raters who give high points, those who always give the same, and the agreement of all. Touches no files.
"""

import numpy as np
import pandas as pd
from matplotlib import colormaps

from pipelines.images.figure import figure_picture, new_figure

ROW_PX, CELL_PX = 14, 14
NO_ANSWER = "#e1e1e1"


def draw_heat_map(table: pd.DataFrame, *, lowest: float, highest: float) -> np.ndarray:
    """`Analysis.heat_map` as a picture, uint8 RGB (H, W, 3).

    From dark (lowest) to bright (highest), gray where there is no answer; raters from the one with the highest mean
    down, each method's pictures beside one another, and a scale beside them.
    """
    ordered = table.loc[table.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    groups = [column[0] if isinstance(column, tuple) else column for column in ordered.columns]
    methods = list(dict.fromkeys(groups))
    counts = [groups.count(method) for method in methods]
    colors = colormaps["viridis"].with_extremes(bad=NO_ANSWER)
    width = sum(max(120, count * CELL_PX) for count in counts)
    figure = new_figure(width + 200, ROW_PX * len(ordered) + 60)
    plots = figure.subplots(1, len(methods), sharey=True, squeeze=False, width_ratios=counts)[0]
    drawn = None
    for plot, method in zip(plots, methods, strict=True):
        values = ordered.loc[:, [group == method for group in groups]].to_numpy(float)
        drawn = plot.imshow(
            np.ma.masked_invalid(values), cmap=colors, vmin=lowest, vmax=highest, aspect="auto", interpolation="none"
        )
        plot.set_title(method, fontsize=9)
        plot.set_xticks([])
        plot.set_yticks(range(len(ordered)), [str(rater) for rater in ordered.index], fontsize=7)
        plot.tick_params(length=0)
    if drawn is not None:
        figure.colorbar(drawn, ax=list(plots), ticks=[lowest, highest])
    return figure_picture(figure)
