"""`tintoon sync --dry-run`: what a person reads before anything is fetched."""

import json
from pathlib import Path

import pytest
import yaml

from demo.naver import NaverSite, SiteTitle
from tests.installation import Installation
from tests.pipelines.issue_pages.small_site import TITLE_ID, small_webtoon


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
        said = installation.run("sync", "--dry-run")
        planned = installation.json("sync", "--dry-run")
    assert "days__0001: 3 to fetch" in said
    assert "days__0003: paid: " in said
    assert [(issue["key"], issue["state"], len(issue["pages"])) for issue in planned] == [
        ("days__0001", "free", 3),
        ("days__0002", "free", 3),
        ("days__0003", "paid", 0),
    ]
    assert not (installation.home / "lake").exists()
    assert "/webtoon/900001/1/" not in " ".join(request.path for request in site.log if request.host == "images")


def test_a_title_that_cannot_be_listed_holds_up_no_other(installation: Installation):
    with NaverSite({TITLE_ID: SiteTitle(small_webtoon(1))}) as site:
        declare(installation, adult=site.address(TITLE_ID + 1), days=site.address(TITLE_ID))
        said = installation.try_to("sync", "--dry-run", "--json")
    assert said.returncode == 1
    assert "adult: " in said.stderr
    assert [issue["key"] for issue in json.loads(said.stdout)] == ["days__0001"]
