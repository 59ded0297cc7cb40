"""The assets `leaderboard` and `champion`: colorizers compared on one benchmark, and the best of them served."""

import dagster as dg

from assets.automation import when_a_result_arrives
from assets.comparison import compare
from assets.crowning import crown_best
from assets.display import picture
from assets.evaluation import BenchmarkConfig, evaluation
from assets.progress import progress_of
from assets.published_report import publish
from assets.resources import Extractors, LakeResource, Studies
from assets.settings import StandingSettings
from assets.tracking import Tracking
from assets.training_set import training_set
from pipelines.evaluation.promotion import PromotionRule
from pipelines.evaluation.rule import BenchmarkRule
from pipelines.lake import digest_of


class PromotionConfig(dg.Config, PromotionRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """When a challenger takes the champion's place."""


@dg.asset(
    deps=[evaluation, training_set],
    group_name="5_compare",
    kinds={"json", "mlflow"},
    owners=["team:models"],
    code_version="2",
    automation_condition=when_a_result_arrives,
)
def leaderboard(
    context: dg.AssetExecutionContext,
    config: BenchmarkConfig,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    studies: Studies,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """Every colorizer that was judged on the current benchmark, the best first, with floors, and an HTML report."""
    rule = settings.rule("leaderboard", config, BenchmarkRule)
    opened = lake.open()
    found = compare(
        opened,
        rule,
        cache=lake.cache,
        weights=extractors.folder,
        tracking=tracking,
        on_picture=progress_of(context.log),
    )
    report = publish(found, opened, studies=studies.url, tracking=tracking)
    return dg.MaterializeResult(
        metadata={
            "colorizers": sum(len(board.colorizers) for board in found.boards),
            "not comparable": sum(len(board.not_comparable) for board in found.boards),
            "report": dg.MetadataValue.path(report.path),
            "mlflow": dg.MetadataValue.url(report.url),
            "unchanged": found.unchanged,
            **{f"{board.track}: benchmark": board.benchmark_fingerprint for board in found.boards},
            **{f"{board.track}: table": dg.MetadataValue.md(board.to_markdown()) for board in found.boards},
            **{f"{board.track}: picture": picture(board.picture(), "leaderboard") for board in found.boards},
        },
        data_version=dg.DataVersion(found.digest),
    )


@dg.asset(
    deps=[leaderboard],
    group_name="5_compare",
    kinds={"mlflow"},
    owners=["team:models"],
    code_version="2",
    automation_condition=when_a_result_arrives,
)
def champion(
    config: PromotionConfig,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """The colorizer of each track that is served: MLflow's alias `champion`, moved only to a better one."""
    crowned = crown_best(
        lake.open(),
        settings.rule("champion", config, PromotionRule),
        cache=lake.cache,
        weights=extractors.folder,
        tracking=tracking,
    )
    return dg.MaterializeResult(
        metadata={
            name: value
            for one in crowned
            for name, value in {
                f"{one.track}: champion": one.version.recipe,
                f"{one.track}: version": one.version.number,
                f"{one.track}: why": one.reason,
                f"{one.track}: mlflow": dg.MetadataValue.url(tracking.url_of(one.version.run_id)),
            }.items()
        }
        | {"unchanged": not any(one.moved for one in crowned)},
        data_version=dg.DataVersion(digest_of([one.version.sha256 for one in crowned])),
    )
