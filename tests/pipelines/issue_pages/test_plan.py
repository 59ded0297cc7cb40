"""The dry run: what would be fetched, checked, left and refused; nothing is written and no picture is asked for."""

import tempfile
from pathlib import Path

import pytest

from demo.naver import SiteTitle
from pipelines.issue_pages.catalogue import sync_titles
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import TitleUnavailable
from pipelines.issue_pages.plan import plan_title
from tests.pipelines.issue_pages.small_site import asked, declared, small_webtoon
from tests.sites import faults


@pytest.fixture
def plan(all_sources, lake):
    def call(site, **given):
        title = declared(site)["days"]
        return {issue.key: issue for issue in plan_title(title, all_sources["naver"], lake, **given)}

    return call


def verdicts(issue) -> list[str]:
    return [page.verdict for page in issue.pages]


def test_everything_is_to_fetch_before_the_first_collection(serve, plan, lake):
    site = serve(SiteTitle(small_webtoon(3), paid={3}))
    planned = plan(site)
    assert {key: issue.state for key, issue in planned.items()} == {
        "days__0001": "free",
        "days__0002": "free",
        "days__0003": "paid",
    }
    assert verdicts(planned["days__0001"]) == ["fetch"] * 3
    assert planned["days__0003"].pages == ()
    assert {request.path for request in asked(site, "images/")} == {"/robots.txt"}
    assert list(lake.root.rglob("*")) == []


def test_what_is_there_is_to_check_and_of_an_incomplete_issue_only_what_failed_to_fetch(serve, plan, lake, all_sources):
    site = serve()
    titles = declared(site)
    sync_titles(titles, all_sources, lake)
    collect_issue("days__0001", titles, all_sources, lake)
    site.fault("images/.*/2/.*IMAG01_2", faults.truncated())
    with pytest.raises(PagesFailed):
        collect_issue("days__0002", titles, all_sources, lake)
    planned = plan(site)
    assert verdicts(planned["days__0001"]) == ["check"] * 3
    assert verdicts(planned["days__0002"]) == ["have", "fetch", "have"]
    assert list(plan(site, issues=["days__0002"])) == ["days__0002"]


def test_refusals_say_why(serve, plan):
    site = serve()
    site.fault("images/robots.txt", faults.text("User-agent: *\nDisallow: /webtoon/900001/2/"))
    planned = plan(site)
    assert verdicts(planned["days__0001"]) == ["fetch"] * 3
    assert verdicts(planned["days__0002"]) == ["refuse"] * 3
    assert "robots_refused: " in planned["days__0002"].pages[0].reason
    assert "robots.txt forbids it" in planned["days__0002"].pages[0].reason


def test_a_page_that_failed_to_be_checked_is_to_check_and_a_stop_refuses_all(serve, plan, lake, all_sources):
    site = serve()
    titles = declared(site)
    collect_issue("days__0001", titles, all_sources, lake)
    site.fault("images/.*/1/.*IMAG01_2", faults.answer(403))
    with pytest.raises(PagesFailed):
        collect_issue("days__0001", titles, all_sources, lake)
    (planned,) = plan(site, issues=["days__0001"]).values()
    assert verdicts(planned) == ["refuse"] * 3
    assert "HTTP 403" in planned.pages[0].reason
    for file in Path(tempfile.gettempdir()).rglob("127.0.0.1*.json"):
        file.unlink()
    (planned,) = plan(site, issues=["days__0001"]).values()
    assert verdicts(planned) == ["have", "check", "check"]


def test_pages_under_other_licences_are_left(serve, plan):
    issue = plan(serve(), licences=["CC-BY-4.0"])["days__0001"]
    assert verdicts(issue) == ["leave"] * 3
    assert issue.pages[0].reason == "unlicensed: under CC0-1.0; collected is only CC-BY-4.0"


def test_issues_that_cannot_be_listed_say_why(serve, plan):
    site = serve(SiteTitle(small_webtoon(2), without_pictures={2}))
    site.fault("main/webtoon/detail.*no=1$", faults.answer(500))
    planned = plan(site)
    assert planned["days__0001"].state == "unlisted"
    assert "HTTP 500" in planned["days__0001"].detail
    assert planned["days__0002"].state == "empty"
    with pytest.raises(TitleUnavailable):
        plan(serve(SiteTitle(small_webtoon(1), is_adult=True)))
