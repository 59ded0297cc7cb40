"""The assets of the group "compare": colorizers evaluated on one benchmark, ranked, and the best of them served."""

import dagster as dg

from assets.display import notices, picture, pictures, table_of
from assets.progress import progress_of
from assets.resources import Extractors, LakeResource, Studies
from assets.settings import StandingSettings
from assets.stages import stage_asset
from assets.tracking.client import Tracking
from assets.tracking.log_cross_validation import log_cross_validation
from assets.tracking.log_evaluation import log_evaluation
from assets.tracking.promote import promote_best
from assets.tracking.publish_leaderboard import publish_leaderboard
from assets.tracking.registry import read_champions
from pipelines.comparison.leaderboards import compare
from pipelines.comparison.new_issues import compare_new_issues
from pipelines.comparison.params import CrossValidationParams, DriftParams, PromotionParams
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import digest_of

SOURCE_ROWS = 100
"""So many rows of the table of sources are shown; MLflow has all of it."""


@stage_asset("evaluation")
def evaluation(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """The benchmark: pixels, colour, bleeding, hints, FID and KID, consistency, cost; with pictures that show it."""
    from pipelines.evaluation.previews import evaluation_previews
    from pipelines.evaluation.sources import sources_table

    opened = lake.open()
    result, unchanged = log_evaluation(
        context.partition_key,
        settings.params(context, BenchmarkParams),
        lake=opened,
        cache=lake.cache,
        weights=extractors.folder,
        tracking=tracking,
        on_picture=progress_of(context.log),
    )
    sources = sources_table(result.sources)
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(tracking.url_of(str(result.mlflow_run_id))),
            **result.numbers(),
            "pictures": result.pictures,
            "track": result.track,
            "benchmark": result.benchmark_fingerprint,
            "unchanged": unchanged,
            "learned from": dg.MetadataValue.text(
                "not known: its training set is not here"
                if result.learned is None
                else f"{len(result.learned)} of them"
            ),
            **({"colours from": table_of(sources.head(SOURCE_ROWS))} if len(sources) else {}),
            **pictures(evaluation_previews(opened, result)),
        },
        data_version=dg.DataVersion(
            ":".join(
                filter(None, (result.checkpoint_digest, result.benchmark_fingerprint, result.references_fingerprint))
            )
        ),
    )


@stage_asset("cross_validation")
def cross_validation(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """Each picture colored by a training that never saw its issue (or its title): how small titles are compared."""
    found = log_cross_validation(
        context.partition_key,
        settings.params(context, CrossValidationParams),
        lake=lake.open(),
        cache=lake.cache,
        extractors=extractors.folder,
        tracking=tracking,
        on_fold=progress_of(context.log),
    )
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(found.url),
            "folds": found.folds,
            "pictures": found.pictures,
            "unchanged": found.unchanged,
            "results": table_of(found.table),
        },
        data_version=dg.DataVersion(found.digest),
    )


@stage_asset("leaderboard")
def leaderboard(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    studies: Studies,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """Every colorizer evaluated on the current benchmark, the best first, with baselines, and an HTML report."""
    from pipelines.comparison.leaderboard import learned_in_words

    params = settings.params(context, BenchmarkParams)
    opened = lake.open()
    found = compare(
        opened,
        params,
        cache=lake.cache,
        weights=extractors.folder,
        champions=read_champions(tracking),
        on_picture=progress_of(context.log),
    )
    plain = [board for board in found.boards if board.references == "none"]  # the others rank the same colorizers
    report = publish_leaderboard(found, opened, studies=studies.url, cache=lake.cache, tracking=tracking)
    return dg.MaterializeResult(
        metadata={
            "colorizers": sum(len(board.colorizers) for board in plain),
            "not comparable": sum(len(board.not_comparable) for board in plain),
            **notices(
                [
                    f"{learned_in_words(row)} are among those it learned from: not ranked; train it again "
                    f"(tintoon run colorizer evaluation leaderboard champion --recipe {row.name})"
                    for board in plain
                    for row in board.learned
                ]
            ),
            "report": dg.MetadataValue.path(report.path),
            "mlflow": dg.MetadataValue.url(report.url),
            "unchanged": found.unchanged,
            **{f"{board.name}: benchmark": board.benchmark_fingerprint for board in found.boards},
            **{f"{board.name}: table": dg.MetadataValue.md(board.to_markdown()) for board in found.boards},
            **{f"{board.name}: picture": picture(board.picture(), "leaderboard") for board in found.boards},
        },
        data_version=dg.DataVersion(found.digest),
    )


@stage_asset("champion")
def champion(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """The colorizer of each track that is served: MLflow's alias `champion`, moved only to a better one."""
    promotions = promote_best(
        lake.open(),
        settings.params(context, PromotionParams),
        cache=lake.cache,
        weights=extractors.folder,
        tracking=tracking,
    )
    return dg.MaterializeResult(
        metadata={
            name: value
            for one in promotions
            for name, value in {
                f"{one.track}: champion": one.version.recipe,
                f"{one.track}: version": one.version.number,
                f"{one.track}: why": one.reason,
                f"{one.track}: mlflow": dg.MetadataValue.url(tracking.url_of(one.version.run_id)),
            }.items()
        }
        | {"unchanged": not any(one.moved for one in promotions)},
        data_version=dg.DataVersion(digest_of([one.version.sha256 for one in promotions])),
    )


@stage_asset("drift")
def drift(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings, tracking: Tracking
) -> dg.MaterializeResult:
    """New issues against what the champion learned from, in colour, style and lines; titles on which it is weak."""
    from pipelines.comparison.drift_picture import drift_previews

    opened = lake.open()
    found = compare_new_issues(
        opened,
        settings.params(context, DriftParams),
        champions=read_champions(tracking),
        cache=lake.cache,
    )
    weak = {f"{track}: weak spots": table_of(table) for track, table in found.weak.items()}
    if found.report is None:
        return dg.MaterializeResult(metadata={"not compared": found.why_not, "unchanged": found.unchanged, **weak})
    shown = pictures(drift_previews(opened, found.report)) if found.report.issues else {}
    return dg.MaterializeResult(
        metadata={
            "new issues": len(found.report.issues),
            "drifted": len(found.report.drifted),
            "unchanged": found.unchanged,
            "distances": dg.MetadataValue.md(found.report.to_markdown()),
            **({"picture": shown["distances"]} if shown else {}),
            **weak,
        },
        data_version=dg.DataVersion(found.digest),
    )
