"""The places of one installation: the folder `TINTOON_HOME`, and others that the environment may name.

TINTOON_HOME     everything local (default: `.tintoon` in the project)
  lake/            pictures, tables, arrays, checkpoints
  weights/         files of feature extractors: put there, or fetched
  logs/            log files of commands and services
  dagster/         Dagster's own store: runs, events, partitions
  mlflow/          MLflow's store: mlflow.db and artifacts/
  studies.db       rating studies
TINTOON_LAKE     another place for the lake: a folder or any fsspec URL
TINTOON_TITLES   another titles.yaml
TINTOON_STUDIES  another database of rating studies, e.g. a PostgreSQL URL
MLFLOW_TRACKING_URI   another MLflow store, e.g. a PostgreSQL URL or a server
TINTOON_MLFLOW_UI, TINTOON_DAGSTER_UI   where people reach the two UIs, for the links between them
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Home:
    """The places of one installation. Reading them touches no file; `prepare` makes the folders."""

    root: Path
    lake: str
    titles: Path
    studies: str
    """SQLAlchemy's URL; it may hold a password."""
    mlflow_uri: str
    mlflow_artifacts: str
    mlflow_ui: str
    dagster_ui: str

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Home":
        """The places that the environment names, or the defaults."""
        root = Path(environment.get("TINTOON_HOME") or PROJECT / ".tintoon").resolve()
        return cls(
            root=root,
            lake=environment.get("TINTOON_LAKE") or str(root / "lake"),
            titles=Path(environment.get("TINTOON_TITLES") or PROJECT / "titles.yaml").resolve(),
            studies=environment.get("TINTOON_STUDIES") or f"sqlite:///{root / 'studies.db'}",
            mlflow_uri=environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow' / 'mlflow.db'}",
            mlflow_artifacts=(root / "mlflow" / "artifacts").as_uri(),
            mlflow_ui=environment.get("TINTOON_MLFLOW_UI") or "http://127.0.0.1:5000",
            dagster_ui=environment.get("TINTOON_DAGSTER_UI") or "http://127.0.0.1:3000",
        )

    @property
    def logs(self) -> Path:
        """The folder of the log files of commands and services."""
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        """The folder of memory-mapped copies and of trainings that are under way."""
        return self.root / "cache"

    @property
    def dagster(self) -> Path:
        """Dagster's own folder, its DAGSTER_HOME."""
        return self.root / "dagster"

    def make_root(self) -> None:
        """Makes the home's own folder where it is missing: this user's alone (mode 0700).

        To share a home with a group, make its folder before.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def prepare(self) -> None:
        """Makes the folders, puts the project's dagster.yaml where Dagster looks, and points Dagster there.

        A dagster.yaml of the home that a person edited stays as it is.
        """
        self.make_root()
        for folder in (self.dagster, self.root / "mlflow" / "artifacts"):
            folder.mkdir(parents=True, exist_ok=True)
        _write_unless_edited(self.dagster / "dagster.yaml", (PROJECT / "dagster.yaml").read_bytes())
        os.environ["DAGSTER_HOME"] = str(self.dagster)


_FORMER_SETTINGS = frozenset({"cc573b7385e6d7a5ab5e153eed8d3bc3176e24b35708850409959ce319da3e78"})
"""SHA-256 of the dagster.yaml that version 0.1.0 put into homes, without a mark."""


def _write_unless_edited(path: Path, ours: bytes) -> None:
    """Writes a file with a mark in its first line, unless one is there that was edited since: its mark tells."""
    from pipelines.lake import atomic_write

    wanted = _mark(ours) + ours
    if path.exists():
        found = path.read_bytes()
        first, _, rest = found.partition(b"\n")
        is_unmarked_ours = found == ours or sha256(found).hexdigest() in _FORMER_SETTINGS
        if found == wanted or not (first + b"\n" == _mark(rest) or is_unmarked_ours):
            return
    with atomic_write(path) as temporary:
        temporary.write_bytes(wanted)


def _mark(content: bytes) -> bytes:
    """The first line of a file that is ours as long as the rest has this digest."""
    digest = sha256(content).hexdigest()[:16]
    return f"# Written by tintoon ({digest}). Once you edit it, it is yours: no later version changes it.\n".encode()


def require_checkout(project: Path = PROJECT) -> None:
    """Raises RuntimeError where the files that belong to a checkout are not beside the packages."""
    missing = [name for name in ("titles.yaml", "dagster.yaml", "workspace.yaml") if not (project / name).exists()]
    if missing:
        raise RuntimeError(
            f"{project} is no checkout of Tintoon, {missing[0]} is missing: Tintoon is not installed as a package, it "
            "runs from its repository; clone it and run 'make install' there"
        )


def commit() -> str:
    """The commit of the project's code, or `unknown` outside a git checkout."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=10
    )
    return found.stdout.strip() or "unknown"
