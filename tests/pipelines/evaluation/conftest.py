"""A training set whose test split has pictures, and colorizers whose results are known by hand."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from pipelines.params import TrainingSetParams, VariantParams
from pipelines.training_set import TrainingSet, build_training_set
from pipelines.variants import KINDS, build_variant

SMALL = BenchmarkParams(resolution=64, extractor="none", latency_sides=[], page=False)
"""A benchmark in moments: no networks, no clocks."""


class Tint:
    """Adds a fixed colour to the gray picture; under `line` it is a colorizer of lines. With hints, their mean."""

    takes_references = False

    def __init__(
        self, name: str, shift: tuple[int, int, int], variant: str = "gray", *, takes_hints: bool = False
    ) -> None:
        self.name, self.variant, self.shift, self.takes_hints = name, variant, shift, takes_hints

    def colorize(self, picture: np.ndarray, *, hint=None, title=None, references=None) -> np.ndarray:
        rgb = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB).astype(int) + self.shift
        if hint is not None:
            for point in hint.points:
                x, y = int(point.x * rgb.shape[1]), int(point.y * rgb.shape[0])
                rgb[y - 2 : y + 2, x - 2 : x + 2] = point.rgb
        return np.clip(rgb, 0, 255).astype(np.uint8)

    def colorize_batch(self, pictures: np.ndarray, *, hints=None, titles=None, references=None) -> np.ndarray:
        hints = hints or [None] * len(pictures)
        return np.stack([self.colorize(picture, hint=hint) for picture, hint in zip(pictures, hints, strict=True)])


@pytest.fixture
def tint() -> Callable[..., Tint]:
    return Tint


def freeze(lake: Lake) -> TrainingSet:
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, VariantParams(resolutions=[32, 64]))
    build_training_set(lake, TrainingSetParams())
    return TrainingSet.open(lake)


@pytest.fixture
def freeze_lake() -> Callable[[Lake], TrainingSet]:
    return freeze


@pytest.fixture
def training_set(small_lake: Lake) -> TrainingSet:
    return freeze(small_lake)
