"""One row of the table: our code against a peer or a limit, as a ratio with its target."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

from benchmarks.rounds import Times, ratios

Better = Literal["lower", "higher"]
Clock = Literal["cpu", "wall", "bytes", "count"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one comparison found."""

    name: str
    """What was measured, without numbers that change from run to run: results are compared by it."""
    ours: str
    """Our value with its unit, for people, such as "12.3 ms"."""
    peer: str
    """The peer's or the limit's name and value, such as "simplejpeg 2.1 ms"."""
    ratio: float
    spread: tuple[float, float] | None
    """The least and the greatest ratio of all rounds; None where it was measured once."""
    target: float | None
    """None: a fact beside others, without a target."""
    better: Better = "lower"
    clock: Clock = "cpu"
    why: str = ""
    """Where the target is out of reach: the limit, as measured."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Further numbers: medians of all parts in seconds, sizes, memory."""

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.better == "lower" else self.ratio >= self.target

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**asdict(self), "reached": self.reached}


def row_of_times(
    name: str,
    times: dict[str, Times],
    *,
    ours: str,
    peer: str,
    target: float | None,
    better: Better = "lower",
    clock: Literal["cpu", "wall"] = "cpu",
    why: str = "",
    facts: dict[str, Any] | None = None,
) -> Row:
    """The row of two parts of `in_turns`, by their names.

    better: "lower": the ratio is our time by the peer's; "higher": the peer's by ours, so many times faster are we.
    """
    found = ratios(times[ours], times[peer], clock=clock)
    if better == "higher":
        found = [1 / one for one in found]
    medians = {part: {"cpu_s": one.cpu_s, "wall_s": one.wall_s} for part, one in times.items()}
    return Row(
        name=name,
        ours=seconds(getattr(times[ours], f"{clock}_s")),
        peer=f"{peer} {seconds(getattr(times[peer], f'{clock}_s'))}",
        ratio=median(found),
        spread=(min(found), max(found)),
        target=target,
        better=better,
        clock=clock,
        why=why,
        facts={"medians": medians, "rounds": len(found), **(facts or {})},
    )


def row_of_limit(
    name: str,
    values: Sequence[float],
    limit: float,
    show: Callable[[float], str],
    *,
    clock: Clock = "cpu",
    why: str = "",
    facts: dict[str, Any] | None = None,
) -> Row:
    """The row of what we may take at most, such as seconds of a hint: `values` of all rounds, or one, by the limit."""
    found = [value / limit for value in values]
    return Row(
        name=name,
        ours=show(median(values)),
        peer=f"the limit {show(limit)}",
        ratio=median(found),
        spread=(min(found), max(found)) if len(found) > 1 else None,
        target=1.0,
        clock=clock,
        why=why,
        facts=facts or {},
    )


def megabytes(value: float) -> str:
    """MB for people."""
    return f"{value:.0f} MB"


def seconds(value: float) -> str:
    """Seconds for people: with the unit that fits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1 or unit == "us":
            return f"{value * factor:.3g} {unit}"
    raise AssertionError(value)


def check_equal(ours: object, peer: object, what: str) -> None:
    """Raises AssertionError, naming what differs: no speed counts where the output is another one."""
    if ours != peer:
        raise AssertionError(f"{what}: our output is not the peer's: {str(ours)[:200]} != {str(peer)[:200]}")
