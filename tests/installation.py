"""An installation below a temporary folder, used as a person would: by its command line."""

import io
import json
import os
import random
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pipelines.images.decode import decode_picture
from studio.cli import main
from tests.prepared import copy_dagster_store, copy_mlflow_store

PROJECT = Path(__file__).resolve().parents[1]
QUICK = PROJECT / "tests" / "quick.yaml"
SHARED = PROJECT.parent / "shared"


@dataclass(frozen=True)
class Installation:
    """One TINTOON_HOME, and `tintoon` over it."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def with_stores(cls, home: Path, variables: dict[str, str] | None = None) -> "Installation":
        """An installation whose Dagster and MLflow stores are there, empty: making them takes seconds."""
        copy_dagster_store(home / "dagster")
        copy_mlflow_store(home / "mlflow" / "mlflow.db")
        return cls(home, variables or {})

    @property
    def environment(self) -> dict[str, str]:
        """What this installation adds to the environment."""
        return {"TINTOON_HOME": str(self.home), **self.variables}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in a process of its own: one that goes on running, or is killed."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("tintoon")), *arguments],
            cwd=PROJECT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def try_to(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command, run to its end by the entry point, in this process."""
        output, errors, code = io.StringIO(), io.StringIO(), 0
        with (
            patch.dict(os.environ, self.environment),  # also undoes what the command sets
            patch.object(sys, "argv", ["tintoon", *arguments]),
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())

    def run(self, *arguments: str) -> str:
        """A command that must succeed; returns what it printed."""
        done = self.try_to(*arguments)
        assert done.returncode == 0, f"tintoon {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What a command with --json printed."""
        return json.loads(self.run(*arguments, "--json"))

    def half_written(self) -> dict[str, str]:
        """Files of the lake that a reader could take for whole and that do not open, with the reason.

        Whatever lies in a `.part` is not visible to readers: it was being written, or its writer was killed.
        """
        found: dict[str, str] = {}
        lake = self.home / "lake"
        for path in sorted(lake.rglob("*")):
            name = path.relative_to(lake)
            if not path.is_file() or any(part.endswith(".part") for part in name.parts):
                continue
            try:
                _read_whole(path)
            except (OSError, ValueError, EOFError, SafetensorError) as error:  # ArrowInvalid is a ValueError
                found[str(name)] = f"{type(error).__name__}: {error}"
        return found


def _read_whole(path: Path) -> None:
    """Reads a file as its readers do. Raises what they raise."""
    match path.suffix:
        case ".parquet":
            pq.read_table(path)
        case ".json":
            json.loads(path.read_bytes())
        case ".jsonl":
            for line in path.read_text().splitlines():
                json.loads(line)
        case ".npy":
            np.load(path, allow_pickle=False)
        case ".safetensors":
            load_file(path)
        case ".png" | ".jpg":
            decode_picture(path.read_bytes(), name=path.name)
        case ".page":  # a page of an interrupted collection: a line of its row, then its picture
            line, _, picture = path.read_bytes().partition(b"\n")
            if sha256(picture).hexdigest() != json.loads(line)["sha256"]:
                raise ValueError("no whole picture")
        case ".md":
            if not path.read_text("utf-8").endswith("\n"):
                raise ValueError("no whole text")
        case ".html":
            if not path.read_text("utf-8").rstrip().endswith("</html>"):
                raise ValueError("no whole page")
        case _:
            raise ValueError("a file that no stage is known to write: teach half_written() to read it")


def free_port() -> int:
    """A port whose neighbour is free too (the drawn site takes both), out of those that the system gives to nobody."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
