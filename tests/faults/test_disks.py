"""Disks that fill up and places that are read-only: one clear line, and the next run with room completes."""

import random
import shutil
from pathlib import Path

import cv2
import pytest

from tests.faults.commands import Commands
from tests.faults.homes import GROUPS, SMALL, draw_pages, undisturbed
from tests.faults.places import read_only, resize, small_disk, used_kib
from tests.faults.rounds import look_at, look_at_colored, record, unclear
from tests.installation import Installation

ROUNDS = {False: 1, True: 3}
"""Full disks for each group of stages, by whether the form is long."""

NUMBERS = range(len(GROUPS))


def _chosen(seed: int, what: str, is_long: bool) -> list[int]:
    """The groups that a fault strikes: each, or one by the seed."""
    return [*NUMBERS] if is_long else [random.Random(f"{seed} {what}").choice(NUMBERS)]


def test_a_full_disk(commands: Commands, tmp_path: Path, seed: int, is_long: bool):
    """At random levels, at most half of what the group needs; without mounts: files of random sizes."""
    generator = random.Random(f"{seed} disk")
    for number in _chosen(seed, "full disk", is_long) * ROUNDS[is_long]:
        group = undisturbed(commands, number)
        free_kib = generator.randrange(16, max(17, group.growth_kib // 2))
        place = tmp_path / "disk"
        with small_disk(place, used_kib(group.before) + free_kib) as is_disk:
            home = group.home(place / "home")
            failed = commands.start(
                home, "run", *group.stages, *SMALL, limit_bytes=0 if is_disk else max(4096, free_kib * 128)
            )
            code = failed.wait()
            wrong = unclear(failed.errors, code)
            assert wrong == 0, failed.errors
            assert home.half_written() == {}
            if is_disk:
                resize(place, 4_000_000)
            again = commands.start(home, "run", *group.stages, *SMALL)
            assert again.wait() == 0, again.errors
            what = f"full {'disk' if is_disk else 'limit of files'}: {group.stages[0]} ({_end(code)})"
            record(look_at(what, home, group.pages, group.done, unclear(again.errors, 0)))
        shutil.rmtree(place, ignore_errors=True)


def _end(code: int) -> str:
    return "ended" if code else "had room"


def test_a_full_disk_of_coloured_pictures(commands: Commands, tmp_path: Path, seed: int, is_long: bool):
    generator = random.Random(f"{seed} coloured")
    pages, home, place = tmp_path / "pages", Installation(tmp_path / "home"), tmp_path / "disk"
    draw_pages(pages)
    for _ in range(4 if is_long else 1):
        free_kib = generator.randrange(4, 40)
        with small_disk(place, free_kib) as is_disk:
            out = place / "out"
            limit = 0 if is_disk else free_kib * 100
            failed = commands.start(home, "colorize", str(pages), str(out), "--gray", limit_bytes=limit)
            code = failed.wait()
            half = sum(cv2.imread(str(path)) is None for path in out.glob("*.png"))
            wrong = unclear(failed.errors, code)
            assert wrong == 0, failed.errors
            if is_disk:
                resize(place, 100_000)
            again = commands.start(home, "colorize", str(pages), str(out), "--gray")
            assert again.wait() == 0, again.errors
            what = f"full {'disk' if is_disk else 'limit of files'}: colorize ({_end(code)})"
            record(look_at_colored(what, pages, out, half, unclear(again.errors, 0)))
        shutil.rmtree(place, ignore_errors=True)


def test_a_read_only_lake(commands: Commands, tmp_path: Path, seed: int, is_long: bool):
    """Where nothing can be mounted, the lake is asked for below /sys, where nobody may make anything.

    In the long form the stages are run again, when it may be written.
    """
    for number in _chosen(seed, "read-only", is_long):
        group = undisturbed(commands, number)
        home = group.home(tmp_path / "home")
        lake = home.home / "lake"
        lake.mkdir(exist_ok=True)
        with read_only(lake) as is_mounted:
            place = {} if is_mounted else {"TINTOON_LAKE": "/sys/tintoon"}
            refused = commands.start(Installation(home.home, home.variables | place), "run", *group.stages, *SMALL)
            assert refused.wait() == 1, refused.errors
            assert unclear(refused.errors, 1) == 0, refused.errors
            if is_mounted:
                assert str(lake) in refused.errors
                assert "its file system is read-only; mount it for writing" in refused.errors
        if is_long:
            again = commands.start(home, "run", *group.stages, *SMALL)
            assert again.wait() == 0, again.errors
        record(
            look_at(
                f"read-only lake: {group.stages[0]}",
                home,
                group.pages if is_long or number else (),
                group.done if is_long else group.done_before,
            )
        )


@pytest.mark.parametrize("kib", [64])
def test_a_small_disk_is_small(tmp_path: Path, kib: int):
    """The disks of these tests are full where they should be."""
    with small_disk(tmp_path / "disk", kib) as is_disk:
        if is_disk:
            with pytest.raises(OSError, match="No space left"):
                (tmp_path / "disk" / "file").write_bytes(bytes(kib * 2048))
