"""Rounds in which a peer and our code take turns, so that a slow moment of the machine meets both."""

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment of a benchmark. What runs on several cores says so itself, and is measured by wall time."""


@dataclass(frozen=True)
class Times:
    """Seconds of one part in each round, in their order."""

    cpu: tuple[float, ...]
    """Of all threads of this process, and of the processes that it started and that ended."""
    wall: tuple[float, ...]

    @property
    def cpu_s(self) -> float:
        """The median of the CPU times."""
        return median(self.cpu)

    @property
    def wall_s(self) -> float:
        """The median of the wall times."""
        return median(self.wall)


def in_turns(parts: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1) -> dict[str, Times]:
    """Runs all parts once a round, in their order, and returns their times by name.

    warm_up: Rounds before, which do not count: imports, caches, compilation.
    """
    cpu: dict[str, list[float]] = {name: [] for name in parts}
    wall: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(-warm_up, rounds):
        for name, run in parts.items():
            cpu_before, wall_before = _cpu_seconds(), time.perf_counter()
            run()
            wall_s, cpu_s = time.perf_counter() - wall_before, _cpu_seconds() - cpu_before
            if number >= 0:
                cpu[name].append(cpu_s)
                wall[name].append(wall_s)
    return {name: Times(tuple(cpu[name]), tuple(wall[name])) for name in parts}


def ratios(ours: Times, peer: Times, *, clock: str = "cpu") -> list[float]:
    """Our time divided by the peer's, round by round."""
    pairs = zip(getattr(ours, clock), getattr(peer, clock), strict=True)
    return [own / other for own, other in pairs]


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
