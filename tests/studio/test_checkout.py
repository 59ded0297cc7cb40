"""Tintoon runs from its checkout: elsewhere it ends with one line that says so."""

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("assets", "demo", "models", "pipelines", "studio")


def test_without_its_checkout_it_ends_with_one_clear_line(tmp_path):
    for package in PACKAGES:  # as a wheel puts them into site-packages
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for arguments in (["run", "all"], ["--help"]):
        done = subprocess.run(
            [sys.executable, "-c", "from studio.cli import main; main()", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"tintoon: {tmp_path} is no checkout of Tintoon, titles.yaml is missing: ")
        assert "clone it and run 'make install' there" in line
        assert done.stdout == ""


def test_no_index_takes_it():
    assert '"Private :: Do Not Upload"' in (PROJECT / "pyproject.toml").read_text()
