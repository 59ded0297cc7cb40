"""A drop in the stores of Dagster: partitions, and the events and runs that hold pictures or name what went."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg

from assets.partitions import issues, titles
from assets.stages import STAGES

FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}

IN_PROGRESS = [status for status in dg.DagsterRunStatus if status not in FINISHED]
"""Of runs that write, or wait to: also those that nobody has started yet."""

LEARNING = {
    name
    for name, stage in STAGES.items()
    if stage.group in ("4_train", "5_compare") and stage.job != "select_panels"  # that one also names issues
}
"""Stages whose runs show pictures of training sets and benchmarks alone."""


def running(instance: dg.DagsterInstance) -> list[str]:
    """The jobs that run now, or wait to: what they write could hold what is dropped meanwhile."""
    records = instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
    return [record.dagster_run.job_name for record in records]


def drop_partitions(instance: dg.DagsterInstance, keys: Collection[str], names: Collection[str]) -> int:
    """Takes issues and titles out of the partitions. Returns the number of those that were there."""
    removed = 0
    for definition, wanted in ((issues, keys), (titles, names)):
        known = set(instance.get_dynamic_partitions(str(definition.name)))
        for key in known.intersection(wanted):
            instance.delete_dynamic_partition(str(definition.name), key)
            removed += 1
    return removed


def drop_events(instance: dg.DagsterInstance, partitions: Collection[str], *, is_learned: bool) -> dict[str, Any]:
    """Removes the runs of issues and titles that went, and every run of a stage over all of them, with their events.

    is_learned: Whether a training set or a result holds what went; else trainings and comparisons keep theirs.

    Their metadata hold pictures, in materializations and in outputs of steps. Dagster can wipe the events of an asset,
    not of a partition; but a run, which has one partition, can be deleted with its events.
    """
    stays = {*instance.get_dynamic_partitions(str(issues.name)), *instance.get_dynamic_partitions(str(titles.name))}
    stays -= set(partitions)
    runs = 0
    for record in instance.get_run_records():
        run = record.dagster_run
        keeps = run.tags.get("dagster/partition") in stays or (not is_learned and _stages_of(run) <= LEARNING)
        if not keeps:
            instance.delete_run(run.run_id)
            runs += 1
    wiped = [dg.AssetKey(stage.name) for stage in STAGES.values() if stage.partitions not in ("issue", "title")]
    wiped = [key for key in wiped if is_learned or key.to_user_string() not in LEARNING]
    wiped = [key for key in wiped if instance.has_asset_key(key)]
    instance.wipe_assets(wiped)
    return {"Dagster runs removed": runs, "Dagster assets whose events were wiped": len(wiped)}


def _stages_of(run: dg.DagsterRun) -> set[str]:
    """The stages that a run materializes: those that were chosen, or all of its job."""
    if run.asset_selection:
        return {key.to_user_string() for key in run.asset_selection}
    return {name for name, stage in STAGES.items() if stage.job == run.job_name} or {run.job_name}


def compact(folder: Path) -> list[str]:
    """Rewrites the SQLite files of a folder without what was deleted in them. Returns those that could not be.

    SQLite overwrites deleted rows, pictures too, only when it needs their place.
    """
    failed = []
    for path in sorted(folder.rglob("*.db")):
        try:
            with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            failed.append(f"{path}: {error}: what was deleted can still be read in it; run this again")
    return failed
