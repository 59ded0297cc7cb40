"""The installation on which `tintoon demo` ran from nothing: made once a test run, for tests to look at and to copy."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.installation import QUICK, Installation, free_port
from tests.prepared import prepared


@dataclass(frozen=True)
class DemoHome:
    """A home where the demo ran, the command that ran there, and what it printed on stdout and on stderr."""

    home: Path
    command: tuple[str, ...]
    printed: str
    progress: str

    def copied_to(self, home: Path) -> Installation:
        """The same installation at another place, with files of its own."""
        shutil.copytree(self.home, home)
        return Installation(home)


def demo_home() -> DemoHome:
    """The one of this test run. Read it only."""
    folder = prepared("demo", _run_demo)
    ran = json.loads((folder / "ran.json").read_text())
    return DemoHome(folder / "home", tuple(ran["command"]), ran["printed"], ran["progress"])


def _run_demo(folder: Path) -> None:
    command = ("demo", "--issues", "4", "--port", str(free_port()), "--config", str(QUICK))
    done = Installation(folder / "home").try_to(*command)
    assert done.returncode == 0, done.stderr
    ran = {"command": command, "printed": done.stdout, "progress": done.stderr}
    (folder / "ran.json").write_text(json.dumps(ran))
