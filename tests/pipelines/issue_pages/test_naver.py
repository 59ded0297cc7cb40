"""Naver as a source, against the site: lists, gates and viewers; never a silent success."""

import json

import pytest
from small_site import TITLE_ID, asked, declared, drawn_issue, small_webtoon

from demo import faults
from demo.naver import LOGIN_URL, SiteTitle
from pipelines.issue_pages.collect import read_catalogue, sync_titles
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed, TitleUnavailable
from pipelines.issue_pages.fetch_error import Forbidden, HostStopped, RobotsRefused


@pytest.fixture
def naver(all_sources):
    return all_sources["naver"]


def states(entries) -> dict[str, str]:
    return {entry.issue: entry.state for entry in entries}


def test_lists_over_pages(serve, naver):
    site = serve(small_webtoon(45, slices=1))
    entries = naver.list_issues(declared(site)["days"])
    assert [entry.issue for entry in entries] == [f"{number:04}" for number in range(1, 46)]
    assert (entries[0].name, entries[0].date, entries[0].state) == ("1화", "2025-02-09", "free")
    assert [request.path.split("page=")[1] for request in asked(site, "article/list")] == [
        "1&sort=ASC",
        "2&sort=ASC",
        "3&sort=ASC",
    ]


def test_a_list_that_repeats_its_last_page_ends(serve, naver):
    site = serve(SiteTitle(small_webtoon(25, slices=1), lists_for_ever="last"))
    assert len(naver.list_issues(declared(site)["days"])) == 25
    assert len(asked(site, "article/list")) == 3


def test_a_list_that_repeats_its_first_page_is_an_error(serve, naver):
    site = serve(SiteTitle(small_webtoon(25, slices=1), lists_for_ever="same"))
    with pytest.raises(ListingFailed, match="repeats itself after 20 of 25 issues"):
        naver.list_issues(declared(site)["days"])
    assert len(asked(site, "article/list")) == 2


def as_list(numbers: list[int], *, rows: int, paid: int = 0) -> str:
    """A list as the site sends it, with its own count of what it lists."""
    return json.dumps(
        {
            "totalCount": rows + paid,
            "articleList": [{"no": number} for number in numbers],
            "chargeFolderArticleList": [{"no": rows + number, "charge": True} for number in range(1, paid + 1)],
            "pageInfo": {"totalRows": rows, "nextPage": 0},
        }
    )


@pytest.mark.parametrize("numbers", [[1, 2], [1, 2, 2, 2]])
def test_a_list_that_ends_early_is_an_error(serve, naver, numbers):
    site = serve()
    site.fault("main/api", faults.text(as_list(numbers, rows=4)))
    with pytest.raises(ListingFailed, match=r"days: .*page=1.*: the list ends after 2 of 4 issues; run again"):
        naver.list_issues(declared(site)["days"])


def test_a_list_that_ends_early_makes_no_issue_gone(serve, all_sources, lake):
    site = serve(small_webtoon(3, slices=1))
    titles = declared(site)
    sync_titles(titles, all_sources, lake)
    site.fault("main/api", faults.text(as_list([1, 2], rows=3)))
    assert "ends after 2 of 3 issues" in sync_titles(titles, all_sources, lake).errors["days"]
    assert [issue.state for issue in read_catalogue(lake, "days").issues] == ["free"] * 3


def test_issues_that_are_paid_ahead_are_not_missed(serve, naver):
    site = serve()
    site.fault("main/api", faults.text(as_list([1, 2], rows=2, paid=3)))
    assert list(states(naver.list_issues(declared(site)["days"])).values()) == ["free"] * 2 + ["paid"] * 3


def test_every_gate_is_a_state(serve, naver):
    site = serve(
        SiteTitle(
            small_webtoon(9, slices=1), paid={9}, paid_in_list={8}, withheld={3}, missing={5}, listed_twice={2, 8}
        )
    )
    entries = naver.list_issues(declared(site)["days"])
    assert states(entries) == {
        "0001": "free",
        "0002": "free",
        "0003": "withheld",
        "0004": "free",
        "0005": "missing",
        "0006": "free",
        "0007": "free",
        "0008": "paid",
        "0009": "paid",
    }
    notes = {entry.issue: entry.note for entry in entries if entry.note}
    assert notes == {
        "0002": "listed twice",
        "0005": "the list leaves this number out",
        "0008": "listed twice",
        "0009": "3일 후 무료",
    }


def test_numbers_left_out_by_the_daily_pass_are_withheld(serve, naver):
    site = serve(SiteTitle(small_webtoon(6, slices=1), has_daily_pass=True, missing={3, 4, 5}))
    assert states(naver.list_issues(declared(site)["days"]))["0004"] == "withheld"


def test_an_adult_title_is_a_state_and_stops_no_other_title(serve, naver):
    site = serve(SiteTitle(small_webtoon(2), is_adult=True))
    title = declared(site)["days"]
    for listing in (naver.list_issues, lambda title: naver.list_pages(title, "0001")):
        with pytest.raises(TitleUnavailable, match="for adults") as caught:
            listing(title)
        assert caught.value.state == "adult"


def test_a_viewer_that_leads_to_the_login_is_adult(serve, naver):
    site = serve()
    site.fault("main/webtoon/detail", faults.redirect(LOGIN_URL))
    with pytest.raises(IssueUnavailable, match="for adults") as caught:
        naver.list_pages(declared(site)["days"], "0001")
    assert caught.value.state == "adult"


