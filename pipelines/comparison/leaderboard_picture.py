"""The picture of a leaderboard: a bar with its interval for each colorizer, beside its numbers."""

from typing import TYPE_CHECKING

import numpy as np

from pipelines.images.figure import BLUE, GRAY, INK, STRIPE, figure_picture, new_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.comparison.leaderboard import Leaderboard, LeaderboardRow

ROW_PX, WIDTH_PX, NAME_CHARACTERS = 28, 1400, 60
HEADERS = {"colorfulness_error": "color. error"}


def draw_leaderboard(
    board: "Leaderboard",
    *,
    subtitle: str,
    metrics: "Sequence[str]",
    label: "Callable[[LeaderboardRow], str]",
    text: "Callable[[float], str]",
) -> np.ndarray:
    """The table of a track as a picture, uint8 RGB; results of other benchmarks are listed below it.

    Args:
        board: The leaderboard.
        subtitle: One line below the title.
        metrics: The columns.
        label: The name of a row, with what it is.
        text: A number as it is shown.
    """
    rows, others = board.rows, board.not_comparable
    figure = new_figure(WIDTH_PX, ROW_PX * (4 + len(rows) + (1 + len(others) if others else 0)))
    figure.suptitle(f"Leaderboard\n{subtitle}", x=0.01, ha="left", fontsize=11)
    bars, table = figure.subplots(1, 2, sharey=True, width_ratios=(2, 3))
    places = np.arange(len(rows))
    for plot in (bars, table):
        plot.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        for place in places[::2]:
            plot.axhspan(place - 0.5, place + 0.5, color=STRIPE, zorder=0)
        plot.spines[:].set_visible(False)
        plot.tick_params(length=0, labelsize=9)
    colors = [GRAY if row.is_baseline else BLUE for row in rows]
    bars.barh(places, [row.score for row in rows], height=0.55, color=colors, antialiased=False, zorder=2)
    highest = max((row.score for row in rows), default=1.0) or 1.0
    ends = [row.interval[1] for row in rows if row.interval and np.isfinite(row.interval[1])]
    bars.set_xlim(0, min(max(highest, *ends, 0) * 1.02, 1.6 * highest))  # a wide interval may be cut off
    for place, row in zip(places, rows, strict=True):
        if row.interval and np.isfinite(row.interval).all():
            bars.plot(row.interval, (place, place), color=INK, linewidth=1.5, zorder=3)
    names = [_cut(f"{row.rank or ''}  {label(row)}, {row.variant}") for row in rows]
    bars.set_yticks(places, names)
    bars.xaxis.tick_top()
    table.set_xlim(0, len(metrics))
    table.set_xticks(np.arange(len(metrics)) + 0.95, [HEADERS.get(name, name) for name in metrics], ha="right")
    table.xaxis.tick_top()
    for place, row in zip(places, rows, strict=True):
        for column, name in enumerate(metrics):
            table.text(column + 0.95, place, text(row.metrics[name]), ha="right", va="center", fontsize=9)
    if others:
        lines = ["Not comparable (measured on another benchmark; evaluate again):"]
        lines += [f"{row.name}, {row.variant}, benchmark {row.benchmark_fingerprint[:12]}" for row in others]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=9)
    return figure_picture(figure)


def _cut(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else f"{name[: NAME_CHARACTERS - 1]}…"
