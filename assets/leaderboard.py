"""The assets `leaderboard` and `champion`: colorizers compared on one benchmark, and the best of them served."""

import dagster as dg

from assets.automation import when_a_result_arrives
from assets.comparison import compare
from assets.crowning import crown_best
from assets.display import picture
from assets.evaluation import BenchmarkConfig, evaluation
from assets.progress import progress_of
from assets.resources import LakeResource
from assets.settings import StandingSettings
from assets.tracking import Tracking
from assets.training_set import training_set
from pipelines.evaluation.rule import BenchmarkRule


@dg.asset(
    deps=[evaluation, training_set],
    group_name="5_compare",
    kinds={"json"},
    owners=["team:models"],
    code_version="1",
    automation_condition=when_a_result_arrives,
)
def leaderboard(
    context: dg.AssetExecutionContext, config: BenchmarkConfig, lake: LakeResource, settings: StandingSettings
) -> dg.MaterializeResult:
    """Every colorizer that was judged on the current benchmark, the best first, with the floor that it must beat."""
    rule = settings.rule("leaderboard", config, BenchmarkRule)
    report = compare(lake.open(), rule, cache=lake.cache, on_picture=progress_of(context.log))
    board = report.leaderboard
    return dg.MaterializeResult(
        metadata={
            "colorizers": sum(not row.is_floor for row in board.rows),
            "not comparable": len(board.not_comparable),
            "benchmark": board.benchmark_fingerprint,
            "unchanged": report.unchanged,
            "table": dg.MetadataValue.md(board.to_markdown()),
            "picture": picture(board.picture(), "leaderboard"),
        },
        data_version=dg.DataVersion(report.digest),
    )


@dg.asset(
    deps=[leaderboard],
    group_name="5_compare",
    kinds={"mlflow"},
    owners=["team:models"],
    code_version="1",
    automation_condition=when_a_result_arrives,
)
def champion(lake: LakeResource, tracking: Tracking) -> dg.MaterializeResult:
    """The colorizer that is served: MLflow's alias `champion`, moved only to a better one on the same benchmark."""
    crowned = crown_best(lake.open(), cache=lake.cache, tracking=tracking)
    return dg.MaterializeResult(
        metadata={
            "champion": crowned.recipe,
            "version": crowned.version,
            "why": crowned.reason,
            "unchanged": not crowned.moved,
            "mlflow": dg.MetadataValue.url(tracking.url_of(crowned.mlflow_run_id)),
        },
        data_version=dg.DataVersion(crowned.checkpoint_sha256),
    )
