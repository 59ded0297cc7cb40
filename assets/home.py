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
    def dagster(self) -> Path:
        """Dagster's own folder, its DAGSTER_HOME."""
        return self.root / "dagster"

    def prepare(self) -> None:
        """Makes the folders, puts the project's dagster.yaml where Dagster looks, and points Dagster there."""
        for folder in (self.dagster, self.root / "mlflow" / "artifacts"):
            folder.mkdir(parents=True, exist_ok=True)
        from pipelines.lake import atomic_write

        settings, ours = self.dagster / "dagster.yaml", (PROJECT / "dagster.yaml").read_bytes()
        if not settings.exists() or settings.read_bytes() != ours:
            with atomic_write(settings) as temporary:
                temporary.write_bytes(ours)
        os.environ["DAGSTER_HOME"] = str(self.dagster)


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
