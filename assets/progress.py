"""The progress of long work: to a listener (the command line), else as lines in the run's log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import dagster as dg

from pipelines.progress import Progress, each_tenth

_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def report_progress_to(listener: Progress) -> Iterator[None]:
    """Sends the progress of everything that this thread runs inside the block to a listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def progress_of(log: dg.DagsterLogManager) -> Progress:
    """The listener; without one, a function that logs a line whenever another tenth is done."""
    return _listener.get() or each_tenth(lambda done, total: log.info(f"{done} of {total}"))
