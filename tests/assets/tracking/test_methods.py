"""Untrained methods go the way of every recipe: checkpoint, run, evaluation, leaderboard, champion, card, transfer."""

from pathlib import Path

import pytest

from assets.tracking.log_evaluation import log_evaluation
from assets.tracking.log_training import log_training
from assets.tracking.model_card import card_path
from assets.tracking.registry import Registry
from assets.tracking.transfer import export_results, import_results
from assets.tracking.versions import champion_checkpoint
from models.recipes import recipe_of
from pipelines.colorize.levin import LevinColorizer
from pipelines.colorize.load import load_colorizer
from pipelines.training.params import TrainingParams
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import load_record
from pipelines.training.store import read_record
from tests.assets.tinted import QUICK, Installation, small_installation
from tests.pipelines.conftest import WriteLake, write_lake

__all__ = ["write_lake"]

BENCHMARK = QUICK.model_copy(update={"hint_counts": [10]})
NAME = "levin_hints"


@pytest.fixture
def here(tmp_path: Path, write_lake: WriteLake) -> Installation:
    return small_installation(tmp_path / "here", write_lake)


def log(here: Installation, **params: int) -> tuple[TrainingRecord, bool]:
    return log_training(
        recipe_of(NAME),
        TrainingParams(**params),
        lake=here.lake,
        cache=here.cache,
        extractors=here.root / "weights",
        tracking=here.tracking,
        tags={},
        on_step=lambda done, total: None,
    )


def evaluate(here: Installation) -> tuple[float, bool]:
    """The CIEDE2000 with ten hints as a share of that without, and True where the evaluation was there."""
    result, unchanged = log_evaluation(
        NAME,
        BENCHMARK,
        lake=here.lake,
        cache=here.cache,
        weights=here.root / "weights",
        tracking=here.tracking,
        on_picture=lambda done, total: None,
    )
    return result.curve[10]["ciede2000"] / result.curve[0]["ciede2000"], unchanged


def test_a_method_goes_the_way_of_every_recipe(here: Installation, tmp_path: Path):
    record, unchanged = log(here)
    assert not unchanged
    assert log(here, steps=9, batch=2) == (record, True), "the pace of a training changes no method"
    run = here.tracking.client().get_run(record.mlflow_run_id)
    assert (run.info.run_name, run.info.status) == (NAME, "FINISHED")
    assert run.data.params["objective.method"] == "LevinPropagation"

    gained, unchanged = evaluate(here)
    assert gained < 0.9
    assert not unchanged
    assert evaluate(here)[1]

    (board,) = [board for board in here.compare(BENCHMARK).boards if board.colorizers]
    assert [row.name for row in board.colorizers] == [NAME]
    (promotion,) = here.promote()
    assert promotion.moved
    assert promotion.version.recipe == NAME
    loaded = load_colorizer(champion_checkpoint(here.lake, cache=here.cache, store=here.tracking.uri))
    assert isinstance(loaded, LevinColorizer)
    card = card_path(here.lake, Registry(here.tracking, "gray"), promotion.version).read_text()
    assert "Levin, Lischinski and Weiss" in card
    assert "Sees gray pictures; takes hints" in card

    (folder,) = export_results([NAME], tmp_path / "results", here.lake, cache=here.cache, tracking=here.tracking)
    assert load_record(folder).checkpoint_sha256 == record.checkpoint_sha256
    there = Installation(tmp_path / "there")
    assert import_results(tmp_path / "results", there.lake, tracking=there.tracking) == [(NAME, "imported")]
    assert read_record(there.lake, NAME).best_validation is None
