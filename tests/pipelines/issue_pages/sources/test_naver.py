"""Naver as a source, against the site: lists, gates and viewers; never a silent success."""

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.naver import LOGIN_URL, SiteTitle
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Forbidden, HostStopped, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed, TitleUnavailable
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, asked, declared, drawn_issue, small_webtoon
from tests.sites import faults


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
            "webtoonLevelCode": "WEBTOON",
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


def test_facts_are_what_the_list_says(serve, naver):
    site = serve(SiteTitle(small_webtoon(3, slices=1), notices={2}))
    title = declared(site)["days"]
    one, notice, three = naver.list_issues(title)
    assert one.facts == {
        "no": 1,
        "subtitle": "1화",
        "volume_no": 1,
        "star_score": 9.93,
        "service_date": "25.02.09",
    }
    assert (notice.name, notice.state, notice.note) == ("휴재 공지", "free", "perhaps a notice")
    assert (three.facts["no"], three.facts["volume_no"]) == (3, 2)
    unwanted = title.model_copy(update={"settings": {"unwanted_issues": "공지|휴재"}})
    assert states(naver.list_issues(unwanted)) == {"0001": "free", "0002": "unwanted", "0003": "free"}
    with pytest.raises(IssueUnavailable, match="'휴재 공지' is unwanted") as caught:
        naver.list_pages(unwanted, "0002")
    assert caught.value.state == "unwanted"
    assert len(naver.list_pages(title, "0002")) == 1


def test_a_notice_that_is_listed_by_two_names_says_so(serve, naver):
    site = serve()
    article = {"no": 1, "subtitle": "1화", "serviceDateDescription": "25.02.09"}
    listed = json.loads(as_list([], rows=1))
    listed["articleList"] = [article, {**article, "subtitle": "1화 (수정)", "charge": True}, article]
    site.fault("main/api", faults.text(json.dumps(listed)))
    (entry,) = naver.list_issues(declared(site)["days"])
    assert (entry.name, entry.state, entry.date) == ("1화", "paid", "2025-02-09")
    assert entry.note == "listed 3 times; also as '1화 (수정)'"


@pytest.mark.parametrize("shown", ["21:30", "25.02.09", "3일 후 무료", ""])
def test_dates_as_shown_are_kept(serve, naver, shown):
    site = serve()
    listed = json.loads(as_list([], rows=1))
    listed["articleList"] = [{"no": 1, "serviceDateDescription": shown}]
    site.fault("main/api", faults.text(json.dumps(listed)))
    (entry,) = naver.list_issues(declared(site)["days"])
    assert entry.facts["service_date"] == shown
    is_date = shown in ("21:30", "25.02.09")
    assert (entry.date is not None, entry.note) == (is_date, "" if is_date else shown)


def test_numbers_left_out_by_the_daily_pass_are_withheld(serve, naver):
    site = serve(SiteTitle(small_webtoon(6, slices=1), has_daily_pass=True, missing={3, 4, 5}))
    assert states(naver.list_issues(declared(site)["days"]))["0004"] == "withheld"


def test_issues_that_a_daily_pass_hides_are_withheld_not_missed(serve, naver):
    webtoon = small_webtoon(45, slices=1)
    site = serve(SiteTitle(webtoon, has_daily_pass=True, hidden=set(range(4, 46))))
    title = declared(site)["days"]
    entries = naver.list_issues(title)
    assert [entry.state for entry in entries] == ["free"] * 3 + ["withheld"] * 42
    assert "daily pass" in entries[-1].note
    with pytest.raises(IssueUnavailable, match="the site withholds it") as caught:
        naver.list_pages(title, "0030")
    assert caught.value.state == "withheld"
    assert len(asked(site, "article/list")) == 1  # the list was known
    # Without a daily pass the same list is short.
    site.titles[TITLE_ID].has_daily_pass = False
    with pytest.raises(ListingFailed, match="ends after 3 of 45"):
        naver.list_issues(title)


def test_a_daily_pass_excuses_no_list_that_repeats_itself(serve, naver):
    site = serve(SiteTitle(small_webtoon(45, slices=1), has_daily_pass=True, lists_for_ever="same"))
    with pytest.raises(ListingFailed, match="repeats itself after 20 of 45"):
        naver.list_issues(declared(site)["days"])


