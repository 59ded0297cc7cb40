"""Settings of an installation: what a run sets explicitly, standing settings, defaults; and the names of before."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets.settings import SettingsError, StandingSettings, load_settings
from assets.stages import STAGES
from pipelines.evaluation.params import BenchmarkParams
from pipelines.panels.params import PanelParams
from pipelines.training.params import TrainingParams

Resolve = Callable[..., object]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    """The parameters of a stage for a run with a configuration, over standing settings."""

    def call(stage: str, standing: str, config: dict[str, object]) -> object:
        (tmp_path / "settings.yaml").write_text(standing)
        found: list[object] = []

        @dg.asset(name=stage, config_schema=STAGES[stage].config_schema)
        def asset(context: dg.AssetExecutionContext, settings: StandingSettings) -> None:
            found.append(settings.params(context, STAGES[stage].params))

        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize(
                [asset],
                run_config={"ops": {stage: {"config": config}}} if config else None,
                resources={"settings": StandingSettings(path=str(tmp_path / "settings.yaml"))},
                instance=instance,
            )
        return found[0]

    return call


def test_an_explicit_setting_that_equals_the_default_has_precedence(resolve):
    default = PanelParams().min_side_px
    standing = f"panels: {{min_side_px: {default + 50}, max_side_px: 900}}"
    assert resolve("panels", standing, {}) == PanelParams(min_side_px=default + 50, max_side_px=900)
    assert resolve("panels", standing, {"min_side_px": default}) == PanelParams(max_side_px=900)
    assert resolve("panels", standing, {"layout": "auto"}) == PanelParams(min_side_px=default + 50, max_side_px=900)


def test_an_explicit_nothing_has_precedence(resolve):
    standing = "evaluation: {max_pictures: 8, resolution: 64}"
    assert resolve("evaluation", standing, {"max_pictures": None}) == BenchmarkParams(resolution=64)


def test_an_explicit_budget_replaces_a_standing_one_of_another_kind(resolve):
    standing = "colorizer: {steps: 100, batch: 4}"
    assert resolve("colorizer", standing, {"pictures": 50}) == TrainingParams(pictures=50, batch=4)
    assert resolve("colorizer", standing, {"batch": 8}) == TrainingParams(steps=100, batch=8)


def test_evaluation_and_leaderboard_use_one_setting(resolve):
    standing = "evaluation: {resolution: 64, draws: 1}"
    wanted = BenchmarkParams(resolution=64, draws=1)
    assert [resolve(stage, standing, {}) for stage in ("evaluation", "leaderboard")] == [wanted, wanted]


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text)
    return path


def test_a_former_leaderboard_section_must_agree_with_evaluation(tmp_path):
    same = written(tmp_path, "evaluation: &one {resolution: 64}\nleaderboard: *one")
    assert load_settings(same) == {"evaluation": {"resolution": 64}}
    assert load_settings(written(tmp_path, "leaderboard: {}")) == {}
    for text in ("evaluation: {resolution: 64}\nleaderboard: {}", "leaderboard: {resolution: 64}"):
        with pytest.raises(SettingsError, match=r"leaderboard and evaluation differ.*set it under evaluation"):
            load_settings(written(tmp_path, text))
    with pytest.raises(SettingsError, match=r"leaderboard\.steps: unknown key"):
        load_settings(written(tmp_path, "leaderboard: {steps: 3}"))


def test_former_names_are_understood(tmp_path):
    former = (
        "champion: {least_issues: 1}\ndrift: {least_panels: 2}\n"
        "retraining: {least_change: 0.2, least_change_on_drift: 0.1}"
    )
    assert load_settings(written(tmp_path, former)) == {
        "champion": {"min_issues": 1},
        "drift": {"min_panels": 2},
        "retraining": {"min_change": 0.2, "min_change_on_drift": 0.1},
    }
    with pytest.raises(SettingsError, match=r"champion.least_issues: this is the former name of min_issues"):
        load_settings(written(tmp_path, "champion: {least_issues: 1, min_issues: 2}"))
    with pytest.raises(SettingsError, match="least_issues: unknown key"):
        load_settings(written(tmp_path, "drift: {least_issues: 1}"))
