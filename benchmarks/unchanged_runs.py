"""Issues that did not change, through Dagster's runs and its SQLite store: many a run, against a run for each."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import numpy as np
from PIL import Image

from benchmarks.curve import Curve
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_limit, seconds

STAGES = ("issue_pages", "panels")


@contextmanager
def installation(issues: int) -> Iterator[tuple[dg.DagsterInstance, list[str]]]:
    """A home with so many issues of one small page each, collected and cut once; and their keys."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(issues):
            page = home / "comics" / f"{number:05}" / "1.jpg"
            page.parent.mkdir(parents=True)
            noise = np.random.default_rng(number).integers(0, 255, (40, 40, 3), np.uint8)
            Image.fromarray(noise).resize((320, 320)).save(page)
        (home / "titles.yaml").write_text(
            "titles:\n  small: {source: folder, address: comics, licence: CC0-1.0, attribution: nobody}\n"
        )
        names = {"TINTOON_HOME": folder, "TINTOON_TITLES": str(home / "titles.yaml"), "DAGSTER_HOME": f"{home}/dagster"}
        with patch.dict(os.environ, names):
            from studio.materialize import open_instance, register_issues

            with open_instance() as instance:
                keys = [f"small__{number:05}" for number in range(issues)]
                register_issues(keys, instance)
                many_a_run(instance, keys)
                yield instance, keys


def many_a_run(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """What `tintoon run issue_pages panels` does. Raises AssertionError where an issue fails."""
    from studio.materialize import Materialized, Selection, materialize

    ended: list[Materialized] = []
    materialize(
        STAGES,
        Selection([], issues=keys),
        instance=instance,
        config={},
        on_start=lambda *_: None,
        on_progress=lambda *_: None,
        on_end=ended.append,
    )
    assert len(ended) == len(STAGES) * len(keys), len(ended)
    assert not [one.problem for one in ended if one.problem], ended


def a_run_each(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """A run for each issue and stage."""
    for key in keys:
        many_a_run(instance, [key])


def versions(instance: dg.DagsterInstance, keys: Sequence[str]) -> dict[tuple[str, str], str]:
    """The data version of each issue in each stage, as Dagster has it."""
    found: dict[tuple[str, str], str] = {}
    for stage in STAGES:
        for key in keys:
            event = instance.get_latest_data_version_record(dg.AssetKey(stage), partition_key=key)
            assert event
            assert event.asset_materialization
            assert event.asset_materialization.tags
            found[stage, key] = event.asset_materialization.tags["dagster/data_version"]
    return found


def run(quick: bool) -> list[Row]:
    """CPU an issue, against a run each and against the 0.1 s that let a thousand issues take minutes."""
    issues, sample = (6, 2) if quick else (60, 3)
    with installation(issues) as (instance, keys):
        before = versions(instance, keys)
        a_run_each(instance, keys[:sample])
        check_equal(versions(instance, keys), before, "data versions after a run each")
        parts: dict[str, Callable[[], object]] = {
            "many a run": lambda: many_a_run(instance, keys),
            "a run each": lambda: a_run_each(instance, keys[:sample]),
        }
        times = in_turns(parts, rounds=1, warm_up=0)
        check_equal(versions(instance, keys), before, "data versions after runs over many")
    each, single = times["many a run"].cpu_s / issues, times["a run each"].cpu_s / sample
    facts = {"issues": issues, "stages": list(STAGES), "wall_s an issue": times["many a run"].wall_s / issues}
    return [
        Row(
            name="unchanged issues, many a run",
            ours=f"{1000 * each:.0f} ms an issue",
            peer=f"a run each {1000 * single:.0f} ms an issue",
            ratio=each / single,
            spread=None,
            target=0.2,
            why="Dagster writes two events an issue and stage (planned, materialized): about 10 ms of SQLite",
            facts=facts,
        ),
        row_of_limit("unchanged issues, against 0.1 s of CPU each", [each], 0.1, seconds, facts=facts),
    ]


def curves(quick: bool) -> list[Curve]:
    """CPU seconds of a run over issues that did not change, by their number."""
    points: list[tuple[float, float]] = []
    for issues in (5, 10) if quick else (10, 100, 1_000, 10_000):
        with installation(issues) as (instance, keys):
            times = in_turns({"ours": lambda i=instance, k=keys: many_a_run(i, k)}, rounds=1, warm_up=0)
        points.append((float(issues), times["ours"].cpu_s))
    return [Curve(name="runs over unchanged issues", size="issues", cost="CPU seconds", points=points, fitted_from=100)]
