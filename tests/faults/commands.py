"""`tintoon` in processes that can be killed: forked from one that has imported everything, so that each is cheap."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from uuid import uuid4

from tests.installation import PROJECT, Installation


@dataclass
class Command:
    """One command that runs, or ran."""

    line: str
    number: int
    """Of its process."""
    printed: Path
    """The file that holds what it says on stderr; its exit status is beside it."""

    @property
    def is_running(self) -> bool:
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> int:
        """Ends it as `kill -9` does, unless it has ended. Returns -9, or the exit status of one that had ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)
        return self.wait()

    def wait(self, seconds: float = 300) -> int:
        """Its exit status; -9 of one that was killed."""
        deadline = time.monotonic() + seconds
        while self.is_running:
            assert time.monotonic() < deadline, f"tintoon {self.line} does not end:\n{self.errors}"
            time.sleep(0.02)
        status = self.printed.with_suffix(".status")
        return int(status.read_text()) if status.exists() else -signal.SIGKILL

    @property
    def errors(self) -> str:
        """What it said on stderr."""
        return self.printed.read_text(errors="replace")


class Commands:
    """A process that starts commands."""

    def __init__(self, server: "subprocess.Popen[str]", folder: Path) -> None:
        self._server = server
        self._folder = folder

    def start(self, installation: Installation, *arguments: str, limit_bytes: int = 0) -> Command:
        """A command in a process of its own; limit_bytes: the size that no file of it may pass, where it is not 0."""
        printed = self._folder / f"{uuid4().hex}.txt"  # not beside the home, whose disk may be full
        printed.touch()
        job = {"variables": installation.environment, "arguments": arguments, "printed": str(printed)}
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps({**job, "limit_bytes": limit_bytes}) + "\n")
        self._server.stdin.flush()
        return Command(" ".join(arguments), int(self._server.stdout.readline()), printed)


@contextmanager
def started_server(folder: Path) -> Iterator[Commands]:
    """The process that starts commands, until the block ends. folder: For what they say."""
    server = subprocess.Popen(
        [sys.executable, "-c", "from tests.faults.commands import serve; serve()"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Commands(server, folder)
    finally:
        assert server.stdin
        server.stdin.close()
        server.wait()


_LOADED_ONCE = (
    *("mlflow", "torch", "torch._dynamo", "lightning", "skimage.morphology", "scipy.ndimage"),
    *("pandas", "numba", "matplotlib.pyplot", "studio.cli.app"),
)
"""What takes long to load, and the commands need sooner or later."""


def serve() -> None:
    """In the process that starts commands: one for each line of its input; prints the number of its process."""
    for name in _LOADED_ONCE:
        import_module(name)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a command that has ended is gone
    for line in sys.stdin:
        job = json.loads(line)
        number = os.fork()
        if number == 0:
            _run(job["variables"], job["arguments"], Path(job["printed"]), job["limit_bytes"])
        print(number, flush=True)  # noqa: T201


def _run(variables: dict[str, str], arguments: list[str], printed: Path, limit_bytes: int) -> None:
    """In the process of a command."""
    import resource

    from studio.cli.app import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(variables)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(os.open(printed, os.O_WRONLY | os.O_APPEND), 2)
    sys.argv = ["tintoon", *arguments]
    if limit_bytes:
        # Of this process alone; what it says is short.
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    sys.stderr.flush()
    printed.with_suffix(".status").write_text(str(code))
    os._exit(code)
