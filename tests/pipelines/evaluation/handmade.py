"""Evaluations as a benchmark would give them, made by hand: every number is known, and nothing is trained."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
import pandas as pd

from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.gallery import difficulties, gallery, pick
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.tracks import MAIN_STYLE, track_of

BENCHMARKS = {"gray": "a" * 64, "line": "b" * 64}
STYLES = {"gray": ("gray",), "line": ("canny", "xdog_0.4", "xdog_0.4_equalized")}
TITLES = ("drawn-days", "night-shop")
PICTURES = 16


def panel_ids() -> list[str]:
    return [f"{TITLES[number % 2]}__{number % 8:02d}__{number:04d}" for number in range(PICTURES)]


def drawn(seed: int, side: int = 48) -> np.ndarray:
    """A picture of flat colours in black outlines, uint8 RGB."""
    random = np.random.default_rng(seed)
    rgb = np.full((side, side, 3), random.integers(150, 256, 3), np.uint8)
    for _ in range(4):
        center = tuple(int(place) for place in random.integers(0, side, 2))
        radius = int(random.integers(side // 10, side // 3))
        cv2.circle(rgb, center, radius, random.integers(40, 256, 3).tolist(), -1)
        cv2.circle(rgb, center, radius, (0, 0, 0), max(1, side // 48))
    return rgb


@cache
def _truths() -> tuple[dict[str, np.ndarray], dict[str, dict[str, float]]]:
    truths = {panel_id: drawn(number) for number, panel_id in enumerate(panel_ids())}
    return truths, {panel_id: difficulties(truth) for panel_id, truth in truths.items()}


def evaluated(
    name: str,
    variant: str = "gray",
    *,
    values: Mapping[str, float] | None = None,
    hints: Sequence[int] = (),
    sets: Mapping[str, tuple[float, float]] | None = None,
    noise: float = 0.1,
    **changes: Any,
) -> Evaluation:
    """An evaluation whose metrics are `values` (others 1), give or take the noise; each hint halves CIEDE2000 less.

    sets: mean and standard deviation over three draws.
    """
    track = track_of(variant)
    random = np.random.default_rng(sum(name.encode()))
    rows = []
    passes = [(style, "none", 0) for style in STYLES[track]]
    passes += [(MAIN_STYLE[track], "random", count) for count in hints]
    for style, placement, count in passes:
        for number, panel_id in enumerate(panel_ids()):
            title, _, rest = panel_id.partition("__")
            measured = {metric: 1 + noise * random.standard_normal() for metric in METRICS}
            for metric, value in (values or {}).items():
                measured[metric] = value * (0.5 if count and metric == "ciede2000" else 1) + noise * (
                    number / PICTURES + random.standard_normal()
                )
            if not count:
                measured |= {metric: np.nan for metric in METRICS if metric.startswith("hint_")}
            keys = {
                "track": track,
                "style": style,
                "placement": placement,
                "hints": count,
                "draw": 0,
                "references": "none",
                "near_duplicates": 0,
            }
            issue = f"{title}__{rest.partition('__')[0]}"
            rows.append({**keys, "panel_id": panel_id, "title": title, "issue": issue, **measured})
    table = pd.DataFrame(rows)
    of_main = table[(table["style"] == MAIN_STYLE[track]) & (table["placement"] == "none")]
    truths, difficult = _truths()

    def pictures(panel_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        truth = truths[panel_id]
        gray = cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY)
        return gray, cv2.addWeighted(truth, 0.6, np.repeat(gray[..., None], 3, axis=-1), 0.4, 0), truth

    chosen = pick(of_main, difficult, [])
    spreads = {
        key: {"mean": mean, "std": std, "draws": 3, "oracle": 5.0, "baseline": 90.0, "pictures": PICTURES}
        for key, (mean, std) in (sets or {}).items()
    }
    given: dict[str, Any] = {
        "name": name,
        "variant": variant,
        "benchmark_fingerprint": BENCHMARKS[track],
        "training_set_fingerprint": "t" * 64,
        "resolution": 48,
        "seed": 0,
        "rows": table,
        "sets": spreads,
        "machine": "here",
        "cost": {"parameters": 1000.0},
        "gallery": gallery(chosen, of_main, pictures, style=MAIN_STYLE[track]),
        "grid": np.zeros((8, 8, 3), np.uint8),
        "checkpoint_digest": f"checkpoint of {name}",
        "mlflow_run_id": f"run-{name}",
    }
    return Evaluation(**{**given, **changes})
