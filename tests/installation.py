"""A fresh installation below a temporary folder, used as a person would: by its command line, in its own process."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

    def half_written(self) -> list[Path]:
        """Files that a killed process left half-written, where a reader could take them for whole."""
        return [path for path in (self.home / "lake").rglob("*") if path.is_file() and path.stat().st_size == 0]


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
