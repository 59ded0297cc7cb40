"""The stages of the lineage, one declaration each.

Assets, groups, partitions, code versions, jobs, settings and the command line follow from this table. To add an
asset, declare its stage here, and write its body (`@stage_asset`) in the file of its group.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Literal

import dagster as dg
from pydantic import BaseModel, create_model

from assets.conditions import when_a_result_arrives, when_inputs_change
from assets.home import Home
from assets.partitions import dependency_links, issues, recipes_of, splits, titles
from pipelines.colorize.params import ReferencesParams
from pipelines.comparison.params import CrossValidationParams, DriftParams, PromotionParams
from pipelines.errors.explain import explain
from pipelines.evaluation.params import BenchmarkParams
from pipelines.issue_pages.params import FetchParams
from pipelines.panels.params import PanelParams
from pipelines.params import SplitParams, TrainingSetParams, UniqueParams, VariantParams
from pipelines.training.params import TrainingParams
from pipelines.training.registry import TRAININGS

Owner = Literal["team:data", "team:models"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage: its asset, its place in the lineage, and the parameters that a run can set."""

    name: str
    group: Literal["1_collect", "2_select", "3_dataset", "4_train", "5_compare"]
    """The group in the UI; the file of the asset's body has the same name."""
    job: str
    """The job that materializes it, of `assets/jobs.py`."""
    params: type[BaseModel]
    kinds: set[str]
    owner: Owner
    deps: tuple[str, ...] = ()
    """The stages that it reads; a training stage also depends on the trainings that its recipes build on."""
    partitions: Literal["issue", "title", "split", "recipe"] | None = None
    trained_in: str = ""
    """The training stage whose recipes are the partitions; empty: the stage itself."""
    settings: str = ""
    """The key in settings.yaml; empty: the name."""
    pool: str | None = None
    issues_per_run: int | None = None
    """Of a stage of issues: how many of them a backfill takes into one run. Stages of different numbers have runs of
    their own, so that one issue without pages does not keep back the panels of the others."""
    condition: dg.AutomationCondition | None = None
    checks: tuple[dg.AssetCheckSpec, ...] = ()
    is_usual: bool = True
    """False: `tintoon run all` leaves it out."""
    own_version: str = ""
    """The version of the work, where it is not that of the parameters."""

    @property
    def settings_key(self) -> str:
        """The key in settings.yaml."""
        return self.settings or self.name

    @property
    def training_stage(self) -> str:
        """The key of `TRAININGS` with the recipes that are its partitions."""
        return self.trained_in or self.name

    @property
    def code_version(self) -> str:
        """The version of the work: another one marks the asset as "code changed" in the UI."""
        return self.own_version or vars(self.params)["code_version"]

    @property
    def partitions_def(self) -> dg.PartitionsDefinition | None:
        """The partitions; None where there are none."""
        if self.partitions == "recipe":
            return recipes_of(self.training_stage)
        return {"issue": issues, "title": titles, "split": splits, None: None}[self.partitions]

    @property
    def asset_deps(self) -> list[dg.AssetDep]:
        """The dependencies as Dagster takes them."""
        return [*map(dg.AssetDep, self.deps), *(dependency_links(self.name) if self.name in TRAININGS else ())]

    @property
    def config_schema(self) -> dict[str, dg.Field]:
        """The parameters as fields of the Launchpad.

        Without default values: a field that a run leaves out stays out, so that a standing setting can fill it.
        """
        return _fields_of(self.params)


@cache
def _fields_of(params: type[BaseModel]) -> dict[str, dg.Field]:
    # dg.Config knows which of Dagster's types each annotation is.
    config: Any = create_model(params.__name__, __base__=(dg.Config, params))
    defaults = {name: field.get_default(call_default_factory=True) for name, field in config.model_fields.items()}
    return {
        name: dg.Field(
            field.config_type, is_required=False, description=f"{field.description} Default: {defaults[name]!r}."
        )
        for name, field in config.to_fields_dict().items()
    }


def _variants(kind: str, kinds: set[str]) -> Stage:
    return Stage(
        name=f"{kind}_panels",
        group="3_dataset",
        job="make_variants",
        params=VariantParams,
        kinds=kinds,
        owner="team:data",
        deps=("issue_splits",),
        partitions="split",
        condition=when_inputs_change,
    )


def _training(name: str, job: str) -> Stage:
    return Stage(
        name=name,
        group="4_train",
        job=job,
        params=TrainingParams,
        kinds={"torch", "mlflow"},
        owner="team:models",
        deps=("training_set",),
        partitions="recipe",
        pool="gpu",
    )


