"""The steps of docs/architecture.md, followed in a copy of the checkout.

A block whose first line names a file (`# pipelines/...`) is a new file; with `, after:` its lines follow the first line
of the file that contains the text; with `, at the end` they end the file. Blocks marked `sh` are run.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installation import PROJECT

PAGE = PROJECT / "docs" / "architecture.md"
SECTION = re.compile(r"^## How to add (?P<name>.+)\n(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE)
BLOCK = re.compile(r"^ *```(?P<kind>python|sh)\n(?P<code>.*?)^ *```", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"# (?P<file>[\w/.]+\.py)(?:, after: (?P<line>.+)|(?P<end>, at the end))?\n")
COPIED = ("assets", "demo", "models", "pipelines", "studio", "tests")
SECTIONS = {found["name"]: found["text"] for found in SECTION.finditer(PAGE.read_text("utf-8"))}


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout that steps may change."""

    root: Path

    def write(self, code: str) -> None:
        """Follows a block of Python. Raises AssertionError where its place is not named, or gone."""
        place = PLACE.match(code)
        assert place, f"a block of Python begins with its file: {code[:80]!r}"
        path, lines = self.root / place["file"], code[place.end() :]
        if place["line"]:
            before = path.read_text("utf-8").splitlines(keepends=True)
            at = next((number for number, line in enumerate(before, 1) if place["line"] in line), None)
            assert at, f"{place['file']} has no line with {place['line']!r}"
            path.write_text("".join([*before[:at], lines, *before[at:]]), "utf-8")
        elif place["end"]:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\n\n{lines}")
        else:
            assert not path.exists(), f"{place['file']} is there already"
            path.write_text(lines, "utf-8")

    def run(self, command: str) -> None:
        """Runs one line of a block of shell, as in the checkout's environment."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TINTOON_HOME": str(self.root / ".tintoon"),
        }
        # The installed `tintoon` is that of the original checkout.
        command = re.sub("^tintoon ", "python -c 'from studio.cli import main; main()' ", command)
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=540,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for name in COPIED:
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "titles.yaml", "workspace.yaml", "dagster.yaml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    return Checkout(tmp_path)


def test_there_is_a_section_for_each_thing_that_people_add():
    assert set(SECTIONS) == {"a source", "a drop reason", "a recipe", "a metric", "an asset"}


@pytest.mark.parametrize("name", SECTIONS)
def test_following_the_steps_adds_it(name: str, checkout: Checkout):
    blocks = list(BLOCK.finditer(SECTIONS[name]))
    assert any(block["kind"] == "sh" for block in blocks), "the last step checks what was added"
    for block in blocks:
        indent = re.match(r" *", block[0])[0]  # type: ignore[index]
        code = re.sub(rf"^{indent}", "", block["code"], flags=re.MULTILINE)
        if block["kind"] == "python":
            checkout.write(code)
        else:
            for command in code.strip().splitlines():
                checkout.run(command)
