"""Panels of many issues at once: all cores that this process may use, against one of them, by wall time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.comics import pages_of
from benchmarks.curve import Curve
from benchmarks.rounds import Times, in_turns
from benchmarks.row import Row, check_equal, row_of_times
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake, issue_key
from pipelines.panels.params import PanelParams
from pipelines.previews.panels import build_drawn_panels
from pipelines.titles import Title


def collected(folder: Path, issues: int, *, pages: int) -> tuple[Lake, list[str]]:
    """A lake with so many issues of so many pages each, of the comics in turn; and their keys."""
    found = pages_of()
    for number in range(issues):
        place = folder / "comics" / str(number)
        place.mkdir(parents=True)
        for page in range(pages):
            path = found[(number * pages + page) * 7 % len(found)]
            shutil.copyfile(path, place / f"{page:03}{path.suffix}")
    title = Title(
        key="all", source="folder", address=str(folder / "comics"), licence="CC0-1.0", attribution="see the comics"
    )
    lake = Lake.at(folder / "lake")
    keys = [issue_key("all", str(number)) for number in range(issues)]
    every = sources(Client())
    for key in keys:
        collect_issue(key, {"all": title}, every, lake)
    return lake, keys


def build(lake: Lake, keys: list[str]) -> dict[str, str]:
    """Cuts the panels of all issues and draws their previews; returns the digest of each."""
    for key in keys:
        lake.panels(key).unlink(missing_ok=True)
    found = build_drawn_panels(dict.fromkeys(keys, PanelParams()), lake)
    digests: dict[str, str] = {}
    for key, result in found:
        if isinstance(result, Exception):
            raise result
        digests[key] = result.report.digest
    return digests


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Lets this thread, and the processes that it starts, use so many cores inside the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measured(issues: int, *, pages: int, rounds: int) -> dict[str, Times]:
    """Times of building on all cores and on one; their panels are the same."""
    with tempfile.TemporaryDirectory() as folder:
        lake, keys = collected(Path(folder), issues, pages=pages)

        def on_one() -> dict[str, str]:
            with cores(1):
                return build(lake, keys)

        check_equal(build(lake, keys), on_one(), "panels")
        return in_turns({"all": lambda: build(lake, keys), "one": on_one}, rounds=rounds, warm_up=0)


def run(quick: bool) -> list[Row]:
    """How many times faster all cores are than one."""
    issues, pages = (3, 2) if quick else (200, 3)
    count = len(os.sched_getaffinity(0))
    times = measured(issues, pages=pages, rounds=1)
    return [
        row_of_times(
            "panels of many issues on all cores",
            times,
            ours="all",
            peer="one",
            target=0.85 * count,
            better="higher",
            clock="wall",
            why="worker processes take some seconds of imports before they begin, and the first issue is cut before "
            "there are any; other work on the machine takes from them",
            facts={"cores": count, "issues": issues, "pages an issue": pages},
        )
    ]


def curves(quick: bool) -> list[Curve]:
    """Pages a second, by wall time, over cores: one and all."""
    issues, pages = (4, 2) if quick else (400, 4)
    times = measured(issues, pages=pages, rounds=1)
    count = len(os.sched_getaffinity(0))
    points = [(1.0, issues * pages / times["one"].wall_s), (float(count), issues * pages / times["all"].wall_s)]
    return [Curve(name="panels of many issues", size="cores", cost="pages a second", points=points)]
