"""The real server, the real client and an empty lake."""

import pytest
from small_site import QUICK, TITLE_ID, small_webtoon

from demo.draw import Webtoon
from demo.naver import ROBOTS, NaverSite, SiteTitle
from pipelines.issue_pages.client import Client
from pipelines.issue_pages.source import sources
from pipelines.lake import Lake


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
