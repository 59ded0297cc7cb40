"""The benchmark: one function from a colorizer and a test split to a table of named numbers and a picture.

`evaluate` reads the test split of a training set; `save_evaluation` writes

    evaluations/<recipe>/latest.json    every number, with the fingerprints that say what it may be compared with
    evaluations/<recipe>/latest.png     input, output and truth of a fixed choice of pictures
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipelines.evaluation.metrics import METRICS, measure_pictures
from pipelines.pictures import labelled_grid

# For annotations only: evaluating on a bare GPU machine needs neither a lake nor its libraries.
if TYPE_CHECKING:
    from upath import UPath

    from pipelines.colorize.picture import Colorizer
    from pipelines.lake import Lake
    from pipelines.training_set import TrainingSet

BATCH_PICTURES = 8
GRID_ROWS = 6

RANKING_METRIC = "l2_ab"
"""By which styles, and colorizers, are compared."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a colorizer did on one benchmark."""

    name: str
    variant: str
    benchmark_fingerprint: str
    """Results are comparable only where this agrees."""
    training_set_fingerprint: str
    """Of the training set that the test split belongs to."""
    resolution: int
    pictures: int
    metrics: dict[str, float]
    """Mean over pictures and, where the variant has several styles, over styles. Defined in METRICS."""
    styles: dict[str, dict[str, float]]
    """The same for each style of the variant: one for gray and edge, five for line."""
    worst_style: str
    """The style with the highest L2 on ab: over-fitting to a line style shows here (paper 003)."""
    per_picture: dict[str, list[float]]
    """Each metric of each picture, mean over styles, in the order of `panel_ids`."""
    panel_ids: list[str]
    titles: list[str]
    milliseconds_per_picture: float
    """Wall time of colorizing alone, in batches of 8."""
    grid: np.ndarray
    """uint8 RGB: input, output and truth of up to six pictures, always the same."""
    checkpoint_digest: str | None = None
    mlflow_run_id: str | None = None


