"""Settings by stage, from a YAML file: the same fields as in Dagster's Launchpad, checked before anything runs.

An installation's standing settings are in `$TINTOON_HOME/settings.yaml`: schedules, sensors and runs from the UI go by
them. What the Launchpad or `--config` says otherwise than the default goes before them.
"""

from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import yaml
from pydantic import BaseModel, ValidationError

from pipelines.comparison.params import CrossValidationParams, DriftParams, PromotionParams, RetrainingParams
from pipelines.evaluation.params import BenchmarkParams
from pipelines.issue_pages.params import FetchParams
from pipelines.panels.params import PanelParams
from pipelines.params import SplitParams, TrainingSetParams, UniqueParams, VariantParams
from pipelines.training.params import TrainingParams
from pipelines.training.registry import TRAININGS
from pipelines.yaml import read_yaml

PARAMS_OF: dict[str, type[BaseModel]] = {
    "issue_pages": FetchParams,
    "panels": PanelParams,
    "unique_panels": UniqueParams,
    "issue_splits": SplitParams,
    "gray_panels": VariantParams,
    "edge_panels": VariantParams,
    "line_panels": VariantParams,
    "training_set": TrainingSetParams,
    **dict.fromkeys(TRAININGS, TrainingParams),
    "evaluation": BenchmarkParams,
    "leaderboard": BenchmarkParams,
    "champion": PromotionParams,
    "drift": DriftParams,
    "cross_validation": CrossValidationParams,
    "retraining": RetrainingParams,
}
"""What each stage that has settings can be told; `retraining` is no stage, but what the weekly schedule goes by."""

BUDGETS = {"steps", "pictures", "minutes"}
"""A training has one of these: the one that a run is told takes the place of a standing one."""

Settings = dict[str, dict[str, Any]]

_Params = TypeVar("_Params", bound=BaseModel)


class StandingSettings(dg.ConfigurableResource):
    """The standing settings of an installation; no file means none."""

    path: str

    def params(self, stage: str, config: dg.Config, kind: type[_Params]) -> _Params:
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
        if stage not in PARAMS_OF:
            raise SettingsError(f"{path}: no stage {stage!r} with settings; there are: {', '.join(PARAMS_OF)}")
        if not isinstance(values, dict):
            example = next(iter(PARAMS_OF[stage].model_fields))
            raise SettingsError(f"{path}: {stage}: expected settings, e.g. '{stage}: {{{example}: ...}}'")
        _check(path, stage, values)
    return settings


def _check(path: Path, stage: str, values: dict[str, Any]) -> None:
    params = PARAMS_OF[stage]
    try:
        params.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([stage, *(str(part) for part in first["loc"])])
        if first["type"] == "extra_forbidden":
            problem = f"unknown key; expected one of: {', '.join(params.model_fields)}"
        else:
            problem = f"{first['msg']}, found {first['input']!r}"
        raise SettingsError(f"{path}: {place}: {problem}") from None
