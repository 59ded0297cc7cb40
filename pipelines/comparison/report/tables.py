"""Tables of the report: numbers with heat, from the best to the worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.comparison.leaderboard import shown
from pipelines.evaluation.baselines import ORACLES


@dataclass(frozen=True)
class Cell:
    """One number of a table."""

    text: str
    heat: float | None = None
    """0 is the best of those that it is compared with, 1 the worst."""
    is_best: bool = False


@dataclass(frozen=True)
class Table:
    """Colorizers down, something across."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def heat_table(
    caption: str,
    columns: Sequence[str],
    numbers: Mapping[str, Sequence[float]],
    directions: Sequence[str] | None = None,
) -> Table:
    """Numbers with heat. Without directions lower is better, and all columns share one scale.

    The oracle has no heat: it would be the best of each.
    """
    directions_of = directions or ["lower"] * len(columns)
    compared = np.array([values for name, values in numbers.items() if name not in ORACLES], float)
    compared = compared.reshape(-1, len(columns))
    rows = []
    for name, values in numbers.items():
        cells = []
        for column, (value, direction) in enumerate(zip(values, directions_of, strict=True)):
            own = compared[:, column]
            pool = own if directions else compared.ravel()
            heat, is_best = None, False
            if direction != "neither" and np.isfinite(value) and name not in ORACLES and len(compared) > 1:
                low, high = np.nanmin(pool), np.nanmax(pool)
                heat = 0.0 if high == low else (value - low) / (high - low)
                heat = 1 - heat if direction == "higher" else heat
                is_best = bool(value == (np.nanmax(own) if direction == "higher" else np.nanmin(own)))
            cells.append(Cell(shown(value), None if heat is None else round(float(heat), 3), is_best))
        rows.append((name, cells))
    return Table(caption, columns, rows)


def spread_cell(spread: Mapping[str, float] | None, ends: Mapping[str, float]) -> Cell:
    """A mean and its deviation, with heat from the oracle to the baseline, both in `ends`."""
    if spread is None or not np.isfinite(spread["mean"]):
        return Cell("")
    text = shown(spread["mean"])
    if spread.get("std", 0.0) > 0:
        text += f" ± {shown(spread['std'])}"
    low, high = ends.get("oracle", np.nan), ends.get("baseline", np.nan)
    heat = (spread["mean"] - low) / (high - low) if np.isfinite(low) and np.isfinite(high) and high > low else None
    return Cell(text, None if heat is None else round(min(1.0, max(0.0, float(heat))), 3))


def count_text(value: float) -> str:
    """Large whole numbers in groups of three digits."""
    return f"{value:,.0f}" if np.isfinite(value) and abs(value) >= 10_000 else shown(value)
