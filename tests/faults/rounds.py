"""What is counted after each fault: rows lost and doubled, files half-written and left over, unclear errors."""

import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
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


def look_at(what: str, installation: Installation, pages: Iterable[tuple[str, int]] = (), unclear: int = 0) -> Counts:
    """Counts what is wrong in a home where every command was run to its end.

    pages: The pages that must be there, as (issue key, number); of a home where nothing was collected, none.
    """
    lake = installation.home / "lake"
    found = [
        (f"{path.parent.name}__{path.stem}", number)
        for path in lake.glob("issue_pages/*/*.parquet")
        for number in pq.read_table(path, columns=["page"])["page"].to_pylist()
    ]
    panels = [name for path in lake.glob("panels/*/*.parquet") for name in _column(path, "panel_id")]
    decided = _column(lake / "unique_panels.parquet", "panel_id")
    issues = {key for key, _ in found}
    split = _column(lake / "issue_splits.parquet", "key")
    lost = len(set(pages) - set(found))
    lost += len(set(panels) ^ set(decided)) if decided else 0
    lost += len(issues - set(split)) if split else 0
    doubled = sum(len(rows) - len(set(rows)) for rows in (found, panels, decided, split)) + _doubled_runs(installation)
    return Counts(
        what,
        lost=lost,
        doubled=doubled,
        half_written=len(installation.half_written()),
        leftovers=len(_leftovers(installation)),
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
    """Trainings with more than one MLflow run, and runs of Dagster that seem to go on."""
    with sqlite3.connect(installation.home / "mlflow" / "mlflow.db") as store:
        names = store.execute("SELECT name, COUNT(*) FROM runs GROUP BY name, experiment_id").fetchall()
        versions = store.execute("SELECT COUNT(*) FROM model_versions GROUP BY name, run_id").fetchall()
    store.close()
    return sum(count - 1 for _, count in names) + sum(count - 1 for (count,) in versions)
