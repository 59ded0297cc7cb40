"""Runs stages of the lineage in this process, through Dagster: the same assets, runs and events as in the UI."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster_shared.error import SerializableErrorInfo
from upath import UPath

from assets.definitions import definitions_of
from assets.each_issue import IssueListener, IssueOutcome, report_issues_to
from assets.home import Home
from assets.instance import instance_of
from assets.partitions import issues, left_line, ranges, remove_undeclared, splits, titles, titles_of
from assets.progress import report_progress_to
from assets.resources import Catalogue, default_resources, one_client
from assets.settings import StandingSettings
from assets.stages import STAGES
from models.recipes import Recipe
from pipelines.comparison.params import RetrainingParams
from pipelines.errors.leftovers import ABANDONED_S, remove_leftovers
from pipelines.errors.processes import is_alive, start_of
from pipelines.errors.said import said
from pipelines.issue_pages.catalogue import sync_titles
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import ListingFailed, TitleUnavailable
from pipelines.issue_pages.page_store import is_complete
from pipelines.issue_pages.params import FetchParams
from pipelines.issue_pages.plan import PlannedIssue, plan_title
from pipelines.lake import DamagedFileError
from pipelines.progress import Progress
from pipelines.training.registry import TRAININGS, with_dependencies
from studio.interrupts import noticed_interrupts

DEFAULT_STAGES = [name for name, stage in STAGES.items() if stage.is_usual]
"""The stages that `all` means."""

_log = logging.getLogger(__name__)

PROCESS_TAG = "tintoon/process"

_OPEN = [
    dg.DagsterRunStatus.NOT_STARTED,  # on a full disk the run itself may not get further
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""What a run's status stays where its process ends."""


@dataclass
class Materialized:
    """One materialization of one partition: what it reported, or why it failed."""

    stage: str
    partition: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    details: str = ""
    """Of a problem: where in the code it came up, for the log."""

    @property
    def unchanged(self) -> bool:
        """True if the stage found nothing to do."""
        return bool(self.metadata.get("unchanged"))


@dataclass(frozen=True)
class Selection:
    """The chosen partitions: all issues where none is named; the recipes and their dependencies."""

    recipes: Sequence[str]
    issues: Sequence[str] = ()
    titles: Sequence[str] = ()

    def keys(self, stage: str, instance: dg.DagsterInstance) -> list[str | None]:
        """Partition keys of a stage, in order; none where no chosen recipe needs it.

        Issues with missing pages come before those that are only checked: checks must not use up a budget.

        Raises ValueError for a key that does not exist, with those that do.
        """
        match STAGES[stage].partitions:
            case None:
                return [None]
            case "split":
                return list(splits.get_partition_keys())
            case "recipe":
                return self.trainings(stage)
        known = instance.get_dynamic_partitions(str(issues.name))
        if not known:
            raise ValueError("no issue is registered yet: run 'tintoon sync' first")
        chosen = _chosen(self.issues, known, "issue", "tintoon sync registers new ones")
        if self.titles:
            _chosen(self.titles, sorted(titles_of(known)), "title", "see titles.yaml")
            chosen = [key for key in chosen if str(key).partition("__")[0] in self.titles]
        if STAGES[stage].partitions == "title":
            register_titles(known, instance)  # an earlier version registered issues alone
            return [*titles_of(map(str, chosen))]
        if stage != "issue_pages":
            return chosen
        lake = default_resources()["lake"].open()
        return sorted(chosen, key=lambda key: is_complete(lake, str(key)))

    def trainings(self, stage: str) -> list[str | None]:
        """Partition keys of a stage that works on recipes: those chosen, and what they need."""
        wanted = with_dependencies(self.recipes)
        return [key for key, recipe in _recipes_of(stage).items() if recipe.name in wanted]


