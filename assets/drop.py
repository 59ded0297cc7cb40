"""A drop in the stores of Dagster: partitions, and the events and runs that hold pictures or name what went."""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.data_version import (
    DATA_VERSION_TAG,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from sqlalchemy import select

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

BY_ISSUE = [dg.AssetKey(name) for name, stage in STAGES.items() if stage.partitions in ("issue", "title")]
"""In the order of the lineage."""

PARTITION_TAGS = {PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG}

AT_ONCE = 100
"""Events in memory at the same time: each can hold pictures of 100 kB."""


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
    not of a partition; but a run can be deleted with its events. Where it was also over issues that stay, what is
    known of those is reported once more, without pictures and without a run.
    """
    stays = {*instance.get_dynamic_partitions(str(issues.name)), *instance.get_dynamic_partitions(str(titles.name))}
    stays -= set(partitions)
    storage = cast(SqlEventLogStorage, instance.event_log_storage)
    events = _partitions_by_run(storage)
    gone: dict[str, set[str]] = {}
    for record in instance.get_run_records():
        run = record.dagster_run
        over = events.get(run.run_id, set()) | {run.tags[tag] for tag in PARTITION_TAGS & run.tags.keys()}
        keeps = (over and over <= stays) or (not is_learned and _stages_of(run) <= LEARNING)
        if not keeps:
            gone[run.run_id] = over
    _report_again(instance, gone, stays)
    for run_id in gone:
        instance.delete_run(run_id)
    _delete_runless(storage, events.get(RUNLESS_RUN_ID, set()) - stays)
    wiped = [dg.AssetKey(stage.name) for stage in STAGES.values() if stage.partitions not in ("issue", "title")]
    wiped = [key for key in wiped if is_learned or key.to_user_string() not in LEARNING]
    wiped += [key for key in BY_ISSUE if _last_goes(instance, key, gone, stays)]  # nothing of it stays
    wiped = [key for key in wiped if instance.has_asset_key(key)]
    instance.wipe_assets(wiped)
    for asset in BY_ISSUE:  # what the UI keeps of partitions names what went, and places in the log that are used again
        storage.wipe_asset_cached_status(asset)
    return {"Dagster runs removed": len(gone), "Dagster assets whose events were wiped": len(wiped)}


def _partitions_by_run(storage: SqlEventLogStorage) -> dict[str, set[str]]:
    """The partitions that the events of runs are about, also planned ones; without a run under `RUNLESS_RUN_ID`."""
    table = SqlEventLogStorageTable
    found: dict[str, set[str]] = {}
    with storage.index_connection() as connection:
        question = select(table.c.run_id, table.c.partition).where(table.c.partition.is_not(None)).distinct()
        for run_id, partition in connection.execute(question):
            found.setdefault(run_id, set()).add(partition)
    return found


def _report_again(instance: dg.DagsterInstance, gone: Mapping[str, Collection[str]], stays: Collection[str]) -> None:
    """Reports the latest materializations of issues and titles once more where they are of runs that go.

    The data versions stay, so all that is up to date remains so. Pictures go: a run that changes something shows new
    ones. What was made from an event that got another place in the log is reported again, with that place. So is the
    last one that stays where Dagster keeps a copy of one that goes as the last of its asset.
    """
    storage, kind = instance.event_log_storage, dg.DagsterEventType.ASSET_MATERIALIZATION
    partitions = set().union(*gone.values())
    moved: dict[dg.AssetKey, dict[str, tuple[str | None, int, int]]] = {}  # data version, places before and after
    for asset in BY_ISSUE:
        places = storage.get_latest_storage_id_by_partition(asset, kind)
        left = {partition: place for partition, place in places.items() if partition in stays}
        newest = max(left.values(), default=None) if _last_goes(instance, asset, gone, stays) else None
        wanted = sorted(place for key, place in left.items() if key in partitions or place == newest)
        versions: dict[str, str | None] = {}
        for start in range(0, len(wanted), AT_ONCE):
            chosen = dg.AssetRecordsFilter(asset_key=asset, storage_ids=wanted[start : start + AT_ONCE])
            found = instance.fetch_materializations(chosen, limit=AT_ONCE, ascending=True).records
            for record in found:
                made, partition = record.asset_materialization, str(record.partition_key)
                assert made
                tags = dict(made.tags or {})
                for key, by_partition in moved.items():
                    version, before, after = by_partition.get(partition, (None, 0, 0))
                    read, pointer = get_input_data_version_tag(key), get_input_event_pointer_tag(key)
                    # Dagster's own tags, of a run over one partition, hold a digest, and the place of any partition.
                    was_last = tags.get(pointer, "").isdigit() and int(tags[pointer]) >= before
                    if after and (was_last or tags.get(read) == version):
                        tags[pointer] = str(after)
                if record.run_id not in gone and record.storage_id != newest and tags == (made.tags or {}):
                    continue
                shown = {n: v for n, v in made.metadata.items() if not isinstance(v, dg.MarkdownMetadataValue)}
                again = dg.AssetMaterialization(asset, partition=partition, metadata=shown, tags=tags)
                instance.report_runless_asset_event(again)
                versions[partition] = tags.get(DATA_VERSION_TAG)
        after = storage.get_latest_storage_id_by_partition(asset, kind) if versions else {}
        moved[asset] = {key: (version, places[key], after[key]) for key, version in versions.items()}


def _last_goes(instance: dg.DagsterInstance, asset: dg.AssetKey, gone: Collection[str], stays: Collection[str]) -> bool:
    """Whether the materialization that Dagster keeps as the last one of an asset goes."""
    records = instance.get_asset_records([asset])
    last = records[0].asset_entry.last_materialization_record if records else None
    return bool(last and (last.run_id in gone or last.partition_key not in stays))


def _delete_runless(storage: SqlEventLogStorage, partitions: Collection[str]) -> None:
    """Deletes what an earlier drop reported once more of issues and titles that go now."""
    table, tags = SqlEventLogStorageTable, AssetEventTagsTable
    assets = [asset.to_string() for asset in BY_ISSUE]
    for connect in (partial(storage.run_connection, RUNLESS_RUN_ID), storage.index_connection):
        for partition in partitions:
            which = (table.c.run_id == RUNLESS_RUN_ID, table.c.partition == partition, table.c.asset_key.in_(assets))
            with connect() as connection:
                places = select(table.c.id).where(*which)
                connection.execute(tags.delete().where(tags.c.event_id.in_(places)))
                connection.execute(table.delete().where(*which))


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
