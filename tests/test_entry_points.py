"""Each program starts from a shell; everything else about it is tested in process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import PROJECT

PROGRAMS = {
    "tintoon": [str(Path(sys.executable).with_name("tintoon"))],
    "pipelines": [sys.executable, "-m", "pipelines"],
    "demo.naver": [sys.executable, "-m", "demo.naver"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_explains_itself(program: str):
    done = subprocess.run([*PROGRAMS[program], "--help"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage:" in done.stdout.lower()


def test_bad_input_is_one_line_and_a_failure():
    command = [*PROGRAMS["tintoon"], "cut", "none.png"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tintoon: none.png: no such file\n"