def test_pages_that_a_daily_pass_empties_do_not_end_the_list(serve, naver):
    site = serve()

    def page(numbers: list[int], next_page: int) -> str:
        listed = json.loads(as_list(numbers, rows=80))
        return json.dumps({**listed, "dailyPass": True, "pageInfo": {"totalRows": 80, "nextPage": next_page}})

    for number, numbers, next_page in ((1, [1, 2], 2), (2, [], 3), (3, [], 4), (4, [80], 0)):
        site.fault(f"page={number}&", faults.text(page(numbers, next_page)))
    found = states(naver.list_issues(declared(site)["days"]))
    assert [issue for issue, state in found.items() if state == "free"] == ["0001", "0002", "0080"]
    site.heal()
    site.fault("main/api", faults.Fault(lambda reply: endless(reply)))
    with pytest.raises(ListingFailed, match="still no end after 12 list pages"):
        naver.list_issues(declared(site)["days"])


def endless(reply: faults.Reply) -> faults.Reply:
    """A list of a daily pass that shows nothing, and always has a next page."""
    listed = json.loads(reply.body)
    info = {"totalRows": 80, "nextPage": listed["pageInfo"]["rawPage"] + 1}
    body = json.dumps({**listed, "dailyPass": True, "articleList": [], "pageInfo": info})
    return faults.Reply(200, reply.headers, body.encode())


def leaves(*numbers: int):
    return lambda title: title.missing.update(numbers)


def returns(*numbers: int):
    return lambda title: title.missing.difference_update(numbers)


@pytest.mark.parametrize(
    ("edits", "missing", "requests"),
    [
        ([leaves(5)], set(), 6),  # 21 moves to the first page, which has been read
        ([returns(5)], {5}, 6),  # 20 moves to the second page: listed twice
        ([leaves(5), returns(5)], set(), 6),
        ([lambda title: None], set(), 3),
    ],
)
def test_an_issue_that_moves_between_pages_is_not_lost(serve, naver, edits, missing, requests):
    site = serve(SiteTitle(small_webtoon(45, slices=1), missing=missing, edits=edits))
    entries = naver.list_issues(declared(site)["days"])
    gone = site.titles[TITLE_ID].missing
    assert [entry.state for entry in entries] == ["missing" if no in gone else "free" for no in range(1, 46)]
    assert not any("twice" in entry.note for entry in entries)
    assert len(asked(site, "article/list")) == requests


def test_a_list_that_never_rests_is_an_error(serve, naver):
    edits = [edit for _ in range(9) for edit in (leaves(5), returns(5))]
    site = serve(SiteTitle(small_webtoon(45, slices=1), edits=edits))
    with pytest.raises(ListingFailed, match="changed while it was read, 3 times; run again later"):
        naver.list_issues(declared(site)["days"])
    assert len(asked(site, "article/list")) == 9


def test_a_next_page_that_leads_back_ends_the_list(serve, naver):
    site = serve()
    listed = json.loads(as_list([1, 2], rows=3))
    listed["pageInfo"]["nextPage"] = 1
    site.fault("main/api", faults.text(json.dumps(listed)))
    with pytest.raises(ListingFailed, match="repeats itself after 2 of 3"):
        naver.list_issues(declared(site)["days"])
    assert len(asked(site, "article/list")) == 1


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
    assert [page.url for page in pages] == site.picture_urls(TITLE_ID, site.titles[TITLE_ID].issues[0])
    path = level.lower() if level != "BEST_CHALLENGE" else "bestChallenge"
    assert {page.referer for page in pages} == {f"{site.url}/{path}/detail?titleId={TITLE_ID}&no=1"}
    facts = {"title_id": TITLE_ID, "no": 1, "subtitle": "1화"}
    slices = [{"slice": k} if level == "WEBTOON" else {} for k in range(1, 13)]
    assert [page.facts for page in pages] == [{**facts, **one} for one in slices]


def test_the_pictures_of_a_challenge_title_come(serve, all_sources, lake):
    # Its address may say "webtoon": `webtoonLevelCode` knows better.
    site = serve(SiteTitle(small_webtoon(1), level="CHALLENGE"))
    report = collect_issue("days__0001", declared(site), all_sources, lake)
    assert report.counts == {"ok": 3}
    assert report.rows[0].url.startswith(f"{site.images_url}/user_contents_data/challenge_comic/2025/02/09/")
    assert asked(site, "/challenge/")[0].path.startswith("/challenge/detail?")