def evaluate(
    colorizer: "Colorizer",
    training_set: "TrainingSet",
    *,
    resolution: int = 256,
    max_pictures: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Colorizes the test split and measures every picture.

    `max_pictures` takes so many, evenly spaced, and gives another benchmark fingerprint. `on_progress` is told
    (done, all) after each batch. Raises ValueError for an empty test split and for outputs of another shape.
    """
    if max_pictures is not None and max_pictures < 1:
        raise ValueError(f"max_pictures {max_pictures}: expected at least 1, or None for all")
    pairs = training_set.pairs("test", colorizer.variant, resolution)
    if not len(pairs):
        raise ValueError(_empty_test(training_set.datasheet))
    style_names: list[str] = training_set.datasheet["styles"][colorizer.variant]
    chosen = _evenly(len(pairs), max_pictures or len(pairs))
    # Each shown picture shows one style, in turn, so that all of them are seen.
    shown = {
        row: index % len(style_names) for index, row in enumerate(chosen[_evenly(len(chosen), GRID_ROWS)].tolist())
    }
    measured: list[dict[str, list[np.ndarray]]] = [{name: [] for name in METRICS} for _ in style_names]
    grid_rows: dict[int, list[np.ndarray]] = {}
    seconds, done = 0.0, 0
    for start in range(0, len(chosen), BATCH_PICTURES):
        rows = chosen[start : start + BATCH_PICTURES]
        truths = np.asarray(pairs.color[rows])
        titles = [pairs.titles[row] for row in rows]
        for style in range(len(style_names)):
            inputs = np.asarray(pairs.variant[rows, style])
            began = time.perf_counter()
            outputs = colorizer.colorize_batch(inputs, titles=titles)
            seconds += time.perf_counter() - began
            if outputs.shape != truths.shape or outputs.dtype != np.uint8:
                raise ValueError(
                    f"{colorizer.name}: colorize_batch gave {outputs.dtype} {outputs.shape}, "
                    f"expected uint8 {truths.shape}"
                )
            for name, values in measure_pictures(outputs, truths).items():
                measured[style][name].append(values)
            for place, row in enumerate(rows.tolist()):
                if shown.get(row) == style:
                    grid_rows[row] = [inputs[place], outputs[place], truths[place]]
            done += len(rows)
            if on_progress is not None:
                on_progress(done, len(chosen) * len(style_names))
    per_style = np.array([[np.concatenate(values) for values in style.values()] for style in measured])  # (S, M, N)
    styles = {
        style: dict(zip(METRICS, means.tolist(), strict=True))
        for style, means in zip(style_names, per_style.mean(axis=2), strict=True)
    }
    return Evaluation(
        name=colorizer.name,
        variant=colorizer.variant,
        benchmark_fingerprint=training_set.benchmark_fingerprint(resolution, max_pictures),
        training_set_fingerprint=training_set.fingerprint,
        resolution=resolution,
        pictures=len(chosen),
        metrics=dict(zip(METRICS, per_style.mean(axis=(0, 2)).tolist(), strict=True)),
        styles=styles,
        worst_style=max(styles, key=lambda style: styles[style][RANKING_METRIC]),
        per_picture=dict(zip(METRICS, per_style.mean(axis=0).tolist(), strict=True)),
        panel_ids=[pairs.panel_ids[row] for row in chosen],
        titles=[pairs.titles[row] for row in chosen],
        milliseconds_per_picture=seconds * 1000 / (len(chosen) * len(style_names)),
        grid=labelled_grid(
            [grid_rows[row] for row in shown],
            ["input", colorizer.name, "truth"],
            labels=[f"{pairs.panel_ids[row]}  ({style_names[style]})" for row, style in shown.items()],
        ),
    )


def _evenly(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` of the indices 0..count-1, evenly spaced, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))


def _empty_test(datasheet: dict[str, Any]) -> str:
    titles = ", ".join(f"{name} ({title['issues']} issues)" for name, title in datasheet["titles"].items())
    return (
        f"the test split holds no pictures; titles: {titles}. A title has a test split from three issues with kept "
        "panels on: collect more issues, then materialize issue_splits, the variants and training_set again"
    )


def save_evaluation(
    lake: "Lake",
    recipe: str,
    evaluation: Evaluation,
    *,
    checkpoint_digest: str | None = None,
    mlflow_run_id: str | None = None,
) -> "UPath":
    """Writes the latest evaluation of a recipe, with what made it where given. Returns the path of the JSON file."""
    folder = lake.evaluations(recipe)
    evaluation = replace(
        evaluation,
        checkpoint_digest=checkpoint_digest or evaluation.checkpoint_digest,
        mlflow_run_id=mlflow_run_id or evaluation.mlflow_run_id,
    )
    values = asdict(evaluation)
    _, png = cv2.imencode(".png", cv2.cvtColor(values.pop("grid"), cv2.COLOR_RGB2BGR))
    lake.write_bytes(folder / "latest.png", png.tobytes())
    lake.write_json(folder / "latest.json", values)
    return folder / "latest.json"


def load_evaluation(lake: "Lake", recipe: str) -> Evaluation:
    """The latest evaluation of a recipe. Raises FileNotFoundError where it was never evaluated."""
    folder = lake.evaluations(recipe)
    if not (folder / "latest.json").exists():
        raise FileNotFoundError(f"{folder / 'latest.json'}: no such evaluation: materialize evaluation of {recipe}")
    encoded = np.frombuffer((folder / "latest.png").read_bytes(), np.uint8)
    grid = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    assert grid is not None, "the picture is written before the numbers"
    return Evaluation(**lake.read_json(folder / "latest.json"), grid=grid)


def load_evaluations(lake: "Lake") -> list[Evaluation]:
    """The latest evaluation of every recipe that has one, by name."""
    found = sorted(path.parent.name for path in (lake.root / "evaluations").glob("*/latest.json"))
    return [load_evaluation(lake, recipe) for recipe in found]
