"""`tintoon sync --dry-run`: what a person reads before anything is fetched."""

import json
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
import yaml

from demo.naver import NaverSite, SiteTitle
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from pipelines.titles import Title
from studio.materialize import Selection, register_issues
from tests.installation import Installation
from tests.pipelines.issue_pages.small_site import TITLE_ID, picture, small_webtoon


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home", {"TINTOON_TITLES": str(tmp_path / "titles.yaml")})


def declare(installation: Installation, **titles: str) -> None:
    declared = {
        key: {"source": "naver", "address": address, "licence": "CC0-1.0", "attribution": "Drawn by Tintoon"}
        for key, address in titles.items()
    }
    Path(installation.variables["TINTOON_TITLES"]).write_text(yaml.safe_dump({"titles": declared}))
    installation.home.mkdir(exist_ok=True)
    (installation.home / "settings.yaml").write_text("issue_pages: {spacing_s: 0.0}")


def test_it_says_what_would_be_fetched_and_writes_nothing(installation: Installation):
    with NaverSite({TITLE_ID: SiteTitle(small_webtoon(3), paid={3})}) as site:
        declare(installation, days=site.address(TITLE_ID))
        result = installation.run("sync", "--dry-run")
        planned = installation.json("sync", "--dry-run")
    assert "days__0001: 3 to fetch" in result
    assert "days__0003: paid: " in result
    assert [(issue["key"], issue["state"], len(issue["pages"])) for issue in planned] == [
        ("days__0001", "free", 3),
        ("days__0002", "free", 3),
        ("days__0003", "paid", 0),
    ]
    assert not (installation.home / "lake").exists()
    assert "/webtoon/900001/1/" not in " ".join(request.path for request in site.log if request.host == "images")


def test_issues_of_which_pages_are_missing_come_first(installation: Installation, monkeypatch):
    lake = Lake.at(installation.home / "lake")
    for number in range(1, 5):
        folder = installation.home / "books" / str(number)
        folder.mkdir(parents=True)
        (folder / "1.jpg").write_bytes(picture(number) if number != 2 else b"no picture")
    books = str(installation.home / "books")
    titles = {"b": Title(key="b", source="folder", address=books, licence="x", attribution="x")}
    for number in (1, 2, 3):
        with suppress(PagesFailed):
            collect_issue(f"b__{number}", titles, sources(Client()), lake)
    keys = [f"b__{number}" for number in range(1, 5)]
    monkeypatch.setenv("TINTOON_HOME", str(installation.home))
    with dg.DagsterInstance.ephemeral() as instance:
        register_issues(keys, instance)
        assert Selection([]).keys("issue_pages", instance) == ["b__2", "b__4", "b__1", "b__3"]
        assert Selection([], issues=["b__3", "b__2"]).keys("issue_pages", instance) == ["b__2", "b__3"]
        assert Selection([]).keys("panels", instance) == keys


def test_a_title_that_cannot_be_listed_holds_up_no_other(installation: Installation):
    with NaverSite({TITLE_ID: SiteTitle(small_webtoon(1))}) as site:
        declare(installation, adult=site.address(TITLE_ID + 1), days=site.address(TITLE_ID))
        result = installation.try_to("sync", "--dry-run", "--json")
    assert result.returncode == 1
    assert "adult: " in result.stderr
    assert [issue["key"] for issue in json.loads(result.stdout)] == ["days__0001"]
