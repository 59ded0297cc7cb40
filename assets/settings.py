"""Settings by stage, from a YAML file: the same fields as in Dagster's Launchpad, checked before anything runs.

The standing settings of an installation are in `$TINTOON_HOME/settings.yaml`. Schedules, sensors and runs from the UI
use them. What a run sets explicitly, in the Launchpad or by `--config`, has precedence.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
from pydantic import BaseModel, ValidationError

from assets.stages import STAGES
from pipelines.comparison.params import RetrainingParams
from pipelines.yaml import read_yaml

PARAMS_OF: dict[str, type[BaseModel]] = {
    **{stage.settings_key: stage.params for stage in STAGES.values()},
    "retraining": RetrainingParams,
}
"""The parameters of each key of a settings file; `retraining` is no stage, but the weekly schedule's."""

BUDGETS = {"steps", "pictures", "minutes"}
"""A training has one of these: the one that a run sets replaces a standing one."""

RENAMED: Mapping[str, Mapping[str, str]] = {
    "champion": {"least_issues": "min_issues"},
    "drift": {"least_panels": "min_panels"},
    "retraining": {"least_change": "min_change", "least_change_on_drift": "min_change_on_drift"},
}
"""Names of version 0.1.0 in settings files, by key, with the present ones."""

FORMER_BENCHMARK = "leaderboard"
"""A key of version 0.1.0: it repeated the settings of `evaluation`, which both stages use now."""

Settings = dict[str, dict[str, Any]]

_Params = TypeVar("_Params", bound=BaseModel)


class StandingSettings(dg.ConfigurableResource):
    """The standing settings of an installation; no file means none."""

    path: str

    def params(self, context: dg.AssetExecutionContext, kind: type[_Params]) -> _Params:
        """The parameters of the stage that runs: defaults, then the standing settings, then what the run sets.

        Raises SettingsError for a wrong standing setting, pydantic's ValidationError for a wrong one of the run.
        """
        explicit = context.op_execution_context.op_config or {}
        standing = self.of(STAGES[context.asset_key.to_user_string()].settings_key)
        if BUDGETS & explicit.keys():
            standing = {name: value for name, value in standing.items() if name not in BUDGETS}
        return kind(**{**standing, **explicit})

    def of(self, key: str) -> dict[str, Any]:
        """The standing settings below a key."""
        path = Path(self.path)
        return load_settings(path).get(key, {}) if path.exists() else {}


class SettingsError(ValueError):
    """The settings cannot be used: the message names the file, the stage and the key."""


def load_settings(path: Path) -> Settings:
    """Settings by stage. Raises SettingsError for the first wrong one, OSError when there is no such file."""
    settings = read_yaml(path, SettingsError)
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise SettingsError(f"{path}: expected settings by stage, e.g. 'colorizer: {{steps: 300}}'")
    return _without_former_benchmark(path, {stage: _checked(path, stage, found) for stage, found in settings.items()})


def _checked(path: Path, stage: Any, values: Any) -> dict[str, Any]:
    """The values under their present names."""
    params = {**PARAMS_OF, FORMER_BENCHMARK: PARAMS_OF["evaluation"]}.get(stage)
    if params is None:
        raise SettingsError(f"{path}: no stage {stage!r} with settings; there are: {', '.join(PARAMS_OF)}")
    if not isinstance(values, dict):
        example = next(iter(params.model_fields))
        raise SettingsError(f"{path}: {stage}: expected settings, e.g. '{stage}: {{{example}: ...}}'")
    renamed = RENAMED.get(stage, {})
    if twice := {old: new for old, new in renamed.items() if {old, new} <= values.keys()}:
        old, new = next(iter(twice.items()))
        raise SettingsError(f"{path}: {stage}.{old}: this is the former name of {new}, which is set too; remove it")
    values = {renamed.get(name, name): value for name, value in values.items()}
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
    return values


def _without_former_benchmark(path: Path, settings: Settings) -> Settings:
    """The settings without a `leaderboard:` that repeats `evaluation:`. Raises SettingsError where the two differ."""
    if FORMER_BENCHMARK not in settings:
        return settings
    kind = PARAMS_OF["evaluation"]
    former, current = (kind(**settings.get(key, {})) for key in (FORMER_BENCHMARK, "evaluation"))
    if former != current:
        raise SettingsError(
            f"{path}: {FORMER_BENCHMARK} and evaluation differ, but they use one benchmark: set it under evaluation, "
            f"and remove {FORMER_BENCHMARK}"
        )
    return {key: values for key, values in settings.items() if key != FORMER_BENCHMARK}
