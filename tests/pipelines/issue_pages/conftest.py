"""The real server, the real client and an empty lake."""

import tempfile

import pytest

from demo.draw import Webtoon
from demo.naver import ROBOTS, NaverSite, SiteTitle
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, small_webtoon


@pytest.fixture(autouse=True)
def nothing_is_known_of_hosts(tmp_path_factory, monkeypatch):
    """Host slots, refusals and spent budgets, in a folder of the test: another site may have had the port."""
    folder = str(tmp_path_factory.mktemp("turns"))
    monkeypatch.setattr(tempfile, "tempdir", folder)
    monkeypatch.setenv("TMPDIR", folder)  # of other processes


@pytest.fixture
def serve():
    """Starts sites, and stops them after the test."""
    running: list[NaverSite] = []

    def start(title: SiteTitle | Webtoon | None = None, *, robots: str = ROBOTS) -> NaverSite:
        site = NaverSite({TITLE_ID: title or small_webtoon(2)}, robots=robots)
        running.append(site.__enter__())
        return site

    yield start
    for site in running:
        site.__exit__()


@pytest.fixture
def client() -> Client:
    return Client(QUICK)


@pytest.fixture
def all_sources(client):
    return sources(client)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path / "lake")
