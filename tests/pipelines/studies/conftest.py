"""Studies of tiny pictures, and databases to keep them in: SQLite always, PostgreSQL where Debian has put it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipelines.studies.plan import Candidate, PlanParams
from pipelines.studies.store import StudyStore
from pipelines.studies.study import Gold, Shown, Study

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
    """The URL of a PostgreSQL server of its own, on a socket in a temporary folder."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    initdb = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if initdb is None:
        pytest.skip("PostgreSQL (Debian's postgresql) is not installed")
    programs = Path(initdb).resolve().parent
    # Not below the tests' folder: that is closed to other users, and the server refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="studies", dir="/tmp"))
    user: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv to run it as another user")
        shutil.chown(folder, "nobody", "nogroup")
        user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    def run(*command: object) -> None:
        # No pipe: the server would keep it open after its starter has ended.
        subprocess.run([*user, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120)

    control = (programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log")
    run(programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "tester", "--no-sync")
    run(*control, "-o", f"-k {folder} -c listen_addresses= -c fsync=off", "-w", "start")
    try:
        yield f"postgresql+psycopg://tester@/postgres?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.db'}"
    server = request.getfixturevalue("postgres")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    base = "t" + sha256(str(tmp_path).encode()).hexdigest()[:12]
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {base}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{base}?")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[StudyStore]:
    opened = StudyStore(url, clock=clock)
    yield opened
    opened.close()
