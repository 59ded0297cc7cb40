"""A PostgreSQL server for tests, where Debian has put one: on a socket in a temporary folder, and gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server of its own. Skips the test where there is no PostgreSQL to start."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    initdb = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if initdb is None:
        pytest.skip("PostgreSQL (Debian's postgresql) is not installed")
    programs = Path(initdb).resolve().parent
    # Not below the tests' folder: that is closed to other users, and the server refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="postgres", dir="/tmp"))
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


def new_database(server: str, name: object) -> str:
    """The URL of an empty database of a server, by any name that no other test has."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    base = "t" + sha256(str(name).encode()).hexdigest()[:12]
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {base}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{base}?")
