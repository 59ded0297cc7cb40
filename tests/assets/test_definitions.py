"""Definitions: assets, jobs, schedules and sensors, the same for each of the two ways to load them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import create_run_for_test

from assets.automation import SCHEDULES, SENSORS, weekly_retraining
from assets.definitions import defs
from assets.failed_trainings import RECIPE_TAG, TRAINING_SET_TAG
from assets.home import Home
from assets.jobs import JOBS
from assets.resources import default_resources
from assets.stages import STAGES
from pipelines.training.registry import TRAININGS, trained_by, with_dependencies
from tests.assets.tinted import freeze
from tests.prepared import copy_mlflow_store

PROJECT = Path(__file__).resolve().parents[2]


def test_every_asset_says_what_it_is():
    for asset in defs.resolve_asset_graph().materializable_asset_keys:
        node = defs.resolve_asset_graph().get(asset)
        assert node.description, asset
        assert node.owners, asset
        assert node.kinds, asset
        assert node.group_name[0].isdigit(), asset


def test_the_command_line_knows_every_stage_in_the_order_of_the_lineage():
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == set(STAGES)
    order = [key.to_user_string() for key in graph.toposorted_asset_keys]
    for stage in STAGES:
        for parent in graph.get(dg.AssetKey(stage)).parent_keys:
            assert list(STAGES).index(parent.to_user_string()) < list(STAGES).index(stage), (parent, stage)
    assert len(order) == len(STAGES)


def test_jobs_cover_every_stage_once():
    graph_of = {job.name: {node.name for node in job.nodes_in_topological_order} for job in defs.resolve_all_job_defs()}
    assert graph_of["collect_issues"] == {"issue_pages"}
    assert graph_of["cut_panels"] == {"panels"}
    assert graph_of["select_panels"] == {"unique_panels", "issue_splits", "drift"}  # the weekly schedule reads all
    assert graph_of["train_colorizers"] == {"colorizer", "evaluation"}
    assert graph_of["compare_colorizers"] == {"leaderboard", "champion"}
    stages = [stage for name, found in graph_of.items() if not name.startswith("__") for stage in found]
    assert sorted(stages) == sorted(STAGES)


def test_groups_follow_the_flow():
    graph = defs.resolve_asset_graph()
    groups = [graph.get(dg.AssetKey(stage)).group_name for stage in STAGES]
    assert groups == sorted(groups)


MONDAY, NEXT_MONDAY = datetime(2026, 11, 23, 4), datetime(2026, 11, 30, 4)

Ask = Callable[..., tuple[dict[str, str | None], str]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """The partitions that the weekly schedule asks for, by run key; or none, and the reason."""
    monkeypatch.setenv("DAGSTER_HOME", "")  # `prepare` sets it, and it is put back afterwards
    copy_mlflow_store(tmp_path / "mlflow" / "mlflow.db")
    home = Home.of({"TINTOON_HOME": str(tmp_path)})
    home.prepare()
    resources = {name: found for name, found in default_resources(home).items() if name in weekly_needs}
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:

        def call(day: datetime = MONDAY) -> tuple[dict[str, str | None], str]:
            context = dg.build_schedule_context(instance, scheduled_execution_time=day, resources=resources)
            found = list(weekly_retraining(context))
            if isinstance(found[0], dg.SkipReason):
                assert len(found) == 1
                return {}, str(found[0].skip_message)
            whys = {request.tags["tintoon/why"] for request in found}
            assert len(whys) == 1
            return {request.run_key: request.partition_key for request in found}, whys.pop()

        yield call


weekly_needs = ("lake", "settings", "tracking")


def test_retraining_waits_for_a_training_set(ask):
    assert ask() == ({}, "there is no training set yet: materialize it first")


def test_retraining_asks_for_the_chosen_recipes_once_a_week_in_the_order_of_need(ask, tmp_path, small_lake):
    freeze(small_lake)
    week = {"2026-W48:webtoon_l2": "webtoon_l2", "2026-W48:frames_gan_gray": "frames_gan_gray"}
    assert ask() == (week, "nothing was trained yet")
    assert ask()[0].keys().isdisjoint(ask(NEXT_MONDAY)[0])
    (tmp_path / "settings.yaml").write_text("retraining: {recipes: [two_stage, frames_convnet_gray]}")
    assert list(ask()[0].items()) == [
        ("2026-W48:line_detector", None),
        ("2026-W48:two_stage_draft", "two_stage"),
        ("2026-W48:frames_convnet_gray", "frames_convnet_gray"),
        ("2026-W48:two_stage", "two_stage"),
    ]


def test_a_recipe_whose_trainings_always_fail_is_not_asked_for_every_week(ask, tmp_path, small_lake):
    fingerprint = freeze(small_lake)
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        for failures in (1, 2):
            tags = {RECIPE_TAG: "webtoon_l2", TRAINING_SET_TAG: fingerprint}
            create_run_for_test(instance, status=dg.DagsterRunStatus.FAILURE, tags=tags)
            asked, why = ask()
            assert ("2026-W48:webtoon_l2" in asked) == (failures < 2)
            assert "2026-W48:frames_gan_gray" in asked
    assert why.startswith("nothing was trained yet; left out: webtoon_l2, because the training of webtoon_l2 failed 2")
    (tmp_path / "settings.yaml").write_text("retraining: {recipes: [webtoon_l2]}")
    asked, why = ask()
    assert asked == {}
    assert "mend it, and train by hand (tintoon run colorizer --recipe webtoon_l2)" in why


def test_what_runs_by_itself_starts_switched_off():
    assert {schedule.default_status for schedule in SCHEDULES} == {dg.DefaultScheduleStatus.STOPPED}
    assert {sensor.default_status for sensor in SENSORS} == {dg.DefaultSensorStatus.STOPPED}


def test_what_others_need_is_trained_by_another_job_with_a_higher_priority():
    priorities = {asset: int(JOBS[STAGES[asset].job].tags["dagster/priority"]) for asset in TRAININGS}
    assert list(priorities.values()) == sorted(priorities.values(), reverse=True)
    for asset, partitions in TRAININGS.items():
        for recipe in partitions.values():
            for need in recipe.needs:
                assert priorities[trained_by(need.recipe)[0]] > priorities[asset]


def test_the_graph_links_each_partition_with_those_that_it_needs():
    """Of every recipe of every paper: its need is a partition of another asset, which leads to it and to no other."""
    graph = defs.resolve_asset_graph()
    for asset, partitions in TRAININGS.items():
        node = graph.get(dg.AssetKey(asset))
        assert {key.to_user_string() for key in node.parent_keys} == {
            "training_set",
            *(trained_by(need.recipe)[0] for recipe in partitions.values() for need in recipe.needs),
        }
        for partition, recipe in partitions.items():
            if partition is None:
                continue
            needed = {trained_by(need.recipe) for need in recipe.needs}
            for other in set(TRAININGS) & {key.to_user_string() for key in node.parent_keys}:
                if None in TRAININGS[other]:
                    continue
                mapping = node.partition_mappings[dg.AssetKey(other)]
                upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(
                    node.partitions_def.subset_with_partition_keys([partition]),
                    node.partitions_def,
                    graph.get(dg.AssetKey(other)).partitions_def,
                    current_time=None,
                    dynamic_partitions_store=None,
                )
                wanted = {key for found, key in needed if found == other}
                assert set(upstream.partitions_subset.get_partition_keys()) == wanted, (asset, partition)


def test_needs_come_before_what_needs_them():
    assert with_dependencies(["webtoon_l2"]) == ["webtoon_l2"]
    assert with_dependencies(["two_stage"]) == ["line_detector", "two_stage_draft", "two_stage"]
    assert with_dependencies(["line_detector", "two_stage", "two_stage"]) == [
        "line_detector",
        "two_stage_draft",
        "two_stage",
    ]
    assert trained_by("two_stage_draft") == ("draft", "two_stage")
    assert trained_by("line_detector") == ("line_detector", None)
    assert trained_by("vgg16_gray") == ("title_classifier", "vgg16_gray")
    with pytest.raises(ValueError, match="no recipe 'nobody'"):
        with_dependencies(["nobody"])


def test_the_gpu_pool_holds_one_training():
    for asset in (*TRAININGS, "evaluation"):
        assert defs.resolve_asset_graph().get(dg.AssetKey(asset)).pools == {"gpu"}
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert settings["concurrency"]["pools"]["default_limit"] == 1


def test_the_workspace_loads():
    found = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "tintoon" in found.stdout + found.stderr
