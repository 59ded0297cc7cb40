"""Kills, full disks, read-only places, two processes at once: the next run completes, and nothing is wrong.

The tests below bring one home through the lineage, and fail it first. They run in this order.
"""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.faults.commands import Commands
from tests.faults.homes import GROUPS, SMALL, draw_title, new_home
from tests.faults.places import read_only, resize, small_disk, used_kib
from tests.faults.rounds import Counts, look_at, record, unclear
from tests.installation import Installation

ROUNDS = {False: 1, True: 12}
"""Kills of each command, by whether the form is long."""


@pytest.fixture(scope="module")
def title(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, int]]]:
    folder = tmp_path_factory.mktemp("title")
    return folder, draw_title(folder)


@pytest.fixture(scope="module")
def home(title: tuple[Path, list[tuple[str, int]]], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A home that the tests below bring through the lineage, killing each command first."""
    return new_home(tmp_path_factory.mktemp("killed") / "home", title[0])


@pytest.mark.parametrize("stages", GROUPS, ids=lambda stages: stages[0])
def test_stages(
    commands: Commands,
    home: Installation,
    title: tuple[Path, list[tuple[str, int]]],
    stages: tuple[str, ...],
    seed: int,
    is_long: bool,
):
    """In the long form each stage of the group on its own, and often."""
    generator = random.Random(f"{seed} {stages}")
    for part in [(stage,) for stage in stages] if is_long else [stages]:
        before = home.home.with_name("before")
        shutil.copytree(home.home, before)
        for _ in range(ROUNDS[is_long]):
            shutil.rmtree(home.home)
            shutil.copytree(before, home.home)
            killed = commands.start(home, "run", *part, *SMALL)
            until(lambda killed=killed: ": started" in killed.errors)
            time.sleep(generator.uniform(0, 1.5 * len(part)))
            killed.kill()
            assert home.half_written() == {}
            again = commands.start(home, "run", *part, *SMALL)
            code = again.wait()
            assert code == 0, again.errors
            record(look_at(f"kill -9: {', '.join(part)}", home, title[1], unclear(again.errors, code)))
        shutil.rmtree(before)
    if stages == GROUPS[0]:
        shutil.copytree(home.home, home.home.with_name("collected"))


def until(is_time: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_time():
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.02)


def test_colorize(commands: Commands, tmp_path: Path, seed: int, is_long: bool):
    """A folder of pictures: after the kill nothing is half-written under its name, and the next run completes it."""
    generator = random.Random(seed)
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(4):
        picture = np.full((60, 80), 60 + 40 * number, np.uint8)
        cv2.putText(picture, str(number), (20, 45), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
        cv2.imwrite(str(pages / f"{number}.png"), picture)
    installation = Installation(tmp_path / "home")
    for turn in range(ROUNDS[is_long]):
        out = tmp_path / f"out{turn}"
        killed = commands.start(installation, "colorize", str(pages), str(out), "--gray")
        time.sleep(generator.uniform(1, 6))
        killed.kill()
        shown = sorted(out.glob("*.png"))
        half = sum(cv2.imread(str(path)) is None for path in shown)
        again = commands.start(installation, "colorize", str(pages), str(out), "--gray")
        code = again.wait()
        assert code == 0, again.errors
        colored = {path.name for path in out.iterdir()} - {".tintoon"}  # how a folder knows what was coloured by what
        wanted = {path.name for path in pages.iterdir()}
        left = [path for path in tmp_path.iterdir() if path.name.startswith(".") or path.name.endswith(".part")]
        record(
            Counts(
                "kill -9: colorize",
                lost=len(wanted - colored),
                half_written=half,
                leftovers=len(colored - wanted) + len(left),
                unclear=unclear(again.errors, code),
            )
        )


def test_a_full_disk(
    commands: Commands, home: Installation, title: tuple[Path, list[tuple[str, int]]], seed: int, is_long: bool
):
    """At random levels. Where nothing can be mounted, files that may not grow beyond random sizes."""
    generator = random.Random(f"{seed} disk")
    collected = home.home.with_name("collected")
    for _ in range(ROUNDS[is_long]):
        free_kib = generator.randrange(40, 6000 if is_long else 1200)
        place = home.home.with_name("disk")
        with small_disk(place, used_kib(collected) + free_kib) as is_disk:
            installation = Installation(place / "home", home.variables)
            shutil.copytree(collected, installation.home)
            limit = 0 if is_disk else free_kib * 1024
            stages = sum(GROUPS[1:], ()) if is_long else GROUPS[1][:2]
            failed = commands.start(installation, "run", *stages, *SMALL, limit_bytes=limit)
            code = failed.wait()
            wrong = unclear(failed.errors, code)
            assert installation.half_written() == {}
            if is_disk:
                resize(place, 4_000_000)
            again = commands.start(installation, "run", *stages, *SMALL)
            assert again.wait() == 0, again.errors
            what = f"full {'disk' if is_disk else 'limit of files'} ({'ended' if code else 'had room'})"
            record(look_at(what, installation, title[1], wrong + unclear(again.errors, 0)))
            assert wrong == 0, failed.errors
        shutil.rmtree(place, ignore_errors=True)


def test_a_read_only_lake(commands: Commands, home: Installation, title: tuple[Path, list[tuple[str, int]]]):
    """Where nothing can be mounted, the lake is asked for below /sys, where nobody may make anything."""
    copy = Installation(home.home.with_name("readonly"), home.variables)
    shutil.copytree(home.home.with_name("collected"), copy.home)
    with read_only(copy.home / "lake") as is_mounted:
        place = {} if is_mounted else {"TINTOON_LAKE": "/sys/tintoon"}
        refused = commands.start(Installation(copy.home, copy.variables | place), "run", "unique_panels", "issue_pages")
        assert refused.wait() == 1
        wrong = unclear(refused.errors, 1)
        assert wrong == 0, refused.errors
        if is_mounted:
            assert f"{copy.home / 'lake'}" in refused.errors
            assert "its file system is read-only; mount it for writing" in refused.errors
    record(look_at("read-only lake", copy, title[1], wrong))


def test_two_processes_at_once(
    commands: Commands, home: Installation, title: tuple[Path, list[tuple[str, int]]], is_long: bool
):
    stages = sum(GROUPS[1:], ()) if is_long else GROUPS[1][:2]
    for _ in range(ROUNDS[is_long]):
        copy = Installation(home.home.with_name("twice"), home.variables)
        shutil.copytree(home.home.with_name("collected"), copy.home)
        both = [commands.start(copy, "run", *stages, *SMALL) for _ in range(2)]
        wrong = sum(unclear(one.errors, one.wait()) for one in both)
        if is_long:  # what one of them was refused, the next one does
            again = commands.start(copy, "run", *stages, *SMALL)
            assert again.wait() == 0, again.errors
        counts = look_at("two at once", copy, title[1], wrong)
        shutil.rmtree(copy.home)
        record(counts)
