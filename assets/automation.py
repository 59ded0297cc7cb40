"""What runs by itself, and why. Everything here starts switched off; the README says how to switch it on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.partitions import issues
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from assets.tracking.client import Tracking
from assets.tracking.registry import read_champions
from pipelines.comparison.params import RetrainingParams
from pipelines.comparison.retraining import plan_retraining
from pipelines.issue_pages.params import FetchParams
from pipelines.training.registry import TRAININGS

# One issue in one run: the unit of scraping, retry and backfill.
collect_issues = dg.define_asset_job(
    "collect_issues",
    dg.AssetSelection.assets("issue_pages", "panels"),
    description="Fetch an issue's pages and cut its panels.",
)
select_panels = dg.define_asset_job(
    "select_panels",
    dg.AssetSelection.assets("unique_panels", "issue_splits", "drift"),
    description="Drop duplicates, gray and oddly sized panels; give every issue its split; say which look unlike.",
)
make_variants = dg.define_asset_job(
    "make_variants",
    dg.AssetSelection.assets("gray_panels", "edge_panels", "line_panels"),
    description="Gray, edge and line pictures of a split.",
)
freeze_training_set = dg.define_asset_job(
    "freeze_training_set",
    dg.AssetSelection.assets("training_set"),
    description="The arrays that trainings read, with a fingerprint and a datasheet.",
)


def _training_job(name: str, *assets: str, description: str, priority: int) -> Any:
    return dg.define_asset_job(
        name,
        dg.AssetSelection.assets(*assets),
        description=description,
        # A process of its own for each step: a training that is killed takes nothing else with it.
        executor_def=dg.multiprocess_executor.configured(
            {"max_concurrent": 1, "start_method": {"forkserver": {"preload_modules": ["torch", "mlflow"]}}}
        ),
        # What others need goes first through the pool.
        tags={"dagster/max_retries": "1", "dagster/priority": str(priority)},
    )


TRAINING_JOBS = {
    "title_classifier": _training_job(
        "train_title_classifiers",
        "title_classifier",
        description="Train a network that tells titles, for the recipes that build on it.",
        priority=2,
    ),
    "line_detector": _training_job(
        "train_line_detector",
        "line_detector",
        description="Train the network that draws lines, for the drafts that are judged through it.",
        priority=2,
    ),
    "draft": _training_job(
        "train_drafts", "draft", description="Train the first stage of a two-stage recipe.", priority=1
    ),
    "colorizer": _training_job(
        "train_colorizers",
        "colorizer",
        "evaluation",
        description="Train a recipe and judge it on the test split.",
        priority=0,
    ),
}
"""The job of each training asset."""

cross_validate = _training_job(
    "cross_validate",
    "cross_validation",
    description="Train a recipe once a fold, and judge every picture unseen.",
    priority=-1,
)
compare_colorizers = dg.define_asset_job(
    "compare_colorizers",
    dg.AssetSelection.assets("leaderboard", "champion"),
    description="Rank what was judged on the same benchmark; crown the best.",
)

# A schedule, not eager(): eager() waits for every issue, so one dead page would freeze the dataset.
nightly_selection = dg.ScheduleDefinition(
    name="nightly_selection",
    job=select_panels,
    cron_schedule="0 2 * * *",
    description="Every night: decide on what was collected. What follows from it follows (follow_the_data).",
)


def _weekly(asset: str, name: str, what: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=TRAINING_JOBS[asset],
        cron_schedule="0 4 * * 1",
        description=f"Every Monday, when the training set changed enough: train {what} again. A worse one replaces "
        "nothing.",
    )
    def weekly(
        context: dg.ScheduleEvaluationContext, lake: LakeResource, settings: StandingSettings, tracking: Tracking
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """One run a recipe, one recipe after the other: they share the pool `gpu`."""
        params = RetrainingParams(**settings.of("retraining"))
        champions = read_champions(tracking).values()
        planned = plan_retraining(lake.open(), params, champions=champions, cache=lake.cache)
        context.log.info(planned.reason)
        week = context.scheduled_execution_time.strftime("%G-W%V")
        wanted = {key: recipe.name for key, recipe in TRAININGS[asset].items() if recipe.name in planned.recipes}
        if not wanted:
            yield dg.SkipReason(f"none of these is needed: {planned.reason}" if planned.recipes else planned.reason)
        for partition, name in wanted.items():
            yield dg.RunRequest(
                run_key=f"{week}:{name}", partition_key=partition, tags={"tintoon/why": planned.reason[:200]}
            )

    return weekly


WEEKLY = [
    _weekly("title_classifier", "weekly_title_classifiers", "the title classifiers that the chosen recipes need"),
    _weekly("line_detector", "weekly_line_detector", "the line detector, where a chosen recipe needs it,"),
    _weekly("draft", "weekly_drafts", "the drafts that the chosen recipes need"),
    _weekly("colorizer", "weekly_retraining", "the champions' recipes and the candidates (settings.yaml: retraining)"),
]


@dg.sensor(
    name="new_issues",
    job=collect_issues,
    minimum_interval_seconds=3600,
    description="Every hour: ask the sources which issues exist; register new ones, collect what is not there yet.",
)
def new_issues(
    context: dg.SensorEvaluationContext, lake: LakeResource, catalogue: Catalogue, settings: StandingSettings
) -> dg.SensorResult:
    """New issues become partitions, and each that is not there yet is collected in a run of its own."""
    from pipelines.issue_pages.collect import sync_titles

    params = FetchParams(**settings.of("issue_pages"))
    report = sync_titles(catalogue.titles(), catalogue.sources(params), lake.open())
    for title, problem in report.errors.items():
        context.log.error(f"{title}: {problem}")
    if report.errors and not report.counts:
        raise RuntimeError(f"no title could be listed: {'; '.join(report.errors.values())}")
    known = set(context.instance.get_dynamic_partitions(str(issues.name)))
    new = [key for key in report.keys if key not in known]
    collected = context.instance.get_materialized_partitions(dg.AssetKey("panels"))
    today = datetime.now(UTC).date().isoformat()  # what failed is tried again, once a day
    return dg.SensorResult(
        dynamic_partitions_requests=[issues.build_add_request(new)] if new else [],
        run_requests=[
            dg.RunRequest(run_key=f"{today}:{key}", partition_key=key) for key in report.keys if key not in collected
        ],
    )


follow_the_data = dg.AutomationConditionSensorDefinition(
    "follow_the_data",
    target=dg.AssetSelection.all(),
    description="Variants, the training set and the leaderboard follow what they are made from.",
)

# A failed blocking check stops its own run only; what follows by itself must look at it too.
when_inputs_change = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()

# Not eager(): it waits until every recipe was trained at least once, and a leaderboard of some is worth having.
# A new training set is no result: each recipe is judged on it first.
when_a_result_arrives = (
    dg.AutomationCondition.any_deps_updated().ignore(dg.AssetSelection.assets("training_set")).since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("when a result arrives")

JOBS = [
    *(collect_issues, select_panels, make_variants, freeze_training_set),
    *TRAINING_JOBS.values(),
    cross_validate,
    compare_colorizers,
]
SCHEDULES = [nightly_selection, *WEEKLY]
SENSORS = [new_issues, follow_the_data]
