"""A colorizer from one picture: Hensman and Aizawa, "cGAN-based Manga Colorization Using a Single Training Image"
(arXiv 1706.06918, cited by paper 002).

A recipe learns from windows of one colour reference alone. Its colours on other pictures of the same characters are
snapped to segments (`pipelines.colorize.segments`). Writes only into its work folder.

Networks see every picture as a square, so each window distorts the reference in another way. Number and sizes of the
windows are our choice [I].
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np

from models.recipes import RECIPES, Recipe
from pipelines.colorize.picture import TrainedColorizer
from pipelines.colorize.segments import SnappedColorizer
from pipelines.images.seen import resize_square
from pipelines.pairs import Pairs
from pipelines.params import VariantParams
from pipelines.training.loop import StepResult, TrainingResult, train
from pipelines.training.params import TrainingParams
from pipelines.variants import derive

REFERENCE_RECIPE = RECIPES["ajou_cgan"]
"""What learns from one picture."""

REFERENCE_PARAMS = TrainingParams(minutes=10, resolution=256, validate_every=200, validation_pictures=8)
"""Parameters for a colorizer in minutes. More minutes and 512 pixels are better."""

WINDOWS = 64
MIN_SHARE = 0.4

_VALIDATION_WINDOWS = 8


def colorizer_like(
    reference: np.ndarray,
    work: Path,
    *,
    recipe: Recipe = REFERENCE_RECIPE,
    params: TrainingParams = REFERENCE_PARAMS,
    dependencies: Mapping[str, Path] | None = None,
    on_step: Callable[[StepResult], None] | None = None,
) -> SnappedColorizer:
    """Trains a recipe on one picture; returns a colorizer that snaps colours to segments.

    Args:
        reference: (H, W, 3) uint8 RGB.
        work: A folder of this training alone. A state in it is resumed; in the end it holds the checkpoint.
        recipe: Any recipe that colorizes.
        params: Size, pace, budget and machine.
        dependencies: Files that the recipe builds on, as `pipelines.training.loop.train` takes them.
        on_step: Called after each step with its result.

    Raises ValueError for a picture of another type, TrainingError as `train` does.
    """
    if reference.dtype != np.uint8 or reference.ndim != 3 or reference.shape[2] != 3:
        raise ValueError(f"reference: expected (H, W, 3) uint8 RGB, got {reference.shape} {reference.dtype}")
    side = params.resolution or recipe.resolution
    training = train(
        recipe,
        reference_pairs(reference, recipe, side=side, windows=WINDOWS, seed=params.seed),
        reference_pairs(reference, recipe, side=side, windows=_VALIDATION_WINDOWS, seed=params.seed + 1),
        params=params,
        fingerprint=sha256(repr(reference.shape).encode() + reference.tobytes()).hexdigest(),
        work=work,
        dependencies=dependencies,
    )
    checkpoint = None
    for result in training:
        if isinstance(result, TrainingResult):
            checkpoint = result.checkpoint
        elif on_step:
            on_step(result)
    assert checkpoint is not None, "a training ends with TrainingResult"
    return SnappedColorizer(TrainedColorizer.load(checkpoint, device=params.device))


def reference_pairs(reference: np.ndarray, recipe: Recipe, *, side: int, windows: int, seed: int) -> Pairs:
    """The whole picture and random windows of it, resized to squares, with the variant of the recipe.

    Each side of a window is U(MIN_SHARE, 1) of the picture's, drawn separately, at a random place.
    """
    random = np.random.default_rng(seed)
    height, width = reference.shape[:2]
    pictures = [resize_square(reference, side)]
    for _ in range(windows - 1):
        rows, columns = (max(1, round(length * random.uniform(MIN_SHARE, 1))) for length in (height, width))
        top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
        pictures.append(resize_square(reference[top : top + rows, left : left + columns], side))
    color = np.stack(pictures)
    return Pairs(
        color=color,
        variant=derive(recipe.arrays, color, VariantParams()),
        panel_ids=tuple(f"reference__{number:04d}" for number in range(windows)),
        titles=("reference",) * windows,
    )
