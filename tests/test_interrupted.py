"""Kill -9 in the middle of each stage: the next run completes, with nothing lost, doubled or half-written."""

import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from demo.draw import draw_webtoon
from pipelines.issue_pages.page_store import keep_partial, stored_pages
from pipelines.lake import Lake
from tests.installation import QUICK, Installation

ISSUES = 16  # an issue of drawn slices is collected in 20 ms: the moment to kill must not be missed
STEPS = 100
DATA_STAGES = ["unique_panels", "issue_splits", "gray_panels", "edge_panels", "line_panels", "training_set"]


@pytest.fixture(scope="module")
def titles(tmp_path_factory) -> Path:
    """A titles.yaml with one folder title: slices of a drawn webtoon."""
    folder = tmp_path_factory.mktemp("comics")
    for issue in draw_webtoon(seed=3, issues=ISSUES, panels_per_issue=4).issues:
        for number, data in enumerate(issue.slices, start=1):
            page = folder / "drawn" / f"{issue.number:02}" / f"{number:02}.jpg"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(data)
    title = {"source": "folder", "address": "drawn", "licence": "CC0-1.0", "attribution": "test"}
    path = folder / "titles.yaml"
    path.write_text(yaml.safe_dump({"titles": {"drawn": title}}))
    return path


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    """Settings with a training long enough to be killed."""
    settings = yaml.safe_load(QUICK.read_text())
    settings["colorizer"] |= {"steps": STEPS, "validate_every": 50, "sample_every": STEPS, "checkpoint_every_s": 0.2}
    path = tmp_path_factory.mktemp("config") / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def whole(titles, config, tmp_path_factory) -> Installation:
    """An installation that nobody interrupted."""
    installation = Installation.with_stores(tmp_path_factory.mktemp("whole"), {"TINTOON_TITLES": str(titles)})
    installation.run("sync")
    stages = ["issue_pages", "panels", *DATA_STAGES, "colorizer"]
    installation.run("run", *stages, "--recipe", "webtoon_l2", "--config", str(config))
    return installation


@pytest.fixture(scope="module")
def killed(titles, tmp_path_factory) -> Installation:
    """An installation whose stages are killed, one after the other, by the tests below."""
    installation = Installation.with_stores(tmp_path_factory.mktemp("killed"), {"TINTOON_TITLES": str(titles)})
    installation.run("sync")
    return installation


def kill_when(installation: Installation, is_time: Callable[[], bool], *command: str) -> None:
    """Starts a command, kills it as soon as the moment has come; fails if it ends before."""
    process = installation.start(*command)
    deadline = time.monotonic() + 300
    while not is_time():
        assert process.poll() is None, f"ended before it could be killed: {process.communicate()}"
        assert time.monotonic() < deadline, "the moment to kill it never came"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert installation.half_written() == {}


def complete(installation: Installation, *command: str) -> None:
    """Runs a command again after it was killed, to its end."""
    installation.run(*command)
    assert installation.half_written() == {}


def tables(installation: Installation, stage: str) -> list[Path]:
    return sorted((installation.home / "lake" / stage).glob("*/*.parquet"))


def content(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    return table.drop(columns=[name for name in ("fetched_at", "checked_at") if name in table])


def test_collecting(killed, whole):
    kill_when(killed, lambda: len(tables(killed, "issue_pages")) >= 2, "run", "issue_pages")
    assert 2 <= len(tables(killed, "issue_pages")) < ISSUES
    complete(killed, "run", "issue_pages")
    for mine, other in zip(tables(killed, "issue_pages"), tables(whole, "issue_pages"), strict=True):
        pd.testing.assert_frame_equal(content(mine), content(other))


def test_cutting(killed, whole):
    kill_when(killed, lambda: len(tables(killed, "panels")) >= 2, "run", "panels")
    assert 2 <= len(tables(killed, "panels")) < ISSUES
    complete(killed, "run", "panels")
    for mine, other in zip(tables(killed, "panels"), tables(whole, "panels"), strict=True):
        pd.testing.assert_frame_equal(content(mine), content(other))


def test_building_the_training_set(killed, whole, config):
    variants = killed.home / "lake" / "variants"
    kill_when(killed, lambda: any(variants.glob("*/.*")), "run", *DATA_STAGES, "--config", str(config))
    assert not (killed.home / "lake" / "training_set.json").exists()
    complete(killed, "run", *DATA_STAGES, "--config", str(config))
    mine, other = ((one.home / "lake" / "training_set.json").read_bytes() for one in (killed, whole))
    assert mine == other


def test_training_goes_on_in_the_same_run_bit_for_bit(killed, whole, config):
    command = ["run", "colorizer", "--recipe", "webtoon_l2", "--config", str(config)]
    states = killed.home / "cache" / "training"
    kill_when(killed, lambda: any(states.glob("*/state.safetensors")), *command)
    assert not list((killed.home / "lake" / "trained").glob("*/*/checkpoint.safetensors"))
    assert [status for _, status in runs(killed)] == ["RUNNING"]
    complete(killed, *command)
    ((run_id, status),) = runs(killed)
    assert status == "FINISHED"
    assert curve(killed, run_id) == curve(whole, runs(whole)[0][0])
    assert [step for step, _ in curve(killed, run_id)] == list(range(1, STEPS + 1))
    mine, other = (next((one.home / "lake" / "trained").glob("*/*/checkpoint.safetensors")) for one in (killed, whole))
    assert mine.read_bytes() == other.read_bytes()


def runs(installation: Installation) -> list[tuple[str, str]]:
    with sqlite3.connect(installation.home / "mlflow" / "mlflow.db") as store:
        return store.execute("select run_uuid, status from runs").fetchall()


def curve(installation: Installation, run_id: str) -> list[tuple[int, float]]:
    with sqlite3.connect(installation.home / "mlflow" / "mlflow.db") as store:
        question = (
            "select step, value from metrics where run_uuid = ? and key = 'train/loss_generator/total' order by step"
        )
        return store.execute(question, (run_id,)).fetchall()


def test_what_is_half_written_is_seen(whole, tmp_path):
    """The check above can fail: of every kind of file, a half does not pass for a whole."""
    broken = Installation(tmp_path)
    shutil.copytree(whole.home / "lake", tmp_path / "lake")
    lake = Lake.at(tmp_path / "lake")
    for row, picture in stored_pages(lake, "drawn__01")[1].values():
        keep_partial(lake, "drawn__01", row, picture)
    assert broken.half_written() == {}
    halved = set()
    for suffix in (".parquet", ".page", ".json", ".npy", ".safetensors"):
        path = min((tmp_path / "lake").rglob(f"*{suffix}"))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        halved.add(str(path.relative_to(tmp_path / "lake")))
    assert set(broken.half_written()) == halved
    (tmp_path / "lake" / ".training_set.json.0.part").write_bytes(b"{")
    assert set(broken.half_written()) == halved
