"""`tintoon drop`: what it will remove, the removal in every store of this installation, and its report."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
from filelock import FileLock, Timeout

from assets.drop import compact, drop_events, drop_partitions, running
from assets.home import Home
from assets.partitions import issues
from assets.resources import Catalogue, Studies, default_resources
from assets.tracking.client import Tracking
from pipelines.drop.places import Places
from pipelines.drop.plan import Plan, plan_drop
from pipelines.drop.report import Report, write_report
from pipelines.drop.target import Target
from pipelines.issue_pages.page_store import all_dropped
from pipelines.lake import Lake, split_issue_key
from pipelines.terms.dropped import Drop, read_dropped, take_back, write_drop

if TYPE_CHECKING:
    from upath import UPath


class DropInTheWayError(RuntimeError):
    """Something runs that could write what is dropped meanwhile."""


def look(targets: Sequence[str], *, reason: str, copies: bool, instance: dg.DagsterInstance) -> Places:
    """What a drop would remove; changes nothing. Raises UnknownTarget."""
    resources = default_resources()
    lake: Lake = resources["lake"].open()
    catalogue: Catalogue = resources["catalogue"]
    plan = plan_drop(
        lake,
        [Target.of(text) for text in dict.fromkeys(targets)],
        reason=reason,
        at=_now(),
        copies=copies,
        issues=instance.get_dynamic_partitions(str(issues.name)),
        titles=catalogue.titles(),
    )
    return Places(lake, plan)


def carry_out(
    seen: Places,
    *,
    instance: dg.DagsterInstance,
    on_removed: Callable[[str, str], None],
    on_changed: Callable[[Places], None],
) -> "tuple[Report, UPath]":
    """Removes what a person was shown, from the lake and from all stores. Returns the report, and its path.

    Args:
        seen: From `look`.
        instance: Dagster's.
        on_removed: Called for each place.
        on_changed: Called with what there is now, where that is not what was seen: something came, or went, while the
            person thought about it. It raises where nothing shall be removed.

    Raises DropInTheWayError while a run or another drop is under way.
    """
    if jobs := running(instance):
        raise DropInTheWayError(
            f"{', '.join(sorted(set(jobs)))}: a run is under way, and could store again what is dropped; "
            "let it end, or terminate it in the Dagster UI"
        )
    with _alone():
        drop = seen.plan.drop
        now = look(drop.targets, reason=drop.reason, copies=drop.copies, instance=instance)
        if not _are_same(seen, now):
            on_changed(now)
        return _carry_out(now, instance, on_removed)


@contextmanager
def _alone() -> Iterator[None]:
    """Holds the lock of all that changes the record of drops. Raises DropInTheWayError where it is held."""
    cache = default_resources()["lake"].cache
    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / "drop.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise DropInTheWayError("another drop is under way: let it end, then run this one again") from None
    try:
        yield
    finally:
        lock.release()


def _are_same(seen: Places, now: Places) -> bool:
    """Whether two looks, at different times, found the same."""
    timeless = replace(now.plan.drop, id=seen.plan.drop.id, at=seen.plan.drop.at)
    return replace(now.plan, drop=timeless) == seen.plan and now.counts() == seen.counts()


def _carry_out(
    found: Places, instance: dg.DagsterInstance, on_removed: Callable[[str, str], None]
) -> "tuple[Report, UPath]":
    from pipelines.drop.remove import remove

    home, resources = Home.of(), default_resources()
    lake, cache, plan = found.lake, resources["lake"].cache, found.plan
    report = Report(found)

    def note(what: str, where: str, size_bytes: int) -> None:
        report.on_removed(what, where, size_bytes)
        on_removed(what, where)

    found.counts()  # looks at all places, while all are there
    write_drop(lake, replace(plan.drop, finished=False))  # before its report: no report is without a record
    write_report(lake, report)  # what is planned: it survives a kill
    remove(found, cache, note)
    for title in sorted({*plan.drop.titles, *(split_issue_key(key)[0] for key in (*plan.whole, *plan.parts))}):
        colored = home.root / "colored" / title
        if colored.exists():  # by `tintoon demo`
            shutil.rmtree(colored)
            note("coloured book", f"colored/{title}", 0)
    dropped = read_dropped(lake)
    empty = [key for key in plan.parts if all_dropped(lake, key, dropped)]
    known = instance.get_dynamic_partitions(str(issues.name))
    keys = [key for key in known if dropped.issue(key) or key in empty]
    report.stores["Dagster partitions removed"] = drop_partitions(instance, keys, plan.drop.titles)
    is_learned = bool(found.training_sets or found.evaluations)
    indexed = {title for title, _ in found.references}
    report.stores |= drop_events(
        instance, {*plan.whole, *plan.parts, *keys, *plan.drop.titles, *indexed}, is_learned=is_learned
    )
    report.stores["pictures of rating studies blanked"] = _withdraw_from_studies(resources["studies"], plan)
    if found.training_sets or found.evaluations:
        _withdraw_from_mlflow(resources["tracking"], report)
    report.failed += compact(home.dagster)
    write_drop(lake, replace(plan.drop, finished=not report.failed))
    return report, write_report(lake, report)


def undo(targets: Sequence[str]) -> list[Drop]:
    """Takes drops back: their names and contents may come in again. What was removed comes from its source only.

    Raises ValueError for what is not dropped, DropInTheWayError while a drop is under way.
    """
    lake: Lake = default_resources()["lake"].open()
    found: list[Drop] = []
    with _alone():
        for target in targets:
            taken = take_back(lake, target, at=_now())
            if not taken:
                names = [name for drop in read_dropped(lake).drops for name in drop.targets]
                raise ValueError(f"{target}: not dropped; dropped are: {', '.join(names) or 'none'}")
            found += taken
    return found


def unfinished() -> list[str]:
    """The commands that finish the drops that were interrupted."""
    lake: Lake = default_resources()["lake"].open()
    return [drop.command for drop in read_dropped(lake).drops if not drop.finished]


def _withdraw_from_studies(studies: Studies, plan: Plan) -> int:
    import numpy as np

    from pipelines.images.sheets import to_png
    from pipelines.studies.database import was_made
    from pipelines.studies.store import open_studies

    if not was_made(studies.url):
        return 0
    blank = to_png(np.full((64, 64, 3), 255, np.uint8))
    with open_studies(studies.url) as store:
        return store.withdraw(lambda title, picture: title in plan.drop.titles or plan.names(picture), blank)


def _withdraw_from_mlflow(tracking: Tracking, report: Report) -> None:
    from assets.tracking.withdraw import learned_versions, withdraw_pictures

    places = report.places
    removed, failed = withdraw_pictures(tracking, places.training_sets, places.evaluated_runs)
    report.stores["MLflow pictures removed"] = removed
    report.failed += failed
    checkpoints = {one.record.checkpoint_sha256 for one in places.learned}
    report.versions = learned_versions(tracking, checkpoints, places.training_sets)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
