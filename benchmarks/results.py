"""Results by commit in `benchmarks/results/`, and a plot of the ratios over the commits."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.comics import comics_name

FOLDER = Path(__file__).parent / "results"

_PACKAGES = ("torch", "numpy", "opencv-contrib-python-headless", "pillow", "pyarrow", "pandas", "dagster", "mlflow")


def machine() -> dict[str, Any]:
    """What a result depends on beside the code."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def commit() -> dict[str, str | bool]:
    """The commit that is checked out: its name, its date, and whether files differ from it."""
    name, date = _git("log", "-1", "--format=%H %cI").split()
    return {"commit": name, "committed": date, "changed": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=FOLDER.parent).stdout.strip()


def result_of(rows: Iterable[dict[str, Any]], *, seconds: float) -> dict[str, Any]:
    """The rows of a whole run, with the commit, the machine, the versions and the comics that they depend on."""
    return {**commit(), **machine(), "comics": comics_name(), "seconds": round(seconds), "rows": list(rows)}


def keep(result: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Writes a result under the commit's name; a later run of the commit takes its place."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{result['commit'][:12]}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def kept(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The results of all commits, the oldest first."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json") if path.name != "scaling.json"
    ]
    return sorted(found, key=lambda one: one["committed"])


def plot(folder: Path = FOLDER) -> None:
    """Draws `ratios.png`: how far each row is from its target, over the commits.

    1 is the target; below it, it is reached.
    """
    import matplotlib.pyplot as plt

    runs = kept(folder)
    names = sorted({row["name"] for run in runs for row in run["rows"] if row["target"] is not None})
    figure, axes = plt.subplots(figsize=(11, max(4.0, 0.24 * len(names) + 1)))
    for place, name in enumerate(names):
        shares = [_share(run, name) for run in runs]
        last = max(age for age, share in enumerate(shares) if share is not None)
        for age, share in enumerate(shares):
            if share is not None:
                newest = age == last
                color = ("tab:green" if share <= 1 else "tab:red") if newest else "0.7"
                axes.plot(share, place, "o", color=color, markersize=7 if newest else 4)
    axes.axvline(1, color="0.4", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel("ratio by target (left of the line: reached); colour: the newest, gray: earlier ones")
    figure.tight_layout()
    figure.savefig(folder / "ratios.png", dpi=110)
    plt.close(figure)


def _share(run: dict[str, Any], name: str) -> float | None:
    """How many times the target a row's ratio is, where it was measured; below 1: better than the target."""
    for row in run["rows"]:
        if row["name"] == name and row["target"]:
            share = row["ratio"] / row["target"]
            return share if row["better"] == "lower" else 1 / share
    return None
