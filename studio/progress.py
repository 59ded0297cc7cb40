"""The progress of commands: bars on a terminal, else lines on stderr. Lines also go to the installation's log."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from assets.home import Home
from pipelines.progress import Progress, each_tenth

LOG_NAME = "tintoon.log"

QUIET_S = 5.0
"""A command that takes no longer than this reports no lines about its progress, but for stages."""

err = Console(stderr=True)


class CommandProgress:
    """The progress of one command."""

    def __init__(self, bars: Bars, write: Callable[[str], object]) -> None:
        self.bars = bars
        self._write = write

    def log(self, text: str) -> None:
        """Writes one line into the log. What cannot be written there stops no work: a full disk, say."""
        with suppress(OSError):
            self._write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {text}\n")

    def line(self, text: str) -> None:
        """Writes one line into the log, and on stderr where that is no terminal: there the bars show the same."""
        self.log(text)
        if not err.is_terminal:
            err.print(text, markup=False, highlight=False, soft_wrap=True)

    def listener(self, what: str, *, with_time_left: bool = False) -> Progress:
        """A listener with a bar of its own. After some seconds, it reports a line whenever another tenth is done.

        with_time_left: Whether the lines say how long the rest takes, as the bars do.
        """
        task = self.bars.add_task(what, total=None)
        started = time.monotonic()

        def line(done: int, total: int) -> None:
            left_s = (time.monotonic() - started) * (total - done) / max(done, 1)
            left = f", about {_duration(left_s)} left" if with_time_left and done < total else ""
            self.line(f"{what}: {done} of {total}{left}")

        lines = each_tenth(line)

        def call(done: int, total: int) -> None:
            self.bars.update(task, completed=done, total=total)
            if time.monotonic() - started > QUIET_S:
                lines(done, total)

        return call


def _duration(seconds: float) -> str:
    """A duration for people: "40 s", "12 min", "3.5 h"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


@contextmanager
def open_progress(folder: Path | None = None, *, keeps_log: bool = True) -> Iterator[CommandProgress]:
    """The progress of a command, with a log in a folder; without one, in the installation's `logs`.

    keeps_log: False for a command that works without an installation and makes none.
    """
    if keeps_log and folder is None:
        with suppress(OSError):  # a read-only place: no log is kept there
            Home.of().make_root()
    folder = folder or Home.of().logs
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # else an empty line is all that a log would get
    )
    with _opened_log(folder if keeps_log else None) as log, bars:
        yield CommandProgress(bars, log.write)


def _opened_log(folder: Path | None) -> IO[str]:
    """The log in a folder; nothing is kept without a folder, or where it cannot be written, as in a read-only home."""
    if folder:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return (folder / LOG_NAME).open("a", encoding="utf-8", buffering=1)
    return Path(os.devnull).open("a", encoding="utf-8")
