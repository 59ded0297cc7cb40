"""The schema of MLflow's store, made by one process at a time: MLflow looks for it and makes it in two steps."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock

_SCHEMA_LOCK = 0x71_4E_70_0F  # any number: processes that make the schema at once name the same


@cache
def make_schema(uri: str) -> None:
    """Makes the tables of an MLflow store in a database where they are missing; looks once a process.

    A server of MLflow, which is no database, makes its own. Raises what MLflow and the database raise.
    """
    from mlflow import MlflowClient

    with one_writer(uri):
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)


@contextmanager
def one_writer(uri: str) -> Iterator[None]:
    """Lets one process after the other change what is there once in an MLflow store: its schema, an experiment.

    In SQLite by a file beside it, in PostgreSQL by a lock of the server, so for processes of all machines.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    try:
        place = make_url(uri)
    except ArgumentError:  # a folder
        yield
        return
    match place.get_backend_name():
        case "sqlite" if place.database and place.database != ":memory:":
            lock = FileLock(f"{place.database}.lock")
            with suppress(OSError):  # a read-only place: nothing will be made there
                Path(place.database).parent.mkdir(parents=True, exist_ok=True)
                lock.acquire()
            try:
                yield
            finally:
                lock.release()
        case "postgresql":
            engine = create_engine(place, poolclass=NullPool)
            with engine.connect() as connection:  # the lock ends with its connection, however that ends
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _SCHEMA_LOCK})
                yield
        case _:
            yield
