"""What is counted after each fault: rows and tables lost, rows and MLflow runs doubled, files half-written and left
over, runs of Dagster that seem to go on, unclear errors."""

import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow.parquet as pq

from tests.installation import Installation
from tests.prepared import RUN_FOLDER

_FILE = "faults.jsonl"

_PROGRESS = re.compile(r"^[\w ]*( [\w.-]+)?: (started|done in|\d+ of \d+)")


@dataclass(frozen=True)
class Counts:
    """The faults of one kind, over its rounds."""

    what: str
    rounds: int = 1
    lost: int = 0
    doubled: int = 0
    half_written: int = 0
    leftovers: int = 0
    unclear: int = 0
    """Failures that were not one clear line."""

    @property
    def is_clean(self) -> bool:
        """True where nothing went wrong."""
        return not any(getattr(self, field.name) for field in fields(self)[2:])


def record(counts: Counts) -> None:
    """Keeps the counts of a round for the table at the end of the test run, then requires that they are zeros."""
    with (Path(os.environ[RUN_FOLDER]) / _FILE).open("a") as file:
        file.write(json.dumps(asdict(counts)) + "\n")
    assert counts.is_clean, counts


def table() -> list[str]:
    """All rounds of this test run, one line a kind."""
    path = Path(os.environ.get(RUN_FOLDER, "/nowhere")) / _FILE
    if not path.exists():
        return []
    names = [field.name for field in fields(Counts)]
    sums: dict[str, Counter[str]] = {}
    for line in path.read_text().splitlines():
        values = json.loads(line)
        sums.setdefault(values.pop("what"), Counter()).update(values)
    lines = [" ".join(f"{name:>12}" if name != "what" else f"{name:60}" for name in names)]
    lines += [f"{what[:60]:60}" + "".join(f" {counts[name]:12}" for name in names[1:]) for what, counts in sums.items()]
    return lines


def look_at(
    what: str,
    installation: Installation,
    pages: Iterable[tuple[str, int]],
    done: Collection[str],
    unclear: int = 0,
) -> Counts:
    """Counts what is wrong in a home where every command was run to its end.

    pages: The pages that must be there, as (issue key, number).
    done: The stages that were run to their ends: what they make must be there, and know all that came before it.
    """
    lake = installation.home / "lake"
    found = [
        (f"{path.parent.name}__{path.stem}", number)
        for path in lake.glob("issue_pages/*/*.parquet")
        for number in pq.read_table(path, columns=["page"])["page"].to_pylist()
    ]
    cut = {f"{path.parent.name}__{path.stem}": _column(path, "panel_id") for path in lake.glob("panels/*/*.parquet")}
    panels = [name for names in cut.values() for name in names]
    decided = _column(lake / "unique_panels.parquet", "panel_id")
    split = _column(lake / "issue_splits.parquet", "key")
    issues = {key for key, _ in pages}
    lost = len(set(pages) - set(found))
    if "panels" in done:
        lost += len(issues - cut.keys())
    if "unique_panels" in done:
        lost += len(set(panels) ^ set(decided))
    if "issue_splits" in done:
        lost += len(issues - set(split))
    lost += sum(not list(lake.glob(name)) for stage, names in _MADE.items() if stage in done for name in names)
    lost += int("champion" in done and _count(installation, "SELECT COUNT(*) FROM registered_model_aliases") == 0)
    return Counts(
        what,
        lost=lost,
        doubled=sum(len(rows) - len(set(rows)) for rows in (found, panels, decided, split))
        + _doubled_runs(installation),
        half_written=len(installation.half_written()),
        leftovers=len(_leftovers(installation)) + _open_runs(installation),
        unclear=unclear,
    )


_SPLITS = ("train", "val", "test")

_MADE = {
    **{f"{kind}_panels": [f"variants/{kind}/{split}.json" for split in _SPLITS] for kind in ("gray", "edge", "line")},
    "training_set": ["training_set.json"],
    "colorizer": ["trained/*/current.json", "trained/*/*/checkpoint.safetensors"],
    "evaluation": ["evaluations/webtoon_l2/latest.json"],
    "leaderboard": ["leaderboard.json"],
}
"""Files of the lake that each stage has made, as patterns."""


def look_at_colored(what: str, pages: Path, out: Path, half_written: int, unclear: int) -> Counts:
    """Counts what is wrong in a folder of coloured pictures, after the command was run to its end."""
    colored = {path.name for path in out.iterdir()} - {".tintoon"}  # how a folder knows what was coloured by what
    wanted = {path.name for path in pages.iterdir()}
    left = [path for path in out.parent.iterdir() if path.name.startswith(".") or path.name.endswith(".part")]
    return Counts(
        what,
        lost=len(wanted - colored),
        half_written=half_written,
        leftovers=len(colored - wanted) + len(left),
        unclear=unclear,
    )


def unclear(errors: str, code: int) -> int:
    """1 where a command failed without clear lines: a line a failure, and one that says `tintoon: ...` at the end."""
    said = [line for line in errors.splitlines() if line.strip()]
    lines = [line for line in said if line.startswith("tintoon: ") or not _PROGRESS.match(line)]
    if code == 0:
        return int(any("Traceback" in line for line in lines))
    is_clear = bool(lines) and lines[-1].startswith("tintoon: ") and not any(line.startswith("  ") for line in lines)
    return int(not is_clear or "Traceback" in errors)


def _column(path: Path, name: str) -> list[str]:
    return pq.read_table(path, columns=[name])[name].to_pylist() if path.exists() else []


def _leftovers(installation: Installation) -> list[Path]:
    home = installation.home
    parts = [*home.glob("lake/**/.*"), *home.glob("cache/**/*.part"), *home.glob("dagster/*.part")]
    return [*parts, *home.glob("cache/training/*/state.safetensors")]


def _doubled_runs(installation: Installation) -> int:
    """Trainings and leaderboards with more than one MLflow run, and runs with more than one version of their model.

    After a fault there may be two leaderboards: one without the colorizer that failed, and one with it.
    """
    return _count(
        installation,
        "SELECT COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM runs"
        " LEFT JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'digest' AND runs.name = 'leaderboard'"
        " GROUP BY name, experiment_id, tags.value)",
    ) + _count(
        installation,
        "SELECT COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM model_versions GROUP BY name, run_id)",
    )


def _open_runs(installation: Installation) -> int:
    """Runs of Dagster that seem to go on, though every command has ended."""
    return _count(
        installation,
        "SELECT COUNT(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')",
        store="dagster/history/runs.db",
    )


def _count(installation: Installation, question: str, store: str = "mlflow/mlflow.db") -> int:
    with closing(sqlite3.connect(installation.home / store)) as connection:
        return connection.execute(question).fetchone()[0]
