"""One run over many issues: each is materialized, or fails, by itself.

A run of Dagster costs about half a second whatever it does; an event of a partition costs some milliseconds. So a
backfill, a sensor and the command line take many issues a run. Dagster gives a step one result for all its partitions;
here each issue has its own event with counts and data version as soon as it is done, and an issue that failed has
none: Dagster then shows it as failed, for the step fails once all the others are through.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.storage.tags import ASSET_RESUME_RETRY_TAG, RESUME_RETRY_TAG
from dagster_shared.error import SerializableErrorInfo

from assets.home import Home
from pipelines.errors.explain import explain
from pipelines.errors.said import said
from pipelines.panels.on_all_cores import TRACEBACK

Results = Iterable[tuple[str, dg.MaterializeResult | Exception]]
"""What became of issues, in whatever order they end."""

_SHOWN = 5

_RETRY_TAGS = {RESUME_RETRY_TAG, ASSET_RESUME_RETRY_TAG}
"""Of a run that was asked to go on from the failure of its parent."""


@dataclass(frozen=True)
class IssueOutcome:
    """What became of one issue in a run over many."""

    key: str
    metadata: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    """One line; None where it was materialized."""
    details: str = ""
    """Of a problem: its traceback."""


@dataclass(frozen=True)
class IssueListener:
    """Who follows a run over many issues: the command line."""

    on_start: Callable[[str], object]
    on_end: Callable[[IssueOutcome], object]


_listener: ContextVar[IssueListener | None] = ContextVar("issue_listener", default=None)


@contextmanager
def report_issues_to(listener: IssueListener) -> Iterator[None]:
    """Tells a listener of every issue of the runs over many that this thread does inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def issue_started(key: str) -> None:
    """Tells the listener, if there is one, that the work on an issue begins."""
    if listener := _listener.get():
        listener.on_start(key)


def one_by_one(keys: Sequence[str], work: Callable[[str], dg.MaterializeResult]) -> Results:
    """The results of issues, one after the other. An error is the result of its issue."""
    for key in keys:
        issue_started(key)
        try:
            yield key, work(key)
        except Exception as error:
            yield key, error


def each_issue(
    context: dg.AssetExecutionContext, results: Callable[[Sequence[str]], Results]
) -> dg.MaterializeResult | Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """What the asset of a stage returns: its result in a run of one issue, else the events of all issues.

    results: Gives the results of issues. What an earlier attempt of the same run has done is not asked for again.
    Raises the error of the issue in a run of one. In a run of many, dg.Failure after the last issue, if any failed.
    """
    if len(context.partition_keys) == 1:
        ((_, result),) = results(context.partition_keys)
        if isinstance(result, Exception):
            raise result
        return result
    return _events(context, results)


def _events(
    context: dg.AssetExecutionContext, results: Callable[[Sequence[str]], Results]
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    done = _done_before(context)
    keys = [key for key in context.partition_keys if key not in done]
    inputs = _input_tags(context, keys)
    listener = _listener.get()
    failed: dict[str, str] = {}
    is_worth_retrying = False
    for key, result in results(keys):
        if isinstance(result, Exception):
            outcome = _failed(key, result)
            failed[key] = str(outcome.problem)
            is_worth_retrying |= getattr(result, "allow_retries", True)
            context.log.error(f"{key}: {outcome.problem}")
        else:
            yield dg.AssetMaterialization(
                context.asset_key,
                partition=key,
                metadata=result.metadata,
                tags={**_version_tags(context, result), **inputs.get(key, {})},
            )
            plain = {name: getattr(value, "value", value) for name, value in (result.metadata or {}).items()}
            outcome = IssueOutcome(key, plain)
        if listener:
            listener.on_end(outcome)
    if failed:
        shown = [f"{key}: {problem}" for key, problem in list(failed.items())[:_SHOWN]]
        if len(failed) > _SHOWN:
            shown.append(f"and {len(failed) - _SHOWN} more, in the metadata")
        raise dg.Failure(
            "\n".join([f"{len(failed)} of {len(keys)} issues failed, the others are done", *shown]),
            metadata={"failed": dg.MetadataValue.json(failed)},
            allow_retries=is_worth_retrying,
        )
    # The stages after this one in the same run may begin. The key keeps Dagster from adding an event a partition.
    yield dg.Output(None, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def _failed(key: str, error: Exception) -> IssueOutcome:
    told = getattr(error, TRACEBACK, None) or traceback.TracebackException.from_exception(error)
    info = SerializableErrorInfo.from_traceback(told)
    if isinstance(error, dg.Failure):
        problem = str(error.description)
    else:
        problem = explain(error, home=Home.of().root) or said(info.message, info.stack)
    return IssueOutcome(key, problem=" ".join(problem.split()), details=info.to_string())


def _version_tags(context: dg.AssetExecutionContext, result: dg.MaterializeResult) -> dict[str, str]:
    """What Dagster compares to tell whether an issue is up to date."""
    found = {CODE_VERSION_TAG: str(context.assets_def.code_versions_by_key[context.asset_key])}
    if result.data_version:
        found |= {DATA_VERSION_TAG: result.data_version.value, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
    return found


def _input_tags(context: dg.AssetExecutionContext, keys: Sequence[str]) -> dict[str, dict[str, str]]:
    """By issue: the versions of the inputs that it is made from, in one question for all."""
    found: dict[str, dict[str, str]] = {key: {} for key in keys}
    storage = context.instance.event_log_storage
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    for asset in context.assets_def.dependency_keys if keys else ():
        versions = storage.get_latest_tags_by_partition(asset, kind, [DATA_VERSION_TAG], list(keys))
        places = storage.get_latest_storage_id_by_partition(asset, kind, set(keys))
        for key, tags in versions.items():
            found[key][get_input_data_version_tag(asset)] = tags[DATA_VERSION_TAG]
            found[key][get_input_event_pointer_tag(asset)] = str(places[key])
    return found


def _done_before(context: dg.AssetExecutionContext) -> set[str]:
    """The issues that earlier attempts of this run materialized: a retry is for those that failed."""
    attempts = _earlier_attempts(context.instance, context.run)
    if context.op_execution_context.retry_number:
        attempts.append(context.run.run_id)
    events = [
        event.dagster_event
        for run_id in attempts
        for event in context.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    ]
    return {str(event.partition) for event in events if event and event.asset_key == context.asset_key}


def _earlier_attempts(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """The runs that a run tries again. One that repeats a run that had succeeded is none of its retries."""
    found: list[str] = []
    parent = instance.get_run_by_id(run.get_parent_run_id() or "")
    while parent and (parent.status != dg.DagsterRunStatus.SUCCESS or _RETRY_TAGS & run.tags.keys()):
        found.append(parent.run_id)
        run, parent = parent, instance.get_run_by_id(parent.get_parent_run_id() or "")
    return found
