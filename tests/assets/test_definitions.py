"""What Dagster sees: assets, jobs, schedules, sensors, and that the two ways to load them agree."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import dagster as dg
import yaml

from assets.automation import weekly_retraining
from assets.definitions import defs
from pipelines.recipes import RECIPES
from studio.materialize import STAGES

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
    graph_of = {job.name: set(map(str, job.nodes_in_topological_order)) for job in defs.resolve_all_job_defs()}
    assert {"collect_issues", "select_panels", "train_colorizers", "compare_colorizers"} <= set(graph_of)


def test_groups_follow_the_flow():
    graph = defs.resolve_asset_graph()
    groups = [graph.get(dg.AssetKey(stage)).group_name for stage in STAGES]
    assert groups == sorted(groups)


def test_retraining_asks_for_every_recipe_once_a_week():
    def keys(day: datetime) -> list[str]:
        context = dg.build_schedule_context(scheduled_execution_time=day)
        return [request.run_key for request in weekly_retraining(context)]

    monday = datetime(2026, 11, 23, 4)
    assert keys(monday) == [f"2026-W48:{recipe}" for recipe in RECIPES]
    assert set(keys(monday)).isdisjoint(keys(datetime(2026, 11, 30, 4)))


def test_the_gpu_pool_holds_one_training():
    assert defs.resolve_asset_graph().get(dg.AssetKey("colorizer")).pools == {"gpu"}
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
