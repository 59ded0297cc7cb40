"""A training set whose test split has pictures, and colorizers whose results are known by hand."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipelines.lake import Lake
from pipelines.training_set import TrainingSet, TrainingSetRule, build_training_set
from pipelines.variants import KINDS, VariantRule, build_variant


class Tint:
    """Adds a fixed colour to the gray picture; under `line` it is a colorizer of lines."""

    def __init__(self, name: str, shift: tuple[int, int, int], variant: str = "gray") -> None:
        self.name, self.variant, self.shift = name, variant, shift

    def colorize(self, picture: np.ndarray, **given: object) -> np.ndarray:
        return np.clip(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB).astype(int) + self.shift, 0, 255).astype(np.uint8)

    def colorize_batch(self, pictures: np.ndarray, **given: object) -> np.ndarray:
        return np.stack([self.colorize(picture) for picture in pictures])


@pytest.fixture
def tint() -> Callable[..., Tint]:
    return Tint


def freeze(lake: Lake) -> TrainingSet:
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, VariantRule(resolutions=[32, 64]))
    build_training_set(lake, TrainingSetRule())
    return TrainingSet.open(lake)


@pytest.fixture
def freeze_lake() -> Callable[[Lake], TrainingSet]:
    return freeze


@pytest.fixture
def training_set(small_lake: Lake) -> TrainingSet:
    return freeze(small_lake)
