"""Dagster's store of this installation: opened with one clear error, its pools made before two runs need them."""

import logging
from pathlib import Path

import dagster as dg
import yaml
from dagster_shared.check import CheckError
from filelock import FileLock
from sqlalchemy.exc import SQLAlchemyError

from assets.home import Home
from assets.stages import STAGES


def instance_of(home: Home) -> dg.DagsterInstance:
    """The Dagster instance of an installation, with every pool of the stages.

    Raises RuntimeError, in one line, where its dagster.yaml is wrong or names a store that cannot be had.
    """
    home.prepare()
    with FileLock(home.dagster / "store.lock"):  # Dagster looks for its tables and makes them in two steps
        instance = _opened(home.dagster / "dagster.yaml")
        _make_pools(instance)
    return instance


def _opened(settings: Path) -> dg.DagsterInstance:
    logging.disable(logging.WARNING)  # a store that does not answer is asked six times, with a paragraph each
    try:
        return dg.DagsterInstance.get()
    except dg.DagsterInvalidConfigError as error:
        problem = " ".join(error.errors[0].message.split())
        raise RuntimeError(f"{settings}: {problem[:300]}; correct it") from error
    except yaml.YAMLError as error:
        raise RuntimeError(f"{settings}: no YAML ({' '.join(str(error).split())}); correct it") from error
    except CheckError as error:
        _, found, missing = str(error).partition("Couldn't import module ")
        if not found:
            raise
        raise RuntimeError(
            f"{settings}: {missing.split()[0]} is not installed; for PostgreSQL, in the checkout: "
            'pip install -c constraints.txt -e ".[postgres]"'
        ) from error
    except Exception as error:
        # Of the store's own kind, e.g. DagsterPostgresException: its package need not be installed.
        if not isinstance(error.__cause__, SQLAlchemyError):
            raise
        problem = str(getattr(error.__cause__, "orig", error.__cause__)).strip().splitlines()[0]
        raise RuntimeError(f"{settings}: its store does not answer ({problem}); start it, or correct it") from error
    finally:
        logging.disable(logging.NOTSET)


def _make_pools(instance: dg.DagsterInstance) -> None:
    """Makes the pools that are not there yet.

    Dagster makes a pool when the first step asks for it. Two first steps at once would both make it, and PostgreSQL
    refuses the second, which fails its run.
    """
    storage = instance.event_log_storage

    def missing() -> set[str]:
        return {stage.pool for stage in STAGES.values() if stage.pool} - {
            pool.name for pool in storage.get_pool_limits()
        }

    for pool in sorted(missing()):
        try:
            storage.initialize_concurrency_limit_to_default(pool)
        except SQLAlchemyError:
            if pool in missing():  # otherwise another process was faster
                raise