def chosen_recipes(named: Sequence[str], config: dict[str, dict[str, Any]]) -> list[str]:
    """The recipes that a call names ("all": every one), else those of the setting `retraining`.

    Raises ValueError for an unknown name.
    """
    every = list(dict.fromkeys(recipe.name for trained in TRAININGS.values() for recipe in trained.values()))
    if list(named) == ["all"]:
        return every
    if named:
        return [str(name) for name in _chosen(named, every, "recipe", "tintoon recipes lists them")]
    standing: StandingSettings = default_resources()["settings"]
    return RetrainingParams(**{**standing.of("retraining"), **config.get("retraining", {})}).recipes


def _recipes_of(stage: str) -> Mapping[str | None, Recipe]:
    return TRAININGS[STAGES[stage].training_stage]


def _hangs_on(stage: str, key: str | None) -> list[str]:
    """The names that must not have failed before: the issue, or the recipe (last) after its dependencies."""
    if STAGES[stage].partitions == "recipe":
        return with_dependencies([_recipes_of(stage)[key].name])
    return [key] if key else []


def _chosen(wanted: Sequence[str], known: Sequence[str], noun: str, remedy: str) -> list[str | None]:
    for name in wanted:
        if name not in known:
            raise ValueError(f"no {noun} {name!r}: {remedy}; there are {', '.join(known[:40])}")
    return list(wanted or known)


def open_instance() -> dg.DagsterInstance:
    """The Dagster instance of this installation, without what a killed process left: open runs, half-written files."""
    home = Home.of()
    instance = instance_of(home)
    was_killed = False
    for record in instance.get_run_records(dg.RunsFilter(statuses=_OPEN)):
        run = record.dagster_run
        if PROCESS_TAG in run.tags and not _is_running(run.tags[PROCESS_TAG]):
            instance.report_run_failed(run, "the process that ran it was killed")
            # Otherwise its slot in the pool `gpu` stays occupied, and the next training waits indefinitely.
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            was_killed = True
    _remove_half_written(home, was_killed=was_killed)
    return instance


def _remove_half_written(home: Home, *, was_killed: bool) -> None:
    """Where a run was killed, and once a day: a large lake takes seconds to walk through."""
    stamp = home.dagster / "leftovers_removed"
    if not was_killed and stamp.exists() and 0 <= time.time() - stamp.stat().st_mtime < ABANDONED_S:
        return
    for folder in (UPath(home.lake), home.root / "cache"):
        if isinstance(folder, Path):
            remove_leftovers(Path(folder))
    remove_leftovers(home.dagster, ".*.part")  # below are the records of runs, which Dagster writes
    stamp.touch()


def _this_process() -> str:
    """Host, number and start of this process: a number alone is used again by others."""
    return f"{socket.gethostname()}:{os.getpid()}:{start_of(os.getpid()):.2f}"


def _is_running(process: str) -> bool:
    host, number, started = process.rsplit(":", 2)
    if host != socket.gethostname():
        return True  # unknown: it is another machine's
    return is_alive(int(number), float(started))


def materialize(
    stages: Sequence[str],
    selection: Selection,
    *,
    instance: dg.DagsterInstance,
    config: dict[str, dict[str, Any]],
    on_start: Callable[[str, str | None, int, int], None],
    on_progress: Callable[[int, int], None],
    on_end: Callable[[Materialized], None],
) -> None:
    """Materializes stages in the order of the lineage, one partition after the other, many issues a run.

    Later stages of the same call skip an issue that failed, and a recipe that depends on a training that failed. A
    failure of a stage without partitions ends the call, as does one before the first issue of a run over many.
    on_start is called with (stage, partition, place, number of partitions), on_end as each of them ends.
    Raises KeyboardInterrupt on Ctrl-C, after what was interrupted is closed.
    """
    failed: set[str] = set()

    def end(outcome: Materialized) -> None:
        if outcome.problem:
            failed.update(_hangs_on(outcome.stage, outcome.partition)[-1:])
        on_end(outcome)

    with one_client(_fetch_params(config.get("issue_pages", {}))), noticed_interrupts() as end_if_asked:
        for stage in sorted(stages, key=list(STAGES).index):
            keys = [key for key in selection.keys(stage, instance) if failed.isdisjoint(_hangs_on(stage, key))]
            places: dict[str | None, int] = {}
            for run in _runs(stage, keys, instance):
                with report_progress_to(on_progress):
                    goes_on = _materialize(
                        stage,
                        run,
                        instance,
                        config.get(STAGES[stage].settings_key, {}),
                        on_start=partial(_on_start, on_start, stage, places, len(keys)),
                        on_end=end,
                        end_if_asked=end_if_asked,
                    )
                if not goes_on:
                    return


