"""A fresh installation below a temporary folder, used as a person would: by its command line, in its own process."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pipelines.images.decode import decode_picture

PROJECT = Path(__file__).resolve().parents[1]
QUICK = PROJECT / "tests" / "quick.yaml"
SHARED = PROJECT.parent / "shared"


@dataclass(frozen=True)
class Installation:
    """One TINTOON_HOME, and `tintoon` over it."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        # On a busy machine torch's threads wait for each other actively: tiny networks train ten times slower.
        return {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TINTOON_HOME": str(self.home),
            "COLUMNS": "200",
            **self.variables,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on running."""
        command = [sys.executable, "-c", "from studio.cli import main; main()", *arguments]
        return subprocess.Popen(
            command, cwd=PROJECT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def try_to(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command, run to its end."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

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
        case ".md":
            if not path.read_text("utf-8").endswith("\n"):
                raise ValueError("no whole text")
        case _:
            raise ValueError("a file that no stage is known to write: teach half_written() to read it")


def free_port() -> int:
    """A port whose neighbour is free too: the drawn site takes both."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
