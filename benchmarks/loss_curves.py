"""Whether training in bfloat16 learns what float32 learns: the curves of several seeds on real pictures.

    python -m benchmarks loss_curves

Each seed trains twice, once in each precision, from the same weights on the same batches. Validation is in float32 in
both. The distance of the two mean curves is given in standard deviations between the seeds of float32.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.row import Row
from benchmarks.training_pictures import pairs_of_comics
from models.recipes import RECIPES
from pipelines.training.loop import StepResult, train
from pipelines.training.params import TrainingParams

RECIPE, SIDE, WIDTH, BATCH = "webtoon_l2", 64, 16, 8
POINTS = 5
"""Validations of a training; the first is left out, since all seeds are alike there."""


def run(quick: bool) -> list[Row]:
    """One row: the greatest distance of the mean validation losses, in standard deviations of the seeds."""
    seeds, steps = (2, 10) if quick else (5, 100)
    curves = {
        precision: np.array([_curve(precision, seed, steps) for seed in range(seeds)])[:, 1:]
        for precision in ("bf16-mixed", "32-true")
    }  # (seeds, points)
    half, full = curves["bf16-mixed"], curves["32-true"]
    distances = np.abs(half.mean(axis=0) - full.mean(axis=0)) / full.std(axis=0, ddof=1)
    return [
        Row(
            name=f"loss curve: {RECIPE} in bfloat16, distance from float32 in standard deviations of seeds",
            ours=f"last validation loss {half[:, -1].mean():.5f}",
            peer=f"float32 {full[:, -1].mean():.5f}, seeds differ by {full[:, -1].std(ddof=1):.5f}",
            ratio=float(distances.max()),
            spread=(float(distances.min()), float(distances.max())),
            target=None if quick else 1.0,
            clock="count",
            facts={
                "curves": {precision: curve.tolist() for precision, curve in curves.items()},
                "mean_difference": float(np.abs(half - full).mean()),
                "side": SIDE,
                "width": WIDTH,
                "batch": BATCH,
                "steps": steps,
            },
        )
    ]


def _curve(precision: str, seed: int, steps: int) -> list[float]:
    """The validation losses of one training."""
    params = TrainingParams.model_validate(
        {
            "steps": steps,
            "batch": BATCH,
            "resolution": SIDE,
            "width": WIDTH,
            "device": "cpu",
            "precision": precision,
            "seed": seed,
            "validate_every": max(1, steps // POINTS),
            "validation_pictures": 16,
            "sample_every": steps,
        }
    )
    with tempfile.TemporaryDirectory() as name:
        results = train(
            RECIPES[RECIPE],
            pairs_of_comics(96, SIDE, seed=0),
            pairs_of_comics(16, SIDE, seed=1),
            params=params,
            fingerprint="f",
            work=Path(name),
        )
        steps_taken = [result for result in results if isinstance(result, StepResult)]
    return [step.metrics["val/l2"] for step in steps_taken if "val/l2" in step.metrics]