def _on_start(
    on_start: Callable[[str, str | None, int, int], None],
    stage: str,
    places: dict[str | None, int],
    total: int,
    key: str | None,
) -> None:
    on_start(stage, key, places.setdefault(key, len(places)), total)  # a retry starts it again, at its place


def _runs(stage: str, keys: Sequence[str | None], instance: dg.DagsterInstance) -> list[list[str | None]]:
    """The partitions of each run: many issues, or one of anything else."""
    if not (at_most := STAGES[stage].issues_per_run):
        return [[key] for key in keys]
    known = instance.get_dynamic_partitions(str(issues.name))
    return [[*run] for run in ranges([str(key) for key in keys], known, at_most=at_most)]


def _fetch_params(explicit: dict[str, Any]) -> FetchParams:
    """The explicit settings of this call on top of the installation's standing ones."""
    standing: StandingSettings = default_resources()["settings"]
    return FetchParams(**{**standing.of("issue_pages"), **explicit})


@cache
def _definitions(home: Home) -> dg.Definitions:
    definitions = definitions_of(home)
    # Resolved in a context of its own: Dagster asks the instance that was opened last, even one that is gone.
    Context().run(definitions.get_repository_def)
    return definitions


def _materialize(
    stage: str,
    keys: Sequence[str | None],
    instance: dg.DagsterInstance,
    config: dict[str, Any],
    *,
    on_start: Callable[[str | None], None],
    on_end: Callable[[Materialized], None],
    end_if_asked: Callable[[], None],
) -> bool:
    """One run. Returns False where it failed and had no partitions, or did not come to the end of those it had."""
    ended: set[str] = set()

    def end(outcome: IssueOutcome) -> None:
        ended.add(outcome.key)
        on_end(Materialized(stage, outcome.key, outcome.metadata, outcome.problem, outcome.details))

    is_range = len(keys) > 1
    if not STAGES[stage].issues_per_run:  # else the stage itself tells when it starts an issue
        on_start(keys[0])
    job = _definitions(Home.of()).resolve_job_def(STAGES[stage].job)
    span = {ASSET_PARTITION_RANGE_START_TAG: str(keys[0]), ASSET_PARTITION_RANGE_END_TAG: str(keys[-1])}
    with report_issues_to(IssueListener(on_start, end)):
        result = job.execute_in_process(
            partition_key=None if is_range else keys[0],
            asset_selection=[dg.AssetKey(stage)],
            instance=instance,
            raise_on_error=False,
            tags={PROCESS_TAG: _this_process(), **(span if is_range else {})},
            run_config={
                "ops": {stage: {"config": config}} if config else {},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    end_if_asked()  # before the run is reported: what was interrupted did not fail
    if is_range and ended.issuperset(keys):
        return True
    metadata = {
        name: value.value
        for event in result.get_asset_materialization_events()
        for name, value in event.step_materialization_data.materialization.metadata.items()
    }
    key = None if is_range else keys[0]
    if result.success:
        on_end(Materialized(stage, key, metadata))
        return True
    on_end(Materialized(stage, key, metadata, _problem(result), _details(result)))
    return key is not None


def _problem(result: dg.ExecuteInProcessResult) -> str:
    """The first error of a failed run, in one line."""
    # Checks first: a blocking one also fails its step, with a message that does not name the reason.
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            values = {n: v.value for n, v in evaluation.metadata.items() if not isinstance(v, dg.MarkdownMetadataValue)}
            why = ", ".join(f"{name}: {value}" for name, value in values.items())
            return f"check {evaluation.check_name} failed ({why})"
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            return str(event.step_failure_data.user_failure_data.description)
    error = _error(result)
    return said(error.message, error.stack) if error else "failed without a word"


def _error(result: dg.ExecuteInProcessResult) -> SerializableErrorInfo | None:
    """The first error of a failed run, below what Dagster puts around it."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
        elif event.is_job_failure:
            error = event.job_failure_data.error
        else:
            error = getattr(event.event_specific_data, "error", None)
        while error and error.cause and str(error.cls_name).startswith("Dagster"):
            error = error.cause
        if error:
            return error
    return None


def _details(result: dg.ExecuteInProcessResult) -> str:
    """Everything about the first error of a failed run, for the log."""
    error = _error(result)
    return error.to_string() if error else ""


def register_issues(keys: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Adds the issues that Dagster does not know yet as partitions; returns those."""
    known = set(instance.get_dynamic_partitions(str(issues.name)))
    new = [key for key in keys if key not in known]
    if new:
        instance.add_dynamic_partitions(str(issues.name), new)
        register_titles(new, instance)
    return new


def register_titles(keys: Sequence[str], instance: dg.DagsterInstance) -> None:
    """Adds the titles of issues that Dagster does not know yet as partitions."""
    known = set(instance.get_dynamic_partitions(str(titles.name)))
    if new := [title for title in titles_of(keys) if title not in known]:
        instance.add_dynamic_partitions(str(titles.name), new)


def plan_issues(*, titles: Sequence[str], config: dict[str, Any]) -> Iterator[tuple[str, PlannedIssue | Exception]]:
    """Plans the collection of titles (all, where none is named): each issue, with its title's key.

    A title that cannot be listed is yielded with its error. Writes nothing. Raises ValueError for a title that is not
    declared.
    """
    resources = default_resources()
    catalogue: Catalogue = resources["catalogue"]
    declared = catalogue.titles()
    _chosen(titles, list(declared), "title", "see titles.yaml")
    lake, params = resources["lake"].open(), _fetch_params(config)
    with one_client(params):
        sources = catalogue.sources()
        for key, title in declared.items():
            if titles and key not in titles:
                continue
            try:
                for issue in plan_title(title, sources[title.source], lake, licences=params.licences):
                    yield key, issue
            except (TitleUnavailable, ListingFailed, FetchError, DamagedFileError) as error:
                yield key, error
            except Exception as error:  # any error of a source: it stops no other title
                _log.exception("%s: not planned", key)
                yield key, RuntimeError(f"{type(error).__name__}: {error}; report it with the log")


def leave_undeclared(instance: dg.DagsterInstance) -> list[str]:
    """Takes the issues of titles that are not declared any more out of the partitions; returns a line a title."""
    catalogue: Catalogue = default_resources()["catalogue"]
    return [left_line(title, count) for title, count in remove_undeclared(instance, catalogue.titles()).items()]


def sync_issues(
    instance: dg.DagsterInstance, *, titles: Sequence[str], config: dict[str, Any], on_title: Progress
) -> tuple[Any, list[str]]:
    """Asks the sources of titles (all, where none is named) for their issues and registers the free ones.

    on_title: called with the number of titles that are done, and of all.

    Returns the SyncReport and the keys that are new. Raises ValueError for a title that is not declared.
    """
    resources = default_resources()
    catalogue: Catalogue = resources["catalogue"]
    declared = catalogue.titles()
    _chosen(titles, list(declared), "title", "see titles.yaml")
    wanted = {key: title for key, title in declared.items() if not titles or key in titles}
    with one_client(_fetch_params(config)):
        report = sync_titles(wanted, catalogue.sources(), resources["lake"].open(), on_title=on_title)
    return report, register_issues(report.keys, instance)
