"""Settings by stage, from a YAML file: the same fields as in Dagster's Launchpad, checked before anything runs.

An installation's standing settings are in `$TINTOON_HOME/settings.yaml`: schedules, sensors and runs from the UI go by
them. What the Launchpad or `--config` says otherwise than the default goes before them.
"""

from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import yaml
from pydantic import BaseModel, ValidationError

from pipelines.comparison.params import CrossValidationRule, DriftRule, PromotionRule, RetrainingRule
from pipelines.evaluation.params import BenchmarkRule
from pipelines.issue_pages.params import Politeness
from pipelines.panels.params import PanelRule
from pipelines.params import SplitRule, TrainingSetRule, UniqueRule, VariantRule
from pipelines.training.params import TrainingRule
from pipelines.training.registry import TRAININGS
from pipelines.yaml import read_yaml

RULES: dict[str, type[BaseModel]] = {
    "issue_pages": Politeness,
    "panels": PanelRule,
    "unique_panels": UniqueRule,
    "issue_splits": SplitRule,
    "gray_panels": VariantRule,
    "edge_panels": VariantRule,
    "line_panels": VariantRule,
    "training_set": TrainingSetRule,
    **dict.fromkeys(TRAININGS, TrainingRule),
    "evaluation": BenchmarkRule,
    "leaderboard": BenchmarkRule,
    "champion": PromotionRule,
    "drift": DriftRule,
    "cross_validation": CrossValidationRule,
    "retraining": RetrainingRule,
}
"""What each stage that has settings can be told; `retraining` is no stage, but what the weekly schedule goes by."""

BUDGETS = {"steps", "pictures", "minutes"}
"""A training has one of these: the one that a run is told takes the place of a standing one."""

Settings = dict[str, dict[str, Any]]

_Rule = TypeVar("_Rule", bound=BaseModel)


class StandingSettings(dg.ConfigurableResource):
    """The standing settings of an installation; no file means none."""

    path: str

    def rule(self, stage: str, config: dg.Config, kind: type[_Rule]) -> _Rule:
        """The rule of a stage: defaults, then the standing settings, then what this run was told.

        Raises SettingsError for a wrong setting.
        """
        defaults = kind().model_dump()
        told = {name: value for name, value in config.model_dump().items() if value != defaults[name]}
        standing = self.of(stage)
        if BUDGETS & told.keys():
            standing = {name: value for name, value in standing.items() if name not in BUDGETS}
        return kind(**{**standing, **told})

    def of(self, stage: str) -> dict[str, Any]:
        """The standing settings of a stage."""
        path = Path(self.path)
        return load_settings(path).get(stage, {}) if path.exists() else {}


class SettingsError(ValueError):
    """The settings cannot be used: the message names the file, the stage and the key."""


def load_settings(path: Path) -> Settings:
    """Settings by stage. Raises SettingsError for the first wrong one, OSError when there is no such file."""
    settings = read_yaml(path, yaml.safe_load, SettingsError)
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise SettingsError(f"{path}: expected settings by stage, e.g. 'colorizer: {{steps: 300}}'")
    for stage, values in settings.items():
        if stage not in RULES:
            raise SettingsError(f"{path}: no stage {stage!r} with settings; there are: {', '.join(RULES)}")
        if not isinstance(values, dict):
            example = next(iter(RULES[stage].model_fields))
            raise SettingsError(f"{path}: {stage}: expected settings, e.g. '{stage}: {{{example}: ...}}'")
        _check(path, stage, values)
    return settings


def _check(path: Path, stage: str, values: dict[str, Any]) -> None:
    rule = RULES[stage]
    try:
        rule.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([stage, *(str(part) for part in first["loc"])])
        if first["type"] == "extra_forbidden":
            problem = f"unknown key; expected one of: {', '.join(rule.model_fields)}"
        else:
            problem = f"{first['msg']}, found {first['input']!r}"
        raise SettingsError(f"{path}: {place}: {problem}") from None
