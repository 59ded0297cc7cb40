"""A lake with a training set, and an MLflow store: what a training is given."""

from pathlib import Path

import pytest

from assets.tracking.client import Tracking
from pipelines.lake import Lake
from pipelines.params import TrainingSetParams, VariantParams
from pipelines.training_set import build_training_set
from pipelines.variants import KINDS, build_variant
from tests.pipelines.conftest import small_lake, write_lake
from tests.prepared import copy_mlflow_store

__all__ = ["small_lake", "write_lake"]


@pytest.fixture
def trained_on(small_lake: Lake) -> Lake:
    """A small lake with a training set of 32 pixels: train 5 pictures of two titles, val 2 of one of them, test 3."""
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, small_lake, VariantParams(resolutions=[32]))
    build_training_set(small_lake, TrainingSetParams())
    return small_lake


@pytest.fixture
def tracking(tmp_path: Path) -> Tracking:
    """A store of its own."""
    copy_mlflow_store(tmp_path / "mlflow.db")
    return Tracking(
        uri=f"sqlite:///{tmp_path / 'mlflow.db'}",
        artifacts=(tmp_path / "artifacts").as_uri(),
        ui="http://127.0.0.1:5000",
        dagster_ui="http://127.0.0.1:3000",
    )