@pytest.mark.parametrize(
    ("settings", "issue", "state"),
    [
        ({"paid": {2}}, "0002", "paid"),
        ({"paid_in_list": {2}}, "0002", "paid"),
        ({"closed": {2}}, "0002", "paid"),
        ({"withheld": {2}}, "0002", "withheld"),
        ({"missing": {2}}, "0002", "gone"),
        ({}, "0777", "gone"),
        ({"without_pictures": {2}}, "0002", "empty"),
    ],
)
def test_an_issue_behind_a_gate_is_a_state(serve, naver, settings, issue, state):
    site = serve(SiteTitle(small_webtoon(3), **settings))
    with pytest.raises(IssueUnavailable, match=f"days: issue {issue}: ") as caught:
        naver.list_pages(declared(site)["days"], issue)
    assert caught.value.state == state
    assert asked(site, "images") == []


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_viewer_that_is_gone_is_gone(serve, naver, status):
    site = serve()
    site.fault("main/webtoon/detail", faults.answer(status))
    with pytest.raises(IssueUnavailable, match=f"HTTP {status}") as caught:
        naver.list_pages(declared(site)["days"], "0001")
    assert caught.value.state == "gone"


def test_an_unknown_gate_is_an_error(serve, naver):
    site = serve()
    site.fault("main/webtoon/detail", faults.redirect("/captcha"))
    with pytest.raises(ListingFailed, match=r"such a gate is not known"):
        naver.list_pages(declared(site)["days"], "0001")


def test_a_refused_viewer_ends_the_host(serve, naver):
    site = serve()
    site.fault("main/webtoon/detail", faults.answer(403))
    title = declared(site)["days"]
    with pytest.raises(Forbidden):
        naver.list_pages(title, "0001")
    with pytest.raises(HostStopped):
        naver.list_pages(title, "0002")
    assert len(asked(site, "detail")) == 1


def test_nothing_is_asked_that_robots_forbid(serve, naver):
    site = serve(robots="User-agent: *\nDisallow: /api/\n")
    with pytest.raises(RobotsRefused):
        naver.list_issues(declared(site)["days"])
    assert [request.path for request in site.log] == ["/robots.txt"]


@pytest.mark.parametrize("level", ["WEBTOON", "BEST_CHALLENGE", "CHALLENGE"])
@pytest.mark.parametrize("has_placeholders", [False, True])
def test_pages_of_every_viewer(serve, naver, level, has_placeholders):
    title = SiteTitle(small_webtoon(1, slices=12), level=level, has_placeholders=has_placeholders, has_guides=True)
    site = serve(title)
    pages = naver.list_pages(declared(site)["days"], "0001")
    assert [page.page for page in pages] == list(range(1, 13))
    assert [page.url.rpartition("_")[2] for page in pages] == [f"{k}.jpg" for k in range(1, 13)]
    assert {page.referer for page in pages} == {asked(site, "detail")[0].path.join([site.url, ""])}
    assert pages[0].url.startswith(f"{site.images_url}/webtoon/{TITLE_ID}/1/20250209000000_")


def test_a_page_with_a_placeholder_only_is_an_error_not_a_gap(serve, naver):
    site = serve()
    viewer = b"""<div class="wt_viewer"><img id="content_image_0" src="/webtoon/1/1/a_IMAG01_1.jpg">
      <img id="content_image_1" src="/static/comic/images/bg_transparency.png"></div>"""
    site.fault("main/webtoon/detail", faults.other_body(viewer))
    with pytest.raises(ListingFailed, match="picture 2 of 2 has only a placeholder"):
        naver.list_pages(declared(site)["days"], "0001")


def test_pictures_elsewhere_are_not_asked_for(serve, naver):
    site = serve()
    viewer = b'<div class="wt_viewer"><img id="content_image_0" src="http://169.254.169.254/latest/a.jpg"></div>'
    site.fault("main/webtoon/detail", faults.other_body(viewer))
    with pytest.raises(ListingFailed, match="no host of the site"):
        naver.list_pages(declared(site)["days"], "0001")


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("<html>oops</html>", "Invalid JSON"),
        ('{"articleList": []}', "pageInfo: Field required"),
        (json.dumps({"articleList": [{"no": 10**9}], "pageInfo": {"totalRows": 1, "nextPage": 0}}), "no: Input should"),
    ],
)
def test_a_list_that_is_not_understood_is_an_error(serve, naver, body, seen):
    site = serve()
    site.fault("main/api", faults.text(body))
    with pytest.raises(ListingFailed, match=seen):
        naver.list_issues(declared(site)["days"])


def test_an_unknown_title_is_gone(serve, naver):
    site = serve()
    title = declared(site)["days"].model_copy(update={"address": site.address(1)})
    with pytest.raises(TitleUnavailable, match="HTTP 404") as caught:
        naver.list_issues(title)
    assert caught.value.state == "gone"


@pytest.mark.parametrize("address", ["http://127.0.0.1/webtoon/list", "http://h/x/list?titleId=1", "comics/days"])
def test_a_wrong_address_names_the_right_one(serve, naver, address):
    title = declared(serve())["days"].model_copy(update={"address": address})
    with pytest.raises(
        ListingFailed, match=r"expected the list of a title, https://comic.naver.com/webtoon/list\?titleId=N"
    ):
        naver.list_issues(title)


def test_an_issue_that_comes_out_is_listed(serve, naver):
    site = serve(small_webtoon(1))
    title = declared(site)["days"]
    assert states(naver.list_issues(title)) == {"0001": "free"}
    site.publish(TITLE_ID, drawn_issue(2))
    assert states(naver.list_issues(title)) == {"0001": "free", "0002": "free"}