def test_a_page_with_a_placeholder_only_is_an_error_not_a_gap(serve, naver):
    site = serve()
    viewer = b"""<div class="wt_viewer"><img id="content_image_0" src="/webtoon/1/1/a_IMAG01_1.jpg">
      <img id="content_image_1" src="/static/comic/images/bg_transparency.png"></div>"""
    site.fault("main/webtoon/detail", faults.other_body(viewer))
    with pytest.raises(ListingFailed, match="picture 2 has only a placeholder"):
        naver.list_pages(declared(site)["days"], "0001")


def test_a_picture_that_is_not_marked_is_skipped_and_seen(serve, naver):
    site = serve()
    viewer = b"""<div class="wt_viewer"><img src="/ad/1.jpg"><img src="https://ssl.pstatic.net/static/comic/x.png">
      <p><img id="content_image_0" src="/webtoon/1/1/a_IMAG01_1.jpg"></p></div><img src="/logo.png">"""
    site.fault("main/webtoon/detail", faults.other_body(viewer))
    other, own = naver.list_pages(declared(site)["days"], "0001")
    assert (other.page, other.name, other.skip.status) == (1, "1.jpg", "unwanted")
    assert (own.page, own.name, own.skip) == (2, "a_IMAG01_1.jpg", None)


@pytest.mark.parametrize("body", [b"<html>not in your country</html>", b"", b"<![if gte mso 9]><![foo", b"{}"])
def test_a_page_that_is_no_viewer_is_an_error_not_an_empty_issue(serve, naver, body):
    site = serve()
    site.fault("main/webtoon/detail", faults.other_body(body))
    with pytest.raises(ListingFailed, match=r"no viewer that is known|no HTML that can be read"):
        naver.list_pages(declared(site)["days"], "0001")


@pytest.mark.parametrize("location", ["", "?", "/captcha", "/webtoon/detail?titleId=900001&no=1"])
def test_a_redirect_to_nowhere_is_an_error(serve, naver, location):
    site = serve()
    site.fault("main/webtoon/detail", faults.redirect(location))
    with pytest.raises(ListingFailed, match="such a gate is not known"):
        naver.list_pages(declared(site)["days"], "0001")
    site.fault("main/api", faults.redirect(location))
    with pytest.raises(ListingFailed, match=r"HTTP 302, a redirect to .*; check titleId"):
        naver.list_issues(declared(site)["days"])


def test_an_address_that_cannot_be_read_is_an_error(serve, naver):
    site = serve()
    viewer = b'<div class="wt_viewer"><img id="content_image_0" src="http://[/a.jpg"></div>'
    site.fault("main/webtoon/detail", faults.other_body(viewer))
    with pytest.raises(ListingFailed, match="a picture's address cannot be read"):
        naver.list_pages(declared(site)["days"], "0001")


@pytest.mark.parametrize("issue", ["1", "000001", "ep05", "٠٠٠١"])
def test_an_issue_is_a_number(serve, naver, issue):
    with pytest.raises(ValueError, match="expected a number of four digits"):
        naver.list_pages(declared(serve())["days"], issue)


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
        ('{"articleList": []}', "webtoonLevelCode: Field required"),
        ('{"webtoonLevelCode": "WEBTOON", "articleList": []}', "pageInfo: Field required"),
        (as_list([10**9], rows=1), "articleList.0.no: Input should"),
        (as_list([1], rows=1).replace("WEBTOON", "NOVEL"), "webtoonLevelCode 'NOVEL' is not known"),
        (as_list([1], rows=10**9), "totalRows: Input should"),
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


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/webtoon/list",
        "http://h/x/list?titleId=1",
        "comics/days",
        "http://[",
        "http://h/webtoon/list?titleId=²",
    ],
)
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


