"""Half-written neighbours of killed processes are removed, those of living ones stay."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors.leftovers import is_abandoned, name_of_part, part_name, remove_leftovers
from pipelines.lake import atomic_write
from tests.installation import PROJECT

WRITER = """
import os, signal, sys
from pathlib import Path
from pipelines.lake import atomic_write
with atomic_write(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    print(part.name, flush=True)
    {end}
"""


def writer(path: Path, *, end: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER.format(end=end), str(path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path):
    (tmp_path / "lake").mkdir()
    killed = writer(tmp_path / "lake" / "a.json", end="os.kill(os.getpid(), signal.SIGKILL)")
    living = writer(tmp_path / "lake" / "b.json", end="sys.stdin.read()")
    assert living.stdout
    left, written = killed.communicate()[0].strip(), living.stdout.readline().strip()
    with atomic_write(tmp_path / "lake" / "c.json") as mine:
        mine.write_text("{}")
        assert [path.name for path in remove_leftovers(tmp_path)] == [left]
    assert {path.name for path in (tmp_path / "lake").iterdir()} == {written, "c.json"}
    living.communicate("")
    assert {path.name for path in (tmp_path / "lake").iterdir()} == {"b.json", "c.json"}


@pytest.mark.parametrize("name", [".a.json.0123abcd.part", ".a.json.ffff-1-65000000-0123ab.part"])
def test_others_are_removed_after_a_day(tmp_path: Path, name: str):
    """Of earlier versions, and of other machines."""
    for made in (tmp_path / name, tmp_path / "folder" / f"{name}"):
        made.parent.mkdir(exist_ok=True)
        made.touch()
        assert not is_abandoned(made)
    assert remove_leftovers(tmp_path) == []
    os.utime(tmp_path / name, (0, 0))
    assert remove_leftovers(tmp_path) == [tmp_path / name]


def test_a_number_that_another_process_has_now(tmp_path: Path):
    machine, process, start, rest = part_name("x").removeprefix(".x.").split("-")
    left = tmp_path / f".x.{machine}-{process}-{int(start, 16) - 100:x}-{rest}"
    left.mkdir()
    (left / "array.npy").touch()
    assert remove_leftovers(tmp_path) == [left]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces of processes")
def test_another_container_of_the_same_host_name(tmp_path: Path):
    """Process 1 of one is not process 1 of the other: what it writes stays, though nobody here has its number."""
    if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this process may not make a namespace of processes")
    script = "from pipelines.errors.leftovers import part_name; print(part_name('a.json'))"
    here, there = (
        subprocess.run([*before, sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
        for before in ([], ["unshare", "--pid", "--fork", "--mount-proc"])
    )
    (tmp_path / here.stdout.strip()).touch()
    (tmp_path / there.stdout.strip()).touch()
    assert [path.name for path in remove_leftovers(tmp_path)] == [here.stdout.strip()]


def test_names():
    assert name_of_part(part_name("a.b.json")) == "a.b.json"
    assert name_of_part(".a.json.0123abcd.part") == "a.json"
    assert name_of_part("a.json") is None
    assert len(part_name("")) < 40
