"""Dagster's store: a person's dagster.yaml stays, errors are one line, and PostgreSQL works as documented."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import dagster as dg
import numpy as np
import pytest

from assets.home import PROJECT, Home, _mark
from assets.instance import instance_of
from tests.installation import Installation
from tests.postgres import new_database, running_postgres

OURS = (PROJECT / "dagster.yaml").read_bytes()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("DAGSTER_HOME", "")  # `prepare` sets it, and it is put back afterwards
    return Home.of({"TINTOON_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    pytest.importorskip("dagster_postgres", reason="the extra `postgres` is not installed")
    with running_postgres() as url:
        yield url


def settings_of(home: Home, content: bytes) -> Path:
    path = home.dagster / "dagster.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_an_unedited_dagster_yaml_follows_the_project(home):
    home.prepare()
    path = home.dagster / "dagster.yaml"
    written = path.read_bytes()
    assert written.endswith(OURS)
    home.prepare()
    assert path.read_bytes() == written
    older = OURS.replace(b"default_limit: 1", b"default_limit: 2")
    path.write_bytes(_mark(older) + older)  # as an earlier version wrote it
    home.prepare()
    assert path.read_bytes() == written
    path.write_bytes(OURS)  # as tests and earlier versions copied it, without a mark
    home.prepare()
    assert path.read_bytes() == written


@pytest.mark.parametrize("edited", [b"telemetry: {enabled: false}\n", b"", b"# mine\n" + OURS])
def test_an_edited_dagster_yaml_stays(home, edited):
    path = settings_of(home, edited)
    home.prepare()
    assert path.read_bytes() == edited


def test_an_edit_below_the_mark_stays(home):
    home.prepare()
    path = home.dagster / "dagster.yaml"
    edited = path.read_bytes().replace(b"max_concurrent_runs: 2", b"max_concurrent_runs: 5")
    path.write_bytes(edited)
    home.prepare()
    assert path.read_bytes() == edited
    with instance_of(home) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue
        assert queue.max_concurrent_runs == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (b"telemetri: 3\n", r'unexpected config entry "telemetri"'),
        (b"a: [\n", "no YAML"),
        (b"storage:\n  postgres:\n    postgres_url: {env: NOT_SET_ANYWHERE}\n", "NOT_SET_ANYWHERE"),
    ],
)
def test_a_wrong_dagster_yaml_is_one_line_that_names_it(tmp_path, settings, said):
    installation = Installation(tmp_path / "home")
    path = settings_of(Home.of({"TINTOON_HOME": str(installation.home)}), settings)
    done = installation.try_to("sync")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert str(path) in done.stderr
    assert re.search(said, done.stderr), done.stderr


def test_a_missing_extra_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster_postgres", None)  # as where it is not installed
    installation = Installation(tmp_path / "home")
    settings_of(Home.of(installation.environment), b"storage: {postgres: {postgres_url: 'postgresql://here/x'}}\n")
    done = installation.try_to("sync")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert 'pip install -c constraints.txt -e ".[postgres]"' in done.stderr


def test_a_store_that_does_not_answer_is_one_line_without_its_password(tmp_path):
    pytest.importorskip("dagster_postgres", reason="the extra `postgres` is not installed")
    installation = Installation(tmp_path / "home")
    url = "postgresql+psycopg2://ada:secret@127.0.0.1:1/none"
    settings_of(Home.of(installation.environment), f"storage: {{postgres: {{postgres_url: '{url}'}}}}\n".encode())
    done = installation.try_to("sync")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "does not answer" in done.stderr
    assert "secret" not in done.stderr


def test_dagster_keeps_runs_and_partitions_in_postgresql(tmp_path, postgres):
    """As documented: the lines of dagster.yaml, uncommented, and the URL in the environment."""
    url = new_database(postgres, tmp_path).replace("postgresql+psycopg:", "postgresql+psycopg2:")
    documented = re.sub(rb"(?m)^# ((?:storage|  postgres|    postgres_url):)", rb"\1", OURS)
    assert documented.count(b"\nstorage:\n  postgres:\n    postgres_url:") == 1
    variables = {"TINTOON_POSTGRES_URL": url, "TINTOON_TITLES": str(tmp_path / "titles.yaml")}
    installation = Installation(tmp_path / "home", variables)
    settings_of(Home.of(installation.environment), documented)
    comics = tmp_path / "comic" / "ep1"
    comics.mkdir(parents=True)
    (tmp_path / "titles.yaml").write_text(
        "titles:\n  own:\n    source: folder\n    address: comic\n    licence: CC0-1.0\n    attribution: us\n"
    )
    cv2.imwrite(str(comics / "1.png"), np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    installation.run("sync")
    installation.run("run", "issue_pages", "panels")
    assert not list((installation.home / "dagster").rglob("*.db"))
    with (
        patch.dict(os.environ, {**variables, "DAGSTER_HOME": str(installation.home / "dagster")}),
        dg.DagsterInstance.get() as instance,
    ):
        assert instance.get_dynamic_partitions("issue") == ["own__ep1"]
        assert instance.get_materialized_partitions(dg.AssetKey("panels")) == {"own__ep1"}
        assert ("gpu", 1) in [(pool.name, pool.limit) for pool in instance.event_log_storage.get_pool_limits()]


AT_ONCE = """
import os, sys, time
from pathlib import Path
from unittest.mock import patch
import mlflow.store.tracking.sqlalchemy_store
from assets.home import Home
from assets.instance import instance_of
from assets.resources import default_resources
folder, name = Path(sys.argv[1]), sys.argv[2]
for home, uri in zip(sys.argv[3::2], sys.argv[4::2]):
    os.environ.update(TINTOON_HOME=home, MLFLOW_TRACKING_URI=uri)
    ready = folder / f"ready_{Path(home).name}"
    ready.mkdir(exist_ok=True)
    (ready / name).touch()
    while len(list(ready.iterdir())) < 2:
        time.sleep(0.001)
    with instance_of(Home.of()) as instance:
        assert instance.event_log_storage.get_concurrency_info("gpu").slot_count == 1
    print(default_resources()["tracking"].experiment_id())
"""


def test_first_processes_at_once_make_the_stores_once(tmp_path, postgres):
    """Two first trainings at once, over SQLite and over PostgreSQL."""
    home = Home.of({"TINTOON_HOME": str(tmp_path / "over_postgres")})
    runs = new_database(postgres, [tmp_path, "runs"]).replace("postgresql+psycopg:", "postgresql+psycopg2:")
    settings_of(home, f"storage: {{postgres: {{postgres_url: '{runs}'}}}}\n".encode() + OURS)
    homes = [str(home.root), new_database(postgres, [tmp_path, "mlflow"]), str(tmp_path / "over_sqlite"), ""]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, str(tmp_path), name, *homes],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second")
    ]
    ended = [(process.communicate(timeout=300), process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0], "\n".join(text[1][-1500:] for text, _ in ended)
    assert len({text[0] for text, _ in ended}) == 1  # the experiments are the same
