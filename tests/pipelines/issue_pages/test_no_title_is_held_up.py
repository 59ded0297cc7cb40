"""One title holds up no other, whatever its source runs into; what could not be listed says why in the catalogue."""

import logging
import shutil

import pytest

from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import BudgetSpent, RobotsRefused
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.folder import FolderSource
from pipelines.issue_pages.sources.registry import sources
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import QUICK, declared, picture
from tests.sites import faults


class Careless(FolderSource):
    """A source with an error of its own."""

    name = "careless"

    def list_issues(self, title):
        raise KeyError("episodes")


def folder_title(root, key: str, source: str = "folder") -> Title:
    (root / key / "ep01").mkdir(parents=True)
    (root / key / "ep01" / "1.jpg").write_bytes(picture(1))
    return Title(key=key, source=source, address=str(root / key), licence="x", attribution="x")


def test_an_error_without_a_name_holds_up_no_other_title(tmp_path, client, all_sources, lake, caplog):
    titles = {key: folder_title(tmp_path, key, source) for key, source in [("a", "careless"), ("b", "folder")]}
    report = sync_titles(titles, {**all_sources, "careless": Careless(client)}, lake)
    assert report.keys == ("b__ep01",)
    assert report.errors == {"a": "KeyError: 'episodes'; report it with the log"}
    assert [(record.levelno, record.message) for record in caplog.records] == [(logging.ERROR, "a: not listed")]


def test_a_catalogue_that_is_damaged_holds_up_no_other_title(tmp_path, all_sources, lake):
    titles = {key: folder_title(tmp_path, key) for key in ("a", "b")}
    lake.write_bytes(lake.root / "catalogue" / "a.json", b"{")
    report = sync_titles(titles, all_sources, lake)
    assert report.keys == ("b__ep01",)
    assert "catalogue/a.json: damaged, no JSON" in report.errors["a"]


def test_an_error_names_its_title_once(tmp_path, all_sources, lake):
    """Who shows an error puts the title before it."""
    titles = {key: folder_title(tmp_path, key) for key in ("gone", "bare")}
    titles["files"] = Title(key="files", source="archive", address=str(tmp_path / "x"), licence="x", attribution="x")
    shutil.rmtree(tmp_path / "gone")
    shutil.rmtree(tmp_path / "bare" / "ep01")
    errors = sync_titles(titles, all_sources, lake).errors
    assert errors.keys() == titles.keys()
    assert not [key for key, problem in errors.items() if problem.startswith(f"{key}:")]


def test_a_title_that_is_refused_or_over_budget_says_so_in_its_catalogue(serve, all_sources, lake):
    titles = declared(site := serve(robots="User-agent: *\nDisallow: /\n"))
    sync_titles(titles, all_sources, lake)
    refused = read_catalogue(lake, "days")
    assert (refused.state, refused.issues) == ("robots_refused", ())
    assert "forbids it" in refused.detail
    site.robots = "User-agent: *\nDisallow:\n"
    assert sync_titles(titles, sources(Client(QUICK)), lake).counts == {"days": {"free": 2}}
    listed = read_catalogue(lake, "days")
    assert (listed.state, listed.detail) == ("listed", "")
    poor = sources(Client(QUICK.model_copy(update={"budget_requests": 1})))
    assert "budget_requests" in sync_titles(titles, poor, lake).errors["days"]
    spent = read_catalogue(lake, "days")
    assert (spent.state, spent.issues) == ("over_budget", listed.issues)
    site.fault("api/article/list", faults.other_body(b"{}"))
    sync_titles(titles, sources(Client(QUICK)), lake)
    assert read_catalogue(lake, "days").state == "unlisted"


def test_an_issue_whose_pages_cannot_be_listed_says_why_until_the_next_sync(serve, all_sources, lake):
    titles = declared(site := serve())
    sync_titles(titles, all_sources, lake)
    poor = sources(Client(QUICK.model_copy(update={"budget_requests": 1})))
    with pytest.raises(BudgetSpent):
        collect_issue("days__0001", titles, poor, lake)
    issue = read_catalogue(lake, "days").issues[0]
    assert (issue.state, issue.note.partition(":")[0]) == ("unlisted", "over_budget")
    site.robots = "User-agent: *\nDisallow: /webtoon/detail\n"
    with pytest.raises(RobotsRefused):
        collect_issue("days__0002", titles, sources(Client(QUICK)), lake)
    assert read_catalogue(lake, "days").issues[1].note.startswith("robots_refused: ")
    # Nothing was learnt of it: it is free as the list says, and the next collection tries it again.
    assert sync_titles(titles, all_sources, lake).keys == ("days__0001", "days__0002")
    assert collect_issue("days__0001", titles, all_sources, lake).counts == {"ok": 3}
    assert {issue.state for issue in read_catalogue(lake, "days").issues} == {"free"}
