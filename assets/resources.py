"""The resources of the assets: the lake, feature extractors, rating studies, titles with their sources, MLflow."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import dagster as dg

from assets.home import Home
from assets.settings import StandingSettings
from assets.tracking.client import Tracking
from pipelines.lake import Lake


class LakeResource(dg.ConfigurableResource):
    """The lake: a folder or any fsspec URL. Arrays and trainings need a local folder too: the cache."""

    root: str
    cache_path: str

    @property
    def cache(self) -> Path:
        """A local folder for memory-mapped copies and for trainings that are under way."""
        return Path(self.cache_path)

    def open(self) -> Lake:
        """The lake below the root."""
        return Lake.at(self.root)


class Extractors(dg.ConfigurableResource):
    """The folder where feature extractors' files are, and where missing ones are fetched to."""

    path: str

    @property
    def folder(self) -> Path:
        """The folder."""
        return Path(self.path)


class Studies(dg.ConfigurableResource):
    """The database of rating studies. Its URL may hold a password, so it is no field: Dagster shows those."""

    home: str

    @property
    def url(self) -> str:
        """The URL that the environment names, or `studies.db` in the installation's folder."""
        return Home.of({**os.environ, "TINTOON_HOME": self.home}).studies


class Catalogue(dg.ConfigurableResource):
    """The declared titles, and the sources that they come from."""

    titles_path: str

    def titles(self) -> dict[str, Any]:
        """Titles by key, in the order of titles.yaml. Raises TitlesError."""
        from pipelines.issue_pages.sources.registry import SOURCES
        from pipelines.titles import load_titles

        return load_titles(Path(self.titles_path), sources=SOURCES, variables=os.environ)

    def terms(self, licences: Collection[str]) -> Any:
        """What may be learned from now: the declared titles, and of these what is under the licences (none: any)."""
        from pipelines.issue_pages.sources.registry import WITH_OWN_LICENCES
        from pipelines.terms.terms import Terms

        own = {
            key: None if title.source in WITH_OWN_LICENCES else title.licence for key, title in self.titles().items()
        }
        return Terms(own, frozenset(licences))

    def sources(self, params: Any = None) -> dict[str, Any]:
        """Every source by name, asking through the shared client, or else through one of their own."""
        from pipelines.issue_pages.client.client import Client
        from pipelines.issue_pages.sources.registry import sources

        return sources(_shared_client.get() or Client(params))


_shared_client: ContextVar[Any] = ContextVar("shared_client", default=None)


@contextmanager
def one_client(params: Any = None) -> Iterator[None]:
    """One HTTP client for everything that this thread collects inside the block.

    It reads robots.txt and the sites' lists once, not for each issue. Spacing, refusals and budgets hold for all
    clients together.
    """
    from pipelines.issue_pages.client.client import Client

    token = _shared_client.set(Client(params))
    try:
        yield
    finally:
        _shared_client.reset(token)


def default_resources(home: Home | None = None) -> dict[str, Any]:
    """The resources of one installation."""
    home = home or Home.of()
    return {
        "lake": LakeResource(root=home.lake, cache_path=str(home.cache)),
        "extractors": Extractors(path=str(home.root / "weights")),
        "studies": Studies(home=str(home.root)),
        "catalogue": Catalogue(titles_path=str(home.titles)),
        "settings": StandingSettings(path=str(home.root / "settings.yaml")),
        "tracking": Tracking(
            uri=home.mlflow_uri, artifacts=home.mlflow_artifacts, ui=home.mlflow_ui, dagster_ui=home.dagster_ui
        ),
    }
