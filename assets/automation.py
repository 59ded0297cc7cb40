"""Schedules and sensors, with the reason for each. All are off at first: see docs/guide.md, "Operations"."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset

from assets.failed_trainings import RECIPE_TAG, TRAINING_SET_TAG, failed_trainings
from assets.jobs import JOBS, training_tags
from assets.partitions import issues, left_line, titles, titles_of, undeclared_issues, undeclared_titles
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from assets.stages import STAGES
from assets.tracking.client import Tracking
from assets.tracking.registry import read_champions
from pipelines.comparison.params import RetrainingParams
from pipelines.comparison.retraining import plan_retraining
from pipelines.issue_pages.params import FetchParams
from pipelines.lake import split_issue_key
from pipelines.training.registry import TRAININGS

_COLLECTED = ("issue_pages", "panels")

# A schedule, not eager(): eager() waits for every issue, so one dead page would freeze the dataset.
nightly_selection = dg.ScheduleDefinition(
    name="nightly_selection",
    job=JOBS["select_panels"],
    cron_schedule="0 2 * * *",
    description="Every night: decide on the collected panels. The rest follows by itself (follow_the_data).",
)


@dg.schedule(
    # Dagster's own job over all assets: no other can hold assets of different partitions.
    job_name="__ASSET_JOB",
    cron_schedule="0 4 * * 1",
    description="Every Monday, when the training set changed enough: train the champions' recipes and the candidates "
    "again (settings.yaml: retraining), after the trainings that they build on. A worse one replaces nothing.",
)
def weekly_retraining(
    context: dg.ScheduleEvaluationContext, lake: LakeResource, settings: StandingSettings, tracking: Tracking
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run a recipe, in the order of need: they share the pool `gpu`."""
    opened = lake.open()
    training_set = opened.read_json(opened.training_set)["fingerprint"] if opened.training_set.exists() else ""
    planned = plan_retraining(
        opened,
        RetrainingParams(**settings.of("retraining")),
        champions=read_champions(tracking).values(),
        cache=lake.cache,
        failed=failed_trainings(context.instance, training_set),
    )
    context.log.info(planned.reason)
    week = context.scheduled_execution_time.strftime("%G-W%V")
    requests = [
        dg.RunRequest(
            run_key=f"{week}:{recipe.name}",
            partition_key=partition,
            asset_selection=[dg.AssetKey(asset), *([dg.AssetKey("evaluation")] if asset == "colorizer" else [])],
            tags={
                **training_tags(STAGES[asset].job),
                "tintoon/why": planned.reason[:200],
                RECIPE_TAG: recipe.name,
                TRAINING_SET_TAG: training_set,
            },
        )
        for asset, trained in TRAININGS.items()
        for partition, recipe in trained.items()
        if recipe.name in planned.recipes
    ]
    yield from requests or [dg.SkipReason(planned.reason)]


@dg.sensor(
    name="new_issues",
    asset_selection=list(_COLLECTED),
    minimum_interval_seconds=3600,
    description="Every hour: ask the sources which issues exist; register new ones and their titles, and collect those "
    "not yet there.",
)
def new_issues(
    context: dg.SensorEvaluationContext, lake: LakeResource, catalogue: Catalogue, settings: StandingSettings
) -> dg.SensorResult:
    """New issues become partitions, and those that are not there yet are collected in one backfill: in few runs."""
    from pipelines.issue_pages.catalogue import sync_titles

    params = FetchParams(**settings.of("issue_pages"))
    declared = catalogue.titles()
    report = sync_titles(declared, catalogue.sources(params), lake.open())
    for title, problem in report.errors.items():
        context.log.error(f"{title}: {problem}")
    if report.errors and not report.counts:
        problems = "; ".join(f"{title}: {problem}" for title, problem in report.errors.items())
        raise RuntimeError(f"no title could be listed: {problems}")
    gone = undeclared_issues(context.instance, declared)
    gone_titles = undeclared_titles(context.instance, declared)
    for title, count in Counter(split_issue_key(key)[0] for key in gone).items():
        context.log.warning(left_line(title, count))
    known = set(context.instance.get_dynamic_partitions(str(issues.name))) - set(gone)
    new = [key for key in report.keys if key not in known]
    known_titles = set(context.instance.get_dynamic_partitions(str(titles.name))) - set(gone_titles)
    new_titles = [title for title in titles_of([*known, *new]) if title not in known_titles]
    collected = context.instance.get_materialized_partitions(dg.AssetKey("panels"))
    # A failed issue is collected again, once a day.
    today = datetime.now(UTC).date().isoformat()
    day, asked = json.loads(context.cursor) if context.cursor else (today, [])
    asked = set(asked) if day == today else set()
    missing = [key for key in report.keys if key not in collected and key not in asked]
    return dg.SensorResult(
        dynamic_partitions_requests=[
            *([issues.build_add_request(new)] if new else []),
            *([titles.build_add_request(sorted(new_titles))] if new_titles else []),
            *([issues.build_delete_request(gone)] if gone else []),
            *([titles.build_delete_request(gone_titles)] if gone_titles else []),
        ],
        run_requests=[_backfill(missing)] if missing else [],
        cursor=json.dumps([today, sorted(asked.union(missing))]),
    )


def _backfill(keys: Sequence[str]) -> dg.RunRequest:
    """The request for the pages of issues, and then for the panels of those that came."""
    subset = AssetGraphSubset(
        partitions_subsets_by_asset_key={dg.AssetKey(name): DefaultPartitionsSubset(set(keys)) for name in _COLLECTED}
    )
    return dg.RunRequest.for_asset_graph_subset(subset, tags={})


follow_the_data = dg.AutomationConditionSensorDefinition(
    "follow_the_data",
    target=dg.AssetSelection.all(),
    description="Variants, the training set, references and the leaderboard follow their inputs.",
)

SCHEDULES = [nightly_selection, weekly_retraining]
SENSORS = [new_issues, follow_the_data]
