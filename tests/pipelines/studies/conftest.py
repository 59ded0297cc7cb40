"""Studies of tiny pictures, and databases to keep them in: SQLite always, PostgreSQL where Debian has put it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.studies.plan import Candidate, PlanParams
from pipelines.studies.store import StudyStore
from pipelines.studies.study import Gold, Shown, Study
from tests.postgres import new_database, running_postgres

METHODS = ("base", "ours", "pix2pix")


def drawn(*names: object) -> bytes:
    """Stands for a PNG: raters in tests do not look."""
    return b"\x89PNG" + sha256(repr(names).encode()).digest()


class Clock:
    """A clock that moves on only in `wait`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 4, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def plan_study(
    store: StudyStore,
    params: PlanParams,
    *,
    name: str = "spring",
    methods: tuple[str, ...] = METHODS,
    given: bool = False,
) -> Study:
    """A study of drawn pictures, half of them of one genre and half of another."""
    chosen = [Candidate(f"p{i:02d}", f"title{i % 4}", ("anime", "other")[i % 2]) for i in range(params.pictures)]
    beside = drawn("given") if given else None
    shown = [Shown(one, {method: drawn(one.picture, method) for method in methods}, beside) for one in chosen]
    golds = [
        Gold(Candidate(f"g{i}", "title0", "anime"), drawn(i, "truth"), drawn(i, "gray"), beside)
        for i in range(params.golds)
    ]
    return store.plan(name, params, shown, golds, {method: f"folder {method}" for method in methods})


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of its own."""
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.db'}"
    return new_database(request.getfixturevalue("postgres"), tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[StudyStore]:
    opened = StudyStore(url, clock=clock)
    yield opened
    opened.close()
