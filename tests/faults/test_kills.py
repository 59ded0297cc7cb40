"""kill -9 at random moments: the next run completes, and nothing is lost, doubled, half-written or left over.

Only kills that a command had not escaped count: one that came too late is tried again.
"""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

import cv2
import pytest

from tests.faults.commands import Command, Commands
from tests.faults.homes import GROUPS, SMALL, Undisturbed, draw_pages, undisturbed
from tests.faults.rounds import look_at, look_at_colored, record, unclear
from tests.installation import Installation

ROUNDS = {False: 1, True: 3}
"""Kills in each stage, by whether the form is long."""

TRIES = 8
"""So often a kill may come too late."""


@pytest.mark.parametrize("number", range(len(GROUPS)), ids=[stages[0] for stages in GROUPS])
def test_stages(commands: Commands, tmp_path: Path, seed: int, is_long: bool, number: int):
    """In the short form one stage of the group: by the seed, or the promotion, which comes last."""
    generator = random.Random(f"{seed} {number}")
    group = undisturbed(commands, number)
    short = "champion" if "champion" in group.stages else generator.choice(group.stages)
    for stage in group.stages if is_long else [short]:
        for _ in range(ROUNDS[is_long]):
            home = _killed_in(stage, group, commands, tmp_path / "home", generator)
            assert home.half_written() == {}
            again = commands.start(home, "run", *group.stages, *SMALL)
            code = again.wait()
            assert code == 0, again.errors
            record(look_at(f"kill -9: {stage}", home, group.pages, group.done, unclear(again.errors, code)))


def _killed_in(
    stage: str, group: Undisturbed, commands: Commands, place: Path, generator: random.Random
) -> Installation:
    """A home whose group of stages was killed while that stage worked, or soon after."""
    for _ in range(TRIES):
        home = group.home(place)
        command = commands.start(home, "run", *group.stages, *SMALL)
        _wait_until_started(stage, command)
        time.sleep(generator.uniform(0, group.seconds[stage]))
        if command.kill() == -SIGKILL:
            return home
    raise AssertionError(f"{TRIES} kills in {stage} came too late")


def _wait_until_started(stage: str, command: Command) -> None:
    started = re.compile(rf"^{stage}( \S+)?: started", re.MULTILINE)
    _until(lambda: bool(started.search(command.errors)) or not command.is_running)


def _until(is_time: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not is_time():
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.02)


def test_colorize(commands: Commands, tmp_path: Path, seed: int, is_long: bool):
    """A folder of pictures: after the kill nothing is half-written under its name, and the next run completes it."""
    generator = random.Random(seed)
    pages, home = tmp_path / "pages", Installation(tmp_path / "home")
    draw_pages(pages)
    start = time.monotonic()
    first = commands.start(home, "colorize", str(pages), str(tmp_path / "first"), "--gray")
    assert first.wait() == 0, first.errors
    seconds = time.monotonic() - start
    rounds = tries = 0
    while rounds < (4 if is_long else 1):
        tries += 1
        assert tries <= TRIES * (rounds + 1), "the kills came too late"
        out = tmp_path / f"out{tries}"
        killed = commands.start(home, "colorize", str(pages), str(out), "--gray")
        time.sleep(generator.uniform(0, seconds))
        if killed.kill() != -SIGKILL:
            continue
        rounds += 1
        half = sum(cv2.imread(str(path)) is None for path in out.glob("*.png"))
        again = commands.start(home, "colorize", str(pages), str(out), "--gray")
        code = again.wait()
        assert code == 0, again.errors
        record(look_at_colored("kill -9: colorize", pages, out, half, unclear(again.errors, code)))
