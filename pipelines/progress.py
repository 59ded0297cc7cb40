"""The way in which long work reports its progress to its caller."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


def each_tenth(report: Progress) -> Progress:
    """A listener that calls `report` only when another tenth is done. Less done than before: another work begins."""
    reported = last = 0

    def call(done: int, total: int) -> None:
        nonlocal reported, last
        if done < last:
            reported = 0
        last = done
        tenth = 10 * done // max(total, 1)
        if tenth > reported:
            reported = tenth
            report(done, total)

    return call


def unheard(_what: str) -> Progress:
    """A listener that does nothing, for a part of the work that nobody listens to."""
    return lambda _done, _total: None
