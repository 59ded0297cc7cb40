"""How long work says how far it is: to whoever listens (the command line's bars), else as lines in the run's log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def report_progress_to(listener: Progress) -> Iterator[None]:
    """Sends the progress of everything that this thread runs inside the block to a listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def progress_of(log: Any) -> Progress:
    """The listener, or lines in a log, one whenever another tenth is done."""
    listener = _listener.get()
    if listener is not None:
        return listener
    said = [0]

    def say(done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > said[0]:
            said[0] = tenth
            log.info(f"{done} of {total}")

    return say
