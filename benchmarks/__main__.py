"""`python -m benchmarks [NAME ...] [--quick] [--json FILE] [--keep]`: prints every row; see the package."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import keep, plot, result_of
from benchmarks.rounds import ONE_THREAD
from benchmarks.suite import BENCHMARKS, run_benchmark


def main() -> int:
    """Runs benchmarks; returns 1 where one failed or its output was not that of its reference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"Of: {', '.join(BENCHMARKS)}; empty: all.")
    parser.add_argument("--quick", action="store_true", help="Less data and fewer rounds: does it work?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Also write the rows there.")
    parser.add_argument("--keep", action="store_true", help="Keep the rows under the commit, and plot all commits.")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in this process, rows to --json
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    if options.keep and (options.quick or options.names):
        parser.error("--keep is for a whole run: without names and without --quick")
    if options.here:
        found = [row.to_json() for row in run_benchmark(options.names[0], quick=options.quick)]
        options.json.write_text(json.dumps(found), "utf-8")
        return 0
    started = time.perf_counter()
    found, failed = _each_alone(options.names or list(BENCHMARKS), quick=options.quick)
    seconds = time.perf_counter() - started
    _print(found, seconds)
    if options.json:
        options.json.write_text(json.dumps(result_of(found, seconds=seconds), indent=1) + "\n", "utf-8")
    if options.keep:
        out = keep(result_of(found, seconds=seconds))
        plot()
        sys.stderr.write(f"kept in {out}\n")
    for name in failed:
        sys.stderr.write(f"{name}: failed\n")
    return 1 if failed else 0


def _each_alone(names: list[str], *, quick: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of all benchmarks, each of a process of its own, and the names of those that failed."""
    found: list[dict[str, Any]] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            sys.stderr.write(f"{name} ...\n")
            path = Path(folder) / f"{name}.json"
            command = [sys.executable, "-m", "benchmarks", name, "--here", "--json", str(path)]
            ended = subprocess.run([*command, *(["--quick"] if quick else [])], env={**os.environ, **ONE_THREAD})
            if ended.returncode:
                failed.append(name)
            else:
                found += json.loads(path.read_text("utf-8"))
    return found, failed


def _print(rows: list[dict[str, Any]], seconds: float) -> None:
    console = Console(width=max(120, Console().width))
    table = Table("what", "ours", "peer or limit", "ratio", "spread", "target", "", box=None)
    for row in rows:
        sign = "<=" if row["better"] == "lower" else ">="
        spread = "" if row["spread"] is None else " .. ".join(f"{value:.3g}" for value in row["spread"])
        reached = {True: "reached", False: "short", None: ""}[row["reached"]]
        target = "" if row["target"] is None else f"{sign} {row['target']:.3g}"
        table.add_row(row["name"], row["ours"], row["peer"], f"{row['ratio']:.3g}", spread, target, reached)
    console.print(table)
    for row in rows:
        if row["why"] and not row["reached"]:
            console.print(f"{row['name']}: {row['why']}", markup=False, highlight=False)
    reached = sum(row["reached"] is True for row in rows)
    console.print(f"{reached} of {sum(row['target'] is not None for row in rows)} targets reached, {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
