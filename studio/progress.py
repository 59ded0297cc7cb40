"""The progress of commands: bars on a terminal, else lines on stderr. Lines also go to the installation's log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
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
        """Writes one line into the log."""
        self._write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {text}\n")

    def line(self, text: str) -> None:
        """Writes one line into the log, and on stderr where that is no terminal: there the bars show the same."""
        self.log(text)
        if not err.is_terminal:
            err.print(text, markup=False, highlight=False, soft_wrap=True)

    def listener(self, what: str) -> Progress:
        """A listener with a bar of its own. After some seconds, it reports a line whenever another tenth is done."""
        task = self.bars.add_task(what, total=None)
        lines = each_tenth(lambda done, total: self.line(f"{what}: {done} of {total}"))
        started = time.monotonic()

        def call(done: int, total: int) -> None:
            self.bars.update(task, completed=done, total=total)
            if time.monotonic() - started > QUIET_S:
                lines(done, total)

        return call


@contextmanager
def open_progress(folder: Path | None = None) -> Iterator[CommandProgress]:
    """The progress of a command, with a log in a folder; without one, in the installation's `logs`."""
    folder = folder or Home.of().logs
    folder.mkdir(parents=True, exist_ok=True)
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # else an empty line is all that a log would get
    )
    with (folder / LOG_NAME).open("a", encoding="utf-8", buffering=1) as log, bars:
        yield CommandProgress(bars, log.write)
