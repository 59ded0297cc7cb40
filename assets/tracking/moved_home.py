"""MLflow's store of a home that was copied or moved: its files are looked for, and written, where the home is now.

MLflow keeps the place of each experiment, run and version as an absolute URL. A copy of a home would write into the
files of the original.
"""

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import url2pathname

from assets.tracking.schema import one_writer

if TYPE_CHECKING:  # loading the definitions does not import it
    from sqlalchemy.engine import Connection

_log = logging.getLogger(__name__)

_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Tables of MLflow's store, and their columns that hold the place of files."""

_FOLDER = "/mlflow/artifacts"
"""The end of the URL of a home's artifacts."""


@cache
def follow_home(uri: str, artifacts: str) -> None:
    """Makes the places in the store of a home lead into that home; looks once a process.

    A store elsewhere (PostgreSQL, a server), which several homes may share, stays as it is, and so does a place whose
    files are only where it says. A store that cannot be written is only read, so it stays too.

    uri: The store. artifacts: The `file:` URL of the home's artifacts.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, OperationalError
    from sqlalchemy.pool import NullPool

    try:
        place = make_url(uri)
    except ArgumentError:
        return
    is_of_home = place.get_backend_name() == "sqlite" and place.database and artifacts.endswith(_FOLDER)
    if not is_of_home or Path(str(place.database)).parent != _path_of(artifacts).parent:
        return
    engine = create_engine(place, poolclass=NullPool)
    with engine.connect() as connection:
        if not any(_elsewhere(connection, *column, artifacts) for column in _PLACES):
            return
    try:
        with one_writer(uri), engine.begin() as connection:
            former = {root for column in _PLACES for root in _brought_here(connection, *column, artifacts)}
    except OperationalError as error:
        if "readonly" not in str(error):
            raise
        return
    if former:
        _log.warning(
            "this home was copied or moved: MLflow's runs now have their files in %s (before: %s)",
            _path_of(artifacts),
            ", ".join(sorted(str(_path_of(root)) for root in former)),
        )


def _elsewhere(connection: "Connection", table: str, column: str, artifacts: str) -> list[str]:
    """The places in a column that are in the artifacts of another home."""
    from sqlalchemy import text

    found = connection.execute(
        text(f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE :folder"), {"folder": f"file:%{_FOLDER}%"}
    )
    return [url for (url,) in found if url != artifacts and not url.startswith(f"{artifacts}/")]


def _brought_here(connection: "Connection", table: str, column: str, artifacts: str) -> set[str]:
    """Changes the places in a column; returns the artifacts that they were in."""
    from sqlalchemy import text

    former = set()
    for url in _elsewhere(connection, table, column, artifacts):
        root = url[: url.rindex(_FOLDER) + len(_FOLDER)]
        here = artifacts + url.removeprefix(root)
        if table != "experiments" and _path_of(url).exists() and not _path_of(here).exists():
            continue
        connection.execute(
            text(f"UPDATE {table} SET {column} = :here WHERE {column} = :there"), {"here": here, "there": url}
        )
        former.add(root)
    return former


def _path_of(url: str) -> Path:
    return Path(url2pathname(url.removeprefix("file://")))
