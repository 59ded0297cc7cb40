"""What commands print while stages run and after: bars, summaries, the leaderboard."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines.comparison.leaderboard import shown
from pipelines.comparison.leaderboards import stored_leaderboards
from pipelines.issue_pages.plan import PlannedIssue
from pipelines.lake import Lake
from studio.materialize import Materialized, Selection, materialize, open_instance

SHOWN = ("ciede2000", "l2_ab", "psnr", "ssim")

out = Console()
err = Console(stderr=True)


class StagesFailedError(RuntimeError):
    """Some materializations failed; each was named when it did."""


def progress_bar(console: Console) -> Progress:
    """A bar that vanishes when it is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # else an empty line is all that a log would get
    )


def run_stages(stages: Sequence[str], selection: Selection, settings: dict[str, dict[str, Any]]) -> None:
    """Materializes stages under a progress bar, then prints what each did. Raises StagesFailedError when one failed."""
    instance = open_instance()
    outcomes: list[Materialized] = []
    seconds: dict[str, float] = {}
    with progress_bar(err) as bar:
        whole = bar.add_task("", total=None)
        part = bar.add_task("", total=None, visible=False)

        def on_start(stage: str, key: str | None, place: int, total: int) -> None:
            bar.update(whole, description=f"{stage} {key or ''}", completed=place, total=total)
            bar.reset(part, visible=False, description="")

        def on_progress(done: int, total: int) -> None:
            bar.update(part, description="  of it", completed=done, total=total, visible=True)

        started = time.monotonic()
        for outcome in materialize(
            stages, selection, instance=instance, config=settings, on_start=on_start, on_progress=on_progress
        ):
            outcomes.append(outcome)
            seconds[outcome.stage] = seconds.get(outcome.stage, 0.0) + time.monotonic() - started
            started = time.monotonic()
            if outcome.problem:
                what = f"[red]{outcome.stage} {outcome.partition or ''}[/]"
                err.print(f"{what}: {escape(outcome.problem)}", highlight=False, soft_wrap=True)
    out.print(_summary(outcomes, seconds))
    failed = [outcome for outcome in outcomes if outcome.problem]
    if failed:
        raise StagesFailedError(
            f"{len(failed)} of {len(outcomes)} materializations failed; see above, or the Dagster UI"
        )


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


def leaderboard_rows(lake: Lake) -> list[dict[str, Any]]:
    """The rows of every track, best first, flat, as programs read them."""
    boards, _ = stored_leaderboards(lake)
    return [
        {"track": board.track, **row.metrics, **{k: v for k, v in row.to_json().items() if k != "metrics"}}
        for board in boards
        for row in board.rows
    ]


def print_leaderboards(lake: Lake) -> None:
    """Each track's leaderboard as a table of a usual terminal's width. Raises FileNotFoundError before there is one."""
    for board in stored_leaderboards(lake)[0]:
        pictures = board.rows[0].pictures
        table = Table(title=f"{board.track}: {pictures} test pictures, benchmark {board.benchmark_fingerprint[:12]}")
        for name in ("", "colorizer"):
            table.add_column(name, no_wrap=True)
        for name in SHOWN:
            table.add_column(name, no_wrap=True, justify="right")
        for row in board.rows:
            place = "floor" if row.is_baseline and row.rank else str(row.rank or "best")
            table.add_row(place, row.name, *(shown(row.metrics[name]) for name in SHOWN))
        out.print(table)
    out.print(f"Report: {lake.root / 'report' / 'index.html'}", highlight=False, soft_wrap=True)


VERDICTS = {
    "fetch": "to fetch",
    "check": "to check",
    "have": "kept aside",
    "leave": "left alone",
    "refuse": "refused",
}


def print_plan(planned: Iterable[tuple[str, PlannedIssue | Exception]], *, as_json: bool) -> list[str]:
    """Prints a dry run, a row an issue as it comes, or all of it as JSON; returns why titles could not be listed."""
    problems: list[str] = []
    issues: list[dict[str, Any]] = []
    for title, issue in planned:
        if isinstance(issue, Exception):
            problems.append(f"{title}: {issue}")
        elif as_json:
            issues.append(asdict(issue))
        else:
            counts = Counter(page.verdict for page in issue.pages)
            what = ", ".join(f"{counts[verdict]} {name}" for verdict, name in VERDICTS.items() if counts[verdict])
            said = what if issue.state == "free" else f"{issue.state}: {issue.detail}"
            out.print(f"{issue.key}: {said}", markup=False, highlight=False, soft_wrap=True)
            for reason, pages in Counter(page.reason for page in issue.pages if page.reason).items():
                out.print(f"  {pages} x {reason}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        out.print_json(data=issues, ensure_ascii=False)
    return problems
