"""The benchmarks, in the order of the lineage."""

from importlib import import_module

from benchmarks.row import Row

BENCHMARKS: tuple[str, ...] = (
    "training_step",
    "loss_curves",
    "loader",
    # A module a line.
    "scrape",
    "cut",
    "storage",
    "stored_panels",
    "phash",
    "near_hashes",
    "unique_panels",
    "variants",
    "many_issues",
    "unchanged_runs",
    "colorize",
    "inference",
    "start_up",
)
"""Modules of this package that have `run(quick: bool) -> list[Row]`."""


def run_benchmark(name: str, *, quick: bool) -> list[Row]:
    """Runs one benchmark in this process.

    Raises ValueError for an unknown name, AssertionError where an output is not that of its reference.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    return import_module(f"benchmarks.{name}").run(quick)
