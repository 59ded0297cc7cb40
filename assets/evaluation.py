"""The asset `evaluation`: a trained recipe judged on the test split, into its own MLflow run."""

import dagster as dg

from assets.automation import when_inputs_change
from assets.colorizer import colorizer
from assets.display import picture
from assets.partitions import recipes
from assets.progress import progress_of
from assets.resources import Extractors, LakeResource
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
    extractors: Extractors,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """The benchmark: pixels, colour, bleeding, hints, FID and KID, consistency, cost; with pictures that show it."""
    from pipelines.evaluation.gallery import gallery_grid

    result, unchanged = evaluate_tracked(
        context.partition_key,
        settings.rule("evaluation", config, BenchmarkRule),
        lake=lake.open(),
        cache=lake.cache,
        weights=extractors.folder,
        tracking=tracking,
        on_picture=progress_of(context.log),
    )
    worst = result.gallery[result.gallery["kind"] == "worst"]
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(tracking.url_of(str(result.mlflow_run_id))),
            **result.numbers(),
            "pictures": result.pictures,
            "track": result.track,
            "benchmark": result.benchmark_fingerprint,
            "unchanged": unchanged,
            "input | output | truth": picture(result.grid, "input, output, truth"),
            "worst": picture(gallery_grid(worst, result.name), "the worst pictures"),
        },
        data_version=dg.DataVersion(f"{result.checkpoint_digest}:{result.benchmark_fingerprint}"),
    )