_DECLARED = (
    Stage(
        name="issue_pages",
        group="1_collect",
        job="collect_issues",
        params=FetchParams,
        kinds={"requests", "parquet"},
        owner="team:data",
        partitions="issue",
        pool="sources",  # one run at a time: hosts see one connection, and pauses between requests
        issues_per_run=100,
    ),
    Stage(
        name="panels",
        group="1_collect",
        job="cut_panels",
        params=PanelParams,
        kinds={"opencv", "parquet"},
        owner="team:data",
        deps=("issue_pages",),
        partitions="issue",
        pool="cores",  # one run at a time: it works on as many issues at once as there are cores
        issues_per_run=200,
    ),
    Stage(
        name="unique_panels",
        group="2_select",
        job="select_panels",
        params=UniqueParams,
        kinds={"numba", "parquet"},
        owner="team:data",
        deps=("panels",),
    ),
    Stage(
        name="issue_splits",
        group="2_select",
        job="select_panels",
        params=SplitParams,
        kinds={"pandas", "parquet"},
        owner="team:data",
        deps=("unique_panels",),
        checks=(
            dg.AssetCheckSpec(
                "no_lookalikes_across_splits",
                asset="issue_splits",
                blocking=True,
                description="No panel looks like one of another split, upright or mirrored, by colour thumbnails.",
            ),
        ),
    ),
    _variants("gray", {"opencv", "numpy"}),
    _variants("edge", {"opencv", "numpy"}),
    _variants("line", {"opencv", "numpy"}),
    Stage(
        name="training_set",
        group="3_dataset",
        job="freeze_training_set",
        params=TrainingSetParams,
        kinds={"numpy", "json"},
        owner="team:data",
        deps=("gray_panels", "edge_panels", "line_panels"),
        condition=when_inputs_change,
    ),
    Stage(
        name="references",
        group="3_dataset",
        job="index_references",
        params=ReferencesParams,
        kinds={"torch", "safetensors"},
        owner="team:data",
        deps=("issue_splits",),
        partitions="title",
        condition=when_inputs_change,
    ),
    _training("title_classifier", "train_title_classifiers"),
    _training("line_detector", "train_line_detector"),
    _training("draft", "train_drafts"),
    _training("colorizer", "train_colorizers"),
    Stage(
        name="evaluation",
        group="5_compare",
        job="train_colorizers",
        params=BenchmarkParams,
        kinds={"torch", "mlflow"},
        owner="team:models",
        deps=("colorizer", "training_set"),
        partitions="recipe",
        trained_in="colorizer",
        pool="gpu",
        condition=when_inputs_change,
    ),
    Stage(
        name="leaderboard",
        group="5_compare",
        job="compare_colorizers",
        params=BenchmarkParams,
        settings="evaluation",  # both go by one benchmark
        kinds={"json", "mlflow"},
        owner="team:models",
        deps=("evaluation", "training_set"),
        condition=when_a_result_arrives,
        own_version="3",
    ),
    Stage(
        name="champion",
        group="5_compare",
        job="compare_colorizers",
        params=PromotionParams,
        kinds={"mlflow"},
        owner="team:models",
        deps=("leaderboard",),
        condition=when_a_result_arrives,
    ),
    Stage(
        name="drift",
        group="5_compare",
        job="select_panels",  # the weekly schedule reads it beside the splits
        params=DriftParams,
        kinds={"opencv"},
        owner="team:models",
        deps=("unique_panels",),
    ),
    Stage(
        name="cross_validation",
        group="5_compare",
        job="cross_validate",
        params=CrossValidationParams,
        kinds={"torch", "mlflow"},
        owner="team:models",
        deps=("training_set",),
        partitions="recipe",
        trained_in="colorizer",
        pool="gpu",
        is_usual=False,  # it trains each recipe several times
    ),
)

STAGES = {stage.name: stage for stage in _DECLARED}
"""Every stage by name, in the order of the lineage."""


def stage_asset(name: str, *, description: str | None = None) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorates the body of a stage's asset; all but the body and its description is declared in `STAGES`."""
    stage = STAGES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # of `backfill_policy`, which is years old
        declared = _declared(stage, description)
    return lambda body: declared(_explained(body))


def _declared(stage: Stage, description: str | None) -> Callable[..., dg.AssetsDefinition]:
    return dg.asset(
        name=stage.name,
        description=description,
        deps=stage.asset_deps,
        partitions_def=stage.partitions_def,
        pool=stage.pool,
        group_name=stage.group,
        kinds=stage.kinds,
        owners=[stage.owner],
        code_version=stage.code_version,
        automation_condition=stage.condition,
        config_schema=stage.config_schema,
        dagster_type=dg.Nothing,  # pyright: ignore[reportArgumentType]  as documented: IO managers have nothing to do
        check_specs=stage.checks,
        backfill_policy=dg.BackfillPolicy.multi_run(stage.issues_per_run) if stage.issues_per_run else None,
    )


def _explained(body: Callable[..., Any]) -> Callable[..., Any]:
    """The body of an asset, whose failure says in one line what the machine refused, such as space on a disk."""

    @wraps(body)
    def explained(*args: Any, **resources: Any) -> Any:
        try:
            return body(*args, **resources)
        except Exception as error:
            if line := explain(error, home=Home.of().root):
                raise dg.Failure(line) from error
            raise

    return explained
