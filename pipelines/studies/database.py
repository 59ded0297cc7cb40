"""The database of the studies: its URL, its connections and its tables."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipelines.studies.tables import Table

_SCHEMA_LOCK = 0x71_4E_70_0E  # any number: two processes that make the tables at once name the same


def was_made(url: str) -> bool:
    """True where the database exists. A missing SQLite file is not created.

    Raises ValueError for what is no URL.
    """
    place = database_url(url)
    return place.get_backend_name() != "sqlite" or Path(place.database or "").is_file()


def database_url(url: str) -> URL:
    """The parts of a URL. Raises ValueError, without the URL, which may hold a password."""
    try:
        return make_url(url)
    except ArgumentError:
        raise ValueError("the studies' database: no URL; expected e.g. postgresql+psycopg://user@host/base") from None


def open_engine(url: str) -> Engine:
    """The connections to a database, which make no tables."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        # A transaction that reads, then writes, must be a writer from the start: else two of them, each with a read
        # lock, refuse one another. https://docs.sqlalchemy.org/en/20/dialects/sqlite.html, "pysqlite transactions"

        @event.listens_for(engine, "connect")
        def begin_by_hand(connection: Any, _: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout = 60000")
            connection.execute("PRAGMA foreign_keys = ON")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def make_tables(connection: Connection) -> None:
    """Makes the tables that are missing."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
    Table.metadata.create_all(connection)
