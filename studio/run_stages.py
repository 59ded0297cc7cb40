"""Runs stages under a progress report, then prints what each did."""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.display import NOTICES
from assets.home import Home
from assets.stages import STAGES
from pipelines.progress import each_tenth
from studio.materialize import Materialized, Selection, leave_undeclared, materialize
from studio.progress import LOG_NAME, CommandProgress, open_progress

out = Console()
err = Console(stderr=True)


OF_TITLES = {"issue_pages", "panels", "unique_panels"}
"""The stages that go by titles.yaml."""


class StagesFailedError(RuntimeError):
    """Some materializations failed; each was named when it did."""


def run_stages(
    stages: Sequence[str], selection: Selection, settings: dict[str, dict[str, Any]], instance: dg.DagsterInstance
) -> None:
    """Materializes stages, then prints what each did. Raises StagesFailedError when one failed."""
    if OF_TITLES & set(stages):
        for line in leave_undeclared(instance):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    outcomes: list[Materialized] = []
    seconds: dict[str, float] = {}
    with open_progress() as progress:
        report = StageReport(progress)
        started = time.monotonic()

        def on_end(outcome: Materialized) -> None:
            nonlocal started
            outcomes.append(outcome)
            seconds[outcome.stage] = seconds.get(outcome.stage, 0.0) + time.monotonic() - started
            started = time.monotonic()
            if outcome.problem:
                what = f"{outcome.stage} {outcome.partition or ''}"
                progress.log(f"{what}: {outcome.problem}\n{outcome.details}".rstrip())
                err.print(f"[red]{what}[/]: {escape(outcome.problem)}", highlight=False, soft_wrap=True)
            for notice in outcome.metadata.get(NOTICES, ()):
                progress.log(f"{outcome.stage}: {notice}")
                err.print(f"{outcome.stage}: {escape(notice)}", highlight=False, soft_wrap=True)
            if report.is_last:
                progress.line(_in_words(outcome.stage, outcomes, seconds[outcome.stage]))

        materialize(
            stages,
            selection,
            instance=instance,
            config=settings,
            on_start=report.on_start,
            on_progress=report.on_progress,
            on_end=on_end,
        )
    out.print(_summary(outcomes, seconds))
    failed = [outcome for outcome in outcomes if outcome.problem]
    if failed:
        raise StagesFailedError(
            f"{len(failed)} of {len(outcomes)} materializations failed, for the reasons above; details are in "
            f"{Home.of().logs / LOG_NAME} and in the Dagster UI (tintoon up)"
        )


class StageReport:
    """Two bars, over the partitions of a stage and over the work on one of them, and lines at every tenth.

    Issues are many and short: their lines count partitions. The other stages have lines for each partition.
    """

    def __init__(self, progress: CommandProgress) -> None:
        self._progress = progress
        self._partitions = progress.bars.add_task("", total=None)
        self._work = progress.bars.add_task("", total=None, visible=False)
        self.is_last = False
        """True if the partition that was started last is the last one of its stage."""

    def on_start(self, stage: str, key: str | None, place: int, total: int) -> None:
        """Begins a partition."""
        name = f"{stage} {key}" if key else stage
        self._progress.bars.update(self._partitions, description=name, completed=place, total=total)
        self._progress.bars.reset(self._work, visible=False, description="")
        self._is_counted = STAGES[stage].partitions == "issue"
        line = stage if self._is_counted else name
        self.is_last = place == total - 1
        if not self._is_counted or place == 0:
            self._tenths = each_tenth(lambda done, total: self._progress.line(f"{line}: {done} of {total}"))
            self._progress.line(
                f"{line}: started" + (f", {total} partition{'s' if total > 1 else ''}" if self._is_counted else "")
            )
        if self._is_counted:
            self._tenths(place, total)

    def on_progress(self, done: int, total: int) -> None:
        """Reports the work on the partition."""
        self._progress.bars.update(self._work, description="  of it", completed=done, total=total, visible=True)
        if not self._is_counted:
            self._tenths(done, total)


def _in_words(stage: str, outcomes: list[Materialized], seconds: float) -> str:
    of_stage = [outcome for outcome in outcomes if outcome.stage == stage]
    failed = sum(outcome.problem is not None for outcome in of_stage)
    unchanged = sum(outcome.unchanged for outcome in of_stage)
    counts = {"partitions": len(of_stage), "failed": failed, "unchanged": unchanged, **_numbers(of_stage)}
    return f"{stage}: done in {seconds:.1f} s, {', '.join(f'{name} {value:,}' for name, value in counts.items())}"


def _summary(outcomes: list[Materialized], seconds: dict[str, float]) -> Table:
    table = Table("stage", "partitions", "unchanged", "seconds", "in numbers")
    for stage, spent in seconds.items():
        of_stage = [outcome for outcome in outcomes if outcome.stage == stage]
        unchanged = sum(outcome.unchanged for outcome in of_stage)
        table.add_row(
            stage,
            str(len(of_stage)),
            "all" if unchanged == len(of_stage) else str(unchanged),
            f"{spent:.1f}",
            ", ".join(f"{name} {value:,}" for name, value in _numbers(of_stage).items()),
        )
    return table


def _numbers(outcomes: list[Materialized]) -> dict[str, int]:
    """Whole numbers that the materializations report, summed over partitions."""
    sums: dict[str, int] = {}
    for outcome in outcomes:
        for name, value in outcome.metadata.items():
            if isinstance(value, int) and not isinstance(value, bool) and name not in {"seed", "best_step"}:
                sums[name] = sums.get(name, 0) + value
    return sums
