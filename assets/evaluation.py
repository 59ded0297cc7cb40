"""The asset `evaluation`: a trained recipe judged on the test split, into its own MLflow run."""

import dagster as dg

from assets.automation import when_inputs_change
from assets.colorizer import colorizer
from assets.display import picture
from assets.partitions import recipes
from assets.progress import progress_of
from assets.resources import LakeResource
from assets.settings import StandingSettings
from assets.tracked_evaluation import evaluate_tracked
from assets.tracking import Tracking
from assets.training_set import training_set
from pipelines.evaluation.rule import BenchmarkRule


class BenchmarkConfig(dg.Config, BenchmarkRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """The size of the benchmark."""


@dg.asset(
    partitions_def=recipes,
    deps=[colorizer, training_set],
    pool="gpu",
    automation_condition=when_inputs_change,
    group_name="4_train",
    kinds={"torch", "mlflow"},
    owners=["team:models"],
    code_version="1",
)
def evaluation(
    context: dg.AssetExecutionContext,
    config: BenchmarkConfig,
    lake: LakeResource,
    settings: StandingSettings,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """L1, L2, L2 on ab, CIEDE2000, PSNR and SSIM on the test split, and a grid input / output / truth."""
    result, unchanged = evaluate_tracked(
        context.partition_key,
        settings.rule("evaluation", config, BenchmarkRule),
        lake=lake.open(),
        cache=lake.cache,
        tracking=tracking,
        on_picture=progress_of(context.log),
    )
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(tracking.url_of(str(result.mlflow_run_id))),
            **result.metrics,
            "pictures": result.pictures,
            "benchmark": result.benchmark_fingerprint,
            "unchanged": unchanged,
            "input | output | truth": picture(result.grid, "input, output, truth"),
        },
        data_version=dg.DataVersion(f"{result.checkpoint_digest}:{result.benchmark_fingerprint}"),
    )
