"""The leaderboards for a terminal and for programs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.comparison.leaderboard import GIVEN, NOT_KNOWN, learned_in_words, shown
from pipelines.comparison.leaderboards import stored_leaderboards
from pipelines.lake import Lake

TERMINAL_METRICS = ("ciede2000", "l2_ab", "psnr", "ssim")

out = Console()


def leaderboard_rows(lake: Lake) -> list[dict[str, Any]]:
    """The rows of every track, best first, flat, as programs read them."""
    boards, _ = stored_leaderboards(lake)
    return [
        {
            "track": board.track,
            "references": board.references,
            **row.metrics,
            **{k: v for k, v in row.to_json().items() if k != "metrics"},
        }
        for board in boards
        for row in board.rows
    ]


def print_leaderboards(lake: Lake) -> None:
    """Each track's leaderboard as a table of a usual terminal's width. Raises FileNotFoundError before there is one."""
    for board in stored_leaderboards(lake)[0]:
        pictures = max((row.pictures for row in (*board.rows, *board.learned)), default=0)
        about = f"{board.track} {GIVEN[board.references]}".strip()
        table = Table(title=f"{about}: {pictures} test pictures, benchmark {board.benchmark_fingerprint[:12]}")
        for name in ("", "colorizer"):
            table.add_column(name, no_wrap=True)
        for name in TERMINAL_METRICS:
            table.add_column(name, no_wrap=True, justify="right")
        for row in board.rows:
            place = "baseline" if row.is_baseline and row.rank else str(row.rank or "best")
            table.add_row(place, row.name, *(shown(row.metrics[name]) for name in TERMINAL_METRICS))
        out.print(table)
        for row in board.learned:
            out.print(f"Not ranked, for it learned from test pictures: {learned_in_words(row)}", soft_wrap=True)
        if board.not_known:
            names = ", ".join(board.not_known)
            out.print(f"Not known whether it learned from test pictures ({NOT_KNOWN}): {names}", soft_wrap=True)
    out.print(f"Report: {lake.root / 'report' / 'index.html'}", highlight=False, soft_wrap=True)
