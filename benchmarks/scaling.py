"""How costs grow: measures every curve, fits its exponent, and draws it for `docs/performance.md`.

    python -m benchmarks.scaling [NAME ...] [--quick]

Minutes to an hour, so it is no part of `make bench`. The points are kept in `benchmarks/results/scaling.json`; a run of
some curves leaves the others as they were.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.curve import Curve
from benchmarks.results import FOLDER, commit, machine

CURVES: dict[str, str] = {
    # name: the module of this package that has `curves(quick: bool) -> list[Curve]`.
    "training_memory": "training_memory",
    "scrape": "scrape",
    "many_issues": "many_issues",
    "unchanged_runs": "unchanged_runs",
    "colorize": "colorize",
    "near_hashes": "near_hashes",
}
POINTS = FOLDER / "scaling.json"
PLOT = Path(__file__).resolve().parents[1] / "docs" / "performance.png"


def plot(curves: list[Curve], path: Path = PLOT) -> None:
    """Draws all curves on logarithmic axes, with their fitted lines and exponents."""
    import matplotlib.pyplot as plt

    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.6 * columns, 3.6 * rows), squeeze=False)
    for place, axis in zip(curves, axes.flat, strict=False):
        sizes, costs = zip(*place.points, strict=True)
        axis.loglog(sizes, costs, "o")
        fitted = [size for size in sizes if size >= place.fitted_from]
        axis.loglog(fitted, [place.at(size) for size in fitted], "-", label=f"exponent {place.exponent:.2f}")
        axis.set(title=place.name, xlabel=place.size, ylabel=place.cost)
        axis.title.set_fontsize(9)
        axis.tick_params(which="both", labelsize=7)
        axis.legend(fontsize=8)
    for axis in list(axes.flat)[len(curves) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def kept() -> dict[str, list[Curve]]:
    """The curves that were measured, by the name of their measurement."""
    if not POINTS.exists():
        return {}
    found = json.loads(POINTS.read_text("utf-8"))["curves"]
    return {
        name: [Curve(**{**one, "points": [tuple(point) for point in one["points"]]}) for one in curves]
        for name, curves in found.items()
    }


def main() -> None:
    """Measures, keeps, draws and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"Of: {', '.join(CURVES)}; empty: all.")
    parser.add_argument("--quick", action="store_true", help="Small sizes, kept nowhere: does it work?")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)  # in this process, as JSON to stdout
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CURVES]:
        parser.error(f"no curve {unknown[0]!r}; there are: {', '.join(CURVES)}")
    if options.one:
        (name,) = options.names
        curves = import_module(f"benchmarks.{CURVES[name]}").curves(options.quick)
        sys.stdout.write("\n" + json.dumps([asdict(curve) for curve in curves]) + "\n")
        return
    found = kept()
    for name in options.names or list(CURVES):
        sys.stderr.write(f"{name} ...\n")
        command = [sys.executable, "-m", "benchmarks.scaling", name, "--one", *(["--quick"] if options.quick else [])]
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[name] = [Curve(**one) for one in json.loads(ended.stdout.splitlines()[-1])]
        for curve in found[name]:
            sys.stdout.write(f"{curve.name}: {curve.points}, exponent {curve.exponent:.2f}\n")
    if options.quick:
        return
    result = {**commit(), **machine(), "curves": {name: [asdict(one) for one in found[name]] for name in found}}
    FOLDER.mkdir(exist_ok=True)
    POINTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot([curve for name in CURVES if name in found for curve in found[name]])


if __name__ == "__main__":
    main()
