"""The benchmarks, in the order of the lineage."""

from importlib import import_module

from benchmarks.row import Row

BENCHMARKS: tuple[str, ...] = ("scrape",)