def test_a_collection_that_breaks_off_loses_nothing_and_doubles_nothing(serve, lake):
    webtoon = small_webtoon(23, slices=2)
    site = serve(SiteTitle(webtoon, paid={23}, withheld={7}, missing={5}, notices={4}, has_guides=True))
    titles = declared(site)
    site.fault(r"images/webtoon/.*/2/.*_2\.jpg", faults.reset())
    all_sources = sources(Client(QUICK.model_copy(update={"spacing_s": 0.03})))
    keys = sync_titles(titles, all_sources, lake).keys
    assert len(keys) == 20
    assert read_catalogue(lake, "days").issues[3].facts["subtitle"] == "휴재 공지"
    for key in keys:
        if key == "days__0002":
            with pytest.raises(PagesFailed, match="page 2: incomplete"):
                collect_issue(key, titles, all_sources, lake)
        else:
            collect_issue(key, titles, all_sources, lake)
    first = list(site.log)
    site.heal()
    site.log.clear()
    reports = [collect_issue(key, titles, all_sources, lake) for key in sync_titles(titles, all_sources, lake).keys]
    assert [(report.key, report.fetched) for report in reports if report.fetched] == [("days__0002", 1)]
    assert [request.status for request in asked(site, "images/webtoon")].count(200) == 1
    for key in keys:
        column = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
        assert tuple(image["bytes"] for image in column) == webtoon.issues[int(key[-4:]) - 1].slices
    for host in ("main", "images"):
        log = [request for request in first if request.host == host]
        assert log[0].path == "/robots.txt"
        assert all(later.started >= earlier.ended for earlier, later in pairwise(log))
        assert all(later.started - earlier.started >= 0.03 for earlier, later in pairwise(log))


NAMED = (ListingFailed, IssueUnavailable, TitleUnavailable, FetchError)
"""The errors that an answer may lead to, instead of a list."""


@st.composite
def mutations(draw):
    """A change to a body: bytes overwritten, cut out, doubled, or cut off."""
    kind = draw(st.sampled_from(["set", "drop", "double", "cut", "swap"]))
    at, size = draw(st.floats(0, 1)), draw(st.integers(1, 60))
    junk = draw(
        st.sampled_from(
            [b"\xff\x00", b"[" * 5000, b"<" * 50, b"NaN", b"-1", b"null", b"1e999", b"<div>" * 3000, b"//["]
        )
        | st.binary(min_size=1, max_size=8)
    )

    def change(body: bytes) -> bytes:
        start = int(at * len(body))
        part = body[start : start + size]
        put = {"set": junk, "drop": b"", "double": part * 2, "cut": b"", "swap": part[::-1]}[kind]
        return body[:start] + put + (b"" if kind == "cut" else body[start + len(part) :])

    return change


@st.composite
def json_mutations(draw):
    """A change to a JSON value: something in it becomes something else, or is not there."""
    steps = draw(st.lists(st.integers(0, 99), min_size=1, max_size=4))
    value = draw(
        st.sampled_from([None, -1, 0, 10**30, 1.5, True, "x", "", [], {}, [[]], "WEBTOON", "\ud55c\u0000", "<drop>"])
    )

    def change(body: bytes) -> bytes:
        whole = json.loads(body)
        place, key = [whole], 0
        for step in steps:
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner:
                break
            place, key = inner, (list(inner)[step % len(inner)] if isinstance(inner, dict) else step % len(inner))
        if value == "<drop>":
            del place[key]
        else:
            place[key] = value
        return json.dumps(whole).encode()

    return change


@pytest.fixture
def fuzzed(serve):
    site = serve(SiteTitle(small_webtoon(2, slices=1), paid={2}, has_guides=True))
    return site, sources(Client(QUICK.model_copy(update={"spacing_s": 0})))


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoilt=st.tuples(st.just("main/api"), mutations() | json_mutations())
    | st.tuples(st.just("main/webtoon/detail"), mutations())
)
def test_whatever_the_site_says_leads_to_a_named_error_or_a_list(fuzzed, tmp_path, spoilt):
    site, all_sources = fuzzed
    pattern, change = spoilt
    site.heal()
    site.log.clear()
    site.fault(pattern, faults.Fault(lambda reply: faults.Reply(reply.status, reply.headers, change(reply.body))))
    titles = declared(site)
    root = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    lake = Lake.at(root)
    sync_titles(titles, all_sources, lake)
    with suppress(*NAMED, PagesFailed):
        collect_issue("days__0001", titles, all_sources, lake)
    assert len(site.log) < 40
    files = {path.relative_to(root).parts[0] for path in root.rglob("*") if path.is_file()}
    assert files <= {"catalogue", "issue_pages"}
    assert {path.name for path in tmp_path.iterdir()} <= {f"{number}" for number in range(200)}
