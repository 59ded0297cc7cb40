"""Small homes for faults: a title in a folder, its pages, and everything that is made of them in seconds.

Each group of stages is run undisturbed once a test run; a fault then strikes the same group, in a copy of the home as
it was before.
"""

import json
import re
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from demo.draw import draw_webtoon
from tests.faults.commands import Commands
from tests.faults.places import used_kib
from tests.installation import Installation
from tests.prepared import prepared

ISSUES = 3

SMALL = ("--recipe", "webtoon_l2", "--config", str(Path(__file__).with_name("small.yaml")))

GROUPS = (
    ("issue_pages", "panels"),
    ("unique_panels", "issue_splits", "gray_panels", "edge_panels", "line_panels", "training_set"),
    ("colorizer", "evaluation", "leaderboard", "champion"),
)
"""All stages, in the order of the lineage."""


@dataclass(frozen=True)
class Undisturbed:
    """A group of stages as it runs when nothing is in its way."""

    stages: tuple[str, ...]
    before: Path
    """The home before it. Read it only."""
    seconds: dict[str, float]
    """How long each stage took, all its partitions together."""
    growth_kib: int
    """So much larger is the home after it."""
    pages: list[tuple[str, int]]
    """The pages of the title: (issue key, number)."""
    done: tuple[str, ...]
    """The stages that the home has behind it after this group."""

    @property
    def done_before(self) -> tuple[str, ...]:
        """The stages that the home had behind it before this group."""
        return self.done[: -len(self.stages)]

    def home(self, place: Path) -> Installation:
        """A copy of the home before the group, which replaces what is at the place."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.before, place)
        return Installation(place, _variables())


def undisturbed(commands: Commands, number: int) -> Undisturbed:
    """The group of this number, run once a test run, after those before it."""
    before = _home_before(commands, number)
    after = _home_before(commands, number + 1)
    said = (after.parent / "said.txt").read_text()
    seconds: defaultdict[str, float] = defaultdict(float)
    for stage, length in re.findall(r"^(\w+): done in ([\d.]+) s", said, re.MULTILINE):
        seconds[stage] += float(length)
    return Undisturbed(
        GROUPS[number],
        before,
        dict(seconds),
        max(0, used_kib(after) - used_kib(before)),
        [(key, page) for key, page in json.loads((_title() / "pages.json").read_text())],
        sum(GROUPS[: number + 1], ()),
    )


def draw_pages(folder: Path) -> None:
    """Four small gray pictures, to be coloured."""
    folder.mkdir()
    for number in range(4):
        picture = np.full((60, 80), 60 + 40 * number, np.uint8)
        cv2.putText(picture, str(number), (20, 45), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
        cv2.imwrite(str(folder / f"{number}.png"), picture)


def _home_before(commands: Commands, number: int) -> Path:
    def make(folder: Path) -> None:
        if number == 0:
            Installation.with_stores(folder / "home", _variables()).run("sync")
            return
        shutil.copytree(_home_before(commands, number - 1), folder / "home")
        command = commands.start(Installation(folder / "home", _variables()), "run", *GROUPS[number - 1], *SMALL)
        assert command.wait() == 0, command.errors
        (folder / "said.txt").write_text(command.errors)

    return prepared(f"faults-{number}", make) / "home"


def _variables() -> dict[str, str]:
    return {"TINTOON_TITLES": str(_title() / "titles.yaml")}


def _title() -> Path:
    return prepared("faults-title", _draw_title)


def _draw_title(folder: Path) -> None:
    """Writes titles.yaml, a folder of pages, and which pages they are."""
    pages = []
    for issue in draw_webtoon(seed=3, issues=ISSUES, panels_per_issue=6).issues:
        for number, data in enumerate(issue.slices, start=1):
            page = folder / "drawn" / f"{issue.number:02}" / f"{number:02}.jpg"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(data)
            pages.append((f"drawn__{issue.number:02}", number))
    title = {"source": "folder", "address": "drawn", "licence": "CC0-1.0", "attribution": "test"}
    (folder / "titles.yaml").write_text(yaml.safe_dump({"titles": {"drawn": title}}))
    (folder / "pages.json").write_text(json.dumps(pages))
