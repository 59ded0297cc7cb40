"""WEBTOON as a source, against the site: lists by cursor, gates and viewers; never a silent success."""

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.draw import DrawnIssue, Webtoon
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Forbidden, HostStopped, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed, TitleUnavailable
from pipelines.issue_pages.sources.webtoons import WebtoonsSettings, WebtoonsSource, _address
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import QUICK, asked, drawn_issue, picture, small_webtoon
from tests.sites import faults
from tests.sites.webtoons import WebtoonsSite, WebtoonsTitle

TITLE_NO = 95
KEY = "days__0001"


@pytest.fixture
def serve():
    running: list[WebtoonsSite] = []

    def start(title: WebtoonsTitle | Webtoon | None = None, **options) -> WebtoonsSite:
        site = WebtoonsSite({TITLE_NO: title or small_webtoon(2)}, **options)
        running.append(site.__enter__())
        return site

    yield start
    for site in running:
        site.__exit__()


@pytest.fixture
def webtoons(client):
    return WebtoonsSource(client)


@pytest.fixture
def only(webtoons):
    return {"webtoons": webtoons}


def declared(site: WebtoonsSite) -> Title:
    return Title(
        key="days",
        source="webtoons",
        address=site.address(TITLE_NO),
        licence="CC0-1.0",
        attribution="Drawn by Tintoon",
        settings=site.settings,
    )


def states(entries) -> dict[str, str]:
    return {entry.issue: entry.state for entry in entries}


def images_of(lake, key=KEY) -> list[bytes | None]:
    column = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
    return [image and image["bytes"] for image in column]


def test_lists_by_cursor(serve, webtoons):
    site = serve(small_webtoon(65, slices=1))
    entries = webtoons.list_issues(declared(site))
    assert [entry.issue for entry in entries] == [f"{number:04}" for number in range(1, 66)]
    assert (entries[0].name, entries[0].date, entries[0].state) == ("1화", "2025-02-09", "free")
    assert entries[0].facts["has_bgm"] is False
    assert [request.path for request in asked(site, "mobile/api")] == [
        f"/api/v1/webtoon/{TITLE_NO}/episodes?pageSize=30",
        f"/api/v1/webtoon/{TITLE_NO}/episodes?pageSize=30&cursor=30",
        f"/api/v1/webtoon/{TITLE_NO}/episodes?pageSize=30&cursor=60",
    ]


@pytest.mark.parametrize("genre", ["canvas", "challenge"])
def test_canvas_titles_do_not_tell_of_music(serve, webtoons, genre):
    site = serve(WebtoonsTitle(small_webtoon(1), genre=genre))
    (entry,) = webtoons.list_issues(declared(site))
    assert "has_bgm" not in entry.facts
    assert len(asked(site, f"/api/v1/canvas/{TITLE_NO}/")) == 1


def test_the_number_of_an_issue_is_the_episode_no(serve, webtoons):
    issues = [DrawnIssue(number, f"Ep. {number - 1}", (picture(number),), ()) for number in (2, 5)]
    site = serve(WebtoonsTitle(small_webtoon(1), issues=issues))
    entries = webtoons.list_issues(declared(site))
    assert [(entry.issue, entry.name, entry.state) for entry in entries] == [
        ("0001", "", "missing"),
        ("0002", "Ep. 1", "free"),
        ("0003", "", "missing"),
        ("0004", "", "missing"),
        ("0005", "Ep. 4", "free"),
    ]


def test_an_issue_that_is_listed_twice_is_one_issue(serve, webtoons):
    site = serve(WebtoonsTitle(small_webtoon(3), listed_twice={2}))
    entries = webtoons.list_issues(declared(site))
    assert [entry.note for entry in entries] == ["", "listed twice", ""]


@pytest.mark.parametrize(("goes_round", "requests"), [("cursor", 2), ("page", 3)])
def test_a_list_that_goes_round_is_an_error(serve, webtoons, goes_round, requests):
    site = serve(WebtoonsTitle(small_webtoon(60, slices=1), goes_round=goes_round))
    with pytest.raises(ListingFailed, match=r"days: .*repeats itself after \d+ issues .*; run again later"):
        webtoons.list_issues(declared(site))
    assert len(asked(site, "mobile/api")) == requests


def test_a_list_without_an_end_is_left(serve, webtoons, monkeypatch):
    monkeypatch.setattr("pipelines.issue_pages.sources.webtoons._MAX_LIST_PAGES", 2)
    site = serve(small_webtoon(65, slices=1))
    with pytest.raises(ListingFailed, match="still no end after 2 list pages"):
        webtoons.list_issues(declared(site))


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("[]", "the body: Input should be"),
        ('{"result": {}}', r"result\.episodeList: Field required"),
        ('{"result": {"episodeList": [{"episodeNo": 1000000000}]}}', "episodeNo: Input should be less"),
        ('{"result": {"episodeList": [{"episodeNo": 1, "exposureDateMillis": 1e30}]}}', "exposureDateMillis"),
        ("<html>" + " " * 9000, "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
    ],
)
def test_a_list_that_is_not_understood_is_an_error(serve, webtoons, body, seen):
    site = serve()
    site.fault("mobile/api", faults.text(body))
    site.fault("main/.*/list", faults.other_body(b"<div>" * 5000))
    with pytest.raises(ListingFailed, match=rf"{seen}.*; the list for browsers failed too: .*more than 200"):
        webtoons.list_issues(declared(site))


def test_a_title_without_issues_is_empty(serve, webtoons):
    site = serve(WebtoonsTitle(small_webtoon(1), app_only={1}))
    with pytest.raises(TitleUnavailable, match="lists no issue") as caught:
        webtoons.list_issues(declared(site))
    assert caught.value.state == "empty"


def test_an_unknown_title_is_gone(serve, webtoons):
    site = serve()
    title = declared(site).model_copy(update={"address": site.address(TITLE_NO).replace("=95", "=96")})
    with pytest.raises(TitleUnavailable, match="HTTP 404") as caught:
        webtoons.list_issues(title)
    assert caught.value.state == "gone"


def test_a_gate_of_ages_is_reported_and_never_passed(serve, only, lake):
    site = serve(WebtoonsTitle(small_webtoon(2), is_adult=True))
    titles = {"days": declared(site)}
    assert "asks for the reader's age" in sync_titles(titles, only, lake).errors["days"]
    assert read_catalogue(lake, "days").state == "adult"
    with pytest.raises(IssueUnavailable, match="asks for the reader's age") as caught:
        collect_issue(KEY, titles, only, lake)
    assert caught.value.state == "adult"
    assert asked(site, "ageGate") == asked(site, "images") == []


def test_the_page_for_other_countries_is_recognised(serve, only, lake):
    site = serve()
    titles = {"days": declared(site)}
    sync_titles(titles, only, lake)
    site.titles[TITLE_NO].is_blocked = True
    assert "countries that it does not serve" in sync_titles(titles, only, lake).errors["days"]
    with pytest.raises(TitleUnavailable, match="countries that it does not serve") as caught:
        collect_issue(KEY, titles, only, lake)
    assert caught.value.state == "withheld"
    # The issues are what they were: it is the place that is not served.
    assert [issue.state for issue in read_catalogue(lake, "days").issues] == ["free", "free"]


@pytest.mark.parametrize(
    ("options", "state", "seen"),
    [
        ({"adult": {1}}, "adult", "age"),
        ({"removed": {1}}, "gone", "HTTP 404"),
        ({"closed": {1}}, "withheld", "listed but not shown"),
        ({"app_only": {1}}, "gone", "no such issue"),
        ({"animated": {1}}, "empty", "an animated episode"),
    ],
)
def test_an_issue_behind_a_gate_is_a_state(serve, only, lake, options, state, seen):
    site = serve(WebtoonsTitle(small_webtoon(2), **options))
    titles = {"days": declared(site)}
    with pytest.raises(IssueUnavailable, match=f"days: issue 0001: .*{seen}") as caught:
        collect_issue(KEY, titles, only, lake)
    assert caught.value.state == state
    assert asked(site, "images") == asked(site, "ageGate") == []
    assert not lake.issue_pages(KEY).exists()


def test_a_login_is_never_tried(serve, webtoons):
    site = serve()
    site.fault("main/.*viewer", faults.redirect("/member/login"))
    with pytest.raises(IssueUnavailable, match="log in") as caught:
        webtoons.list_pages(declared(site), "0001")
    assert caught.value.state == "withheld"
    assert asked(site, "login") == []


@pytest.mark.parametrize("location", ["/captcha", "https://example.org/list/of/cookies", "?"])
def test_an_unknown_gate_is_an_error(serve, webtoons, location):
    site = serve()
    site.fault("main/.*viewer", faults.redirect(location))
    with pytest.raises(ListingFailed, match=r"such a gate is not known|more than 3 redirects"):
        webtoons.list_pages(declared(site), "0001")


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_viewer_that_is_gone_is_gone(serve, webtoons, status):
    site = serve()
    site.fault("main/.*viewer", faults.answer(status))
    with pytest.raises(IssueUnavailable, match=f"HTTP {status}") as caught:
        webtoons.list_pages(declared(site), "0001")
    assert caught.value.state == "gone"


def test_a_refused_viewer_ends_the_host(serve, webtoons):
    site = serve()
    site.fault("main/.*viewer", faults.answer(403))
    with pytest.raises(Forbidden):
        webtoons.list_pages(declared(site), "0001")
    with pytest.raises(HostStopped):
        webtoons.list_pages(declared(site), "0002")
    assert len(asked(site, "viewer")) == 1


def test_pages_are_the_viewers_own_children_as_uploaded(serve, webtoons):
    site = serve(WebtoonsTitle(small_webtoon(1, slices=12), has_extras=True))
    pages = webtoons.list_pages(declared(site), "0001")
    assert [page.page for page in pages] == list(range(1, 14))
    assert [page.name for page in pages[:12]] == [f"95_1_{k}.jpg" for k in range(1, 13)]
    assert all(page.url.startswith(site.url_of("images")) and "?" not in page.url for page in pages)
    assert pages[0].facts == {"shown_width_px": 800, "shown_height_px": 1280}
    # The redirect to the right name was followed, and is the Referer for the picture host.
    assert {page.referer for page in pages} == {
        f"{site.url}/en/slice-of-life/small-days/ep-1-by-name/viewer?title_no=95&episode_no=1"
    }
    assert [page.skip and page.skip.status for page in pages] == [None] * 12 + ["unwanted"]


@pytest.mark.parametrize(
    ("inside", "seen"),
    [
        ('<img src="/bg.png">', "picture 1 of 1 has only a placeholder"),
        ('<img data-url="/1.jpg"><img data-url="data:image/gif;base64,x">', "picture 2 of 2 has only a placeholder"),
        ('<img data-url="http://169.254.169.254/a.jpg">', "no host of the site"),
        ('<img data-url="file:///etc/passwd">', "no http"),
        ('<img data-url="http://[bad/a.jpg">', "no address"),
    ],
)
def test_a_picture_that_is_not_understood_is_an_error_not_a_gap(serve, webtoons, inside, seen):
    site = serve()
    site.fault("main/.*viewer", faults.other_body(f'<div id="_imageList">{inside}</div>'.encode()))
    with pytest.raises(ListingFailed, match=seen):
        webtoons.list_pages(declared(site), "0001")


def test_a_long_page_without_a_viewer_is_an_error(serve, webtoons):
    site = serve()
    site.fault("main/.*viewer", faults.other_body(b"<html><body>" + b"<p>story</p>" * 1000))
    with pytest.raises(ListingFailed, match="no viewer"):
        webtoons.list_pages(declared(site), "0001")


def test_a_viewer_without_pictures_is_empty(serve, webtoons):
    site = serve()
    site.fault("main/.*viewer", faults.other_body(b'<html><div id="_imageList"></div></html>'))
    with pytest.raises(IssueUnavailable) as caught:
        webtoons.list_pages(declared(site), "0001")
    assert caught.value.state == "empty"


def test_every_format_comes_as_uploaded(serve, only, lake):
    slices = (picture(1), picture(2, "PNG"), picture(3, "GIF"), picture(4))
    site = serve(WebtoonsTitle(small_webtoon(1), issues=[DrawnIssue(1, "1화", slices, ())]))
    report = collect_issue(KEY, {"days": declared(site)}, only, lake)
    assert images_of(lake) == list(slices)
    assert [row.format for row in report.rows] == ["jpeg", "png", "gif", "jpeg"]
    assert asked(site, "type=") == []


@pytest.mark.parametrize(
    "address",
    [
        "https://www.webtoons.com/en/drama/days/list",
        "https://www.webtoons.com/en/drama/days/viewer?title_no=1",
        "https://www.webtoons.com/days/list?title_no=1",
        "https://www.webtoons.com/en/drama/days/list?title_no=one",
        "http://[bad",
        "comics/days",
    ],
)
def test_a_wrong_address_names_the_right_one(webtoons, address):
    title = Title(key="days", source="webtoons", address=address, licence="x", attribution="x")
    with pytest.raises(ListingFailed, match=r"expected the list of a title, https://www.webtoons.com/en/GENRE"):
        webtoons.list_issues(title)


def test_the_api_of_the_public_site_is_known_and_that_of_a_mirror_is_asked_for(serve, webtoons):
    title = declared(serve()).model_copy(update={"settings": {}})
    with pytest.raises(ListingFailed, match=r"127\.0\.0\.1 is no host of webtoons\.com.*set settings\.api"):
        webtoons.list_issues(title)
    public = title.model_copy(update={"address": "https://www.webtoons.com/en/canvas/days/list?title_no=7"})
    url = _address(public).list_url(30)
    assert url == "https://m.webtoons.com/api/v1/canvas/7/episodes?pageSize=30&cursor=30"
    assert _address(public).site.refusal("https://swebtoon-phinf.pstatic.net/a.jpg") is None
    assert _address(public).site.refusal("https://webtoons.com.example.org/a.jpg") is not None


def test_settings_name_a_host_only():
    assert WebtoonsSettings(api="http://127.0.0.1:1/").api == "http://127.0.0.1:1/"
    for wrong in ("ftp://host", "http://host/path", "host", "http://host\n", "http://:80", "http://[bad"):
        with pytest.raises(ValueError, match="api"):
            WebtoonsSettings(api=wrong)


@pytest.mark.parametrize("issue", ["1", "one", "٠٠٠١", "0001/../2"])
def test_an_issue_is_a_number(serve, webtoons, issue):
    with pytest.raises(ValueError, match="expected a number of four digits"):
        webtoons.list_pages(declared(serve()), issue)


def test_robots_are_honoured_at_every_host(serve, webtoons, lake):
    site = serve(robots="User-agent: *\nDisallow: /api/\n")
    with pytest.raises(RobotsRefused):
        webtoons.list_issues(declared(site))
    assert [request.path for request in site.log] == ["/robots.txt"]
    (page, *_) = webtoons.list_pages(declared(site), "0001")
    assert webtoons.refusal(declared(site), page) is None
    assert asked(site, "images/2025") == []
    webtoons = WebtoonsSource(Client(QUICK))
    site.log.clear()
    site.fault("images/robots", faults.text("User-agent: *\nDisallow: /\n"))
    assert isinstance(webtoons.refusal(declared(site), page), RobotsRefused)
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, {"days": declared(site)}, {"webtoons": webtoons}, lake)
    assert caught.value.report.counts == {"robots_refused": 3}
    assert [request.path for request in site.log if request.host == "images"] == ["/robots.txt"]


def test_a_whole_title_politely_and_a_second_run_brings_nothing(serve, lake):
    title = WebtoonsTitle(small_webtoon(35, slices=2), app_only=set(range(4, 36)), has_extras=True)
    site = serve(title)
    titles = {"days": declared(site)}
    only = {"webtoons": WebtoonsSource(Client(QUICK.model_copy(update={"spacing_s": 0.02})))}
    synced = sync_titles(titles, only, lake)
    assert synced.keys == ("days__0001", "days__0002", "days__0003")
    for key in synced.keys:
        number = int(key[-4:])
        report = collect_issue(key, titles, only, lake)
        assert report.counts == {"ok": 2, "unwanted": 1}
        assert images_of(lake, key) == [*title.numbered()[number].slices, None]
    for host in site.hosts:
        log = sorted((one for one in site.log if one.host == host), key=lambda one: one.started)
        assert log[0].path == "/robots.txt"
        assert all(later.started >= earlier.ended + 0.015 for earlier, later in pairwise(log))
    assert asked(site, "/search") == asked(site, "thumb_") == asked(site, "advert") == []
    site.log.clear()
    assert sync_titles(titles, only, lake).new_keys == ()
    for key in synced.keys:
        report = collect_issue(key, titles, only, lake)
        assert (report.fetched, report.not_modified, report.bytes_fetched, report.unchanged) == (0, 2, 0, True)
    assert {one.status for one in site.log if one.host == "images"} == {304}


def test_an_interrupted_sync_loses_nothing_and_doubles_nothing(serve, only, lake):
    site = serve(small_webtoon(65, slices=1))
    titles = {"days": declared(site)}
    site.fault("mobile/.*cursor=30", faults.reset())
    report = sync_titles(titles, only, lake)
    assert "broke after" in report.errors["days"]
    assert read_catalogue(lake, "days").issues == ()
    site.heal()
    assert len(sync_titles(titles, only, lake).new_keys) == 65
    site.fault("mobile/.*cursor=60", faults.reset())
    assert "days" in sync_titles(titles, only, lake).errors
    assert [issue.state for issue in read_catalogue(lake, "days").issues] == ["free"] * 65
    site.heal()
    site.publish(TITLE_NO, drawn_issue(66, slices=1))
    assert sync_titles(titles, only, lake).new_keys == ("days__0066",)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.reset(), "incomplete"),
        (faults.short_body(), "incomplete"),
        (faults.truncated(), "not_a_picture"),
        (faults.empty_body(), "not_a_picture"),
        (faults.html_as_image(), "not_a_picture"),
        (faults.answer(404), "gone"),
        (faults.answer(500), "unreachable"),
        (faults.redirect("https://example.org/x.jpg"), "redirected"),
    ],
)
def test_only_the_page_that_failed_is_fetched_again(serve, only, lake, fault, status):
    site = serve()
    titles = {"days": declared(site)}
    site.fault("images/.*_2.jpg", fault)
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, titles, only, lake)
    assert caught.value.report.counts == {"ok": 2, status: 1}
    site.heal()
    site.log.clear()
    assert collect_issue(KEY, titles, only, lake).fetched == 1
    assert images_of(lake) == list(site.titles[TITLE_NO].numbered()[1].slices)
    assert [one.status for one in asked(site, "images/")] == [200]


@pytest.mark.parametrize(("status", "reason", "tries"), [(403, "forbidden", 1), (429, "rate_limited", 3)])
def test_nothing_is_asked_after_a_refusal(serve, only, lake, status, reason, tries):
    site = serve()
    site.fault("images/.*_2.jpg", faults.answer(status))
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, {"days": declared(site)}, only, lake)
    assert caught.value.report.counts == {"ok": 1, reason: 1, "not_asked": 1}
    assert len(asked(site, "_2.jpg")) == tries
    assert asked(site, "_3.jpg") == []


@pytest.mark.parametrize(
    "fault", [faults.answer(429, times=1, Retry_After="0"), faults.retry_at(429, seconds=1, times=1)]
)
def test_a_host_that_asks_to_wait_is_waited_for(serve, webtoons, fault):
    site = serve()
    site.fault("mobile/api", fault)
    assert len(webtoons.list_issues(declared(site))) == 2


NAMED = (ListingFailed, IssueUnavailable, TitleUnavailable, FetchError)


@st.composite
def _spoilt(draw, body: bytes) -> bytes:
    """An answer with some bytes changed, doubled or cut off."""
    data = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "cut", "double", "insert"])):
            case "change" if data:
                data[place] = draw(st.integers(0, 255))
            case "cut":
                del data[place : place + draw(st.integers(1, 200))]
            case "double":
                data[place:place] = data[place : place + draw(st.integers(1, 200))]
            case _:
                data[place:place] = draw(st.sampled_from([b"<", b">", b'"', b"\0", b"//[", b"-1", b"9" * 20, b"null"]))
    return bytes(data)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _spoilt_list(draw, body: bytes) -> bytes:
    """The list with one value replaced by any other, or one key lost."""
    value = json.loads(body)
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and draw(st.booleans()):
            node = node[key]
            continue
        if draw(st.booleans()):
            node[key] = draw(_VALUES)
        else:
            del node[key]
        return json.dumps(value).encode()


@pytest.fixture(scope="module")
def fuzzed():
    with WebtoonsSite({TITLE_NO: WebtoonsTitle(small_webtoon(3), has_extras=True)}) as site:
        title = declared(site)
        client = Client(QUICK.model_copy(update={"spacing_s": 0}))
        source = WebtoonsSource(client)
        source.list_issues(title)
        source.list_pages(title, "0001")
        listed = site.answer("mobile", f"/api/v1/webtoon/{TITLE_NO}/episodes?pageSize=30", {}).body
        path = f"{site.titles[TITLE_NO].path}/ep-1-by-name/viewer?title_no={TITLE_NO}&episode_no=1"
        yield site, title, source, listed, site.answer("main", path, {}).body


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_spoilt_answers_are_errors_with_a_name(fuzzed, data):
    site, title, source, listed, viewer = fuzzed
    site.heal()
    list_body = data.draw(_spoilt(listed) | _spoilt_list(listed))
    site.fault("mobile/api", faults.text(list_body.decode("latin-1")))
    site.fault("main/", faults.other_body(data.draw(_spoilt(viewer))))
    site.log.clear()
    with suppress(*NAMED):
        for entry in source.list_issues(title):
            assert entry.issue.isdecimal()
    with suppress(*NAMED):
        for page in source.list_pages(title, "0001"):
            assert page.url.startswith("http://127.0.0.1")
            assert "/" not in page.name
    assert len(site.log) < 20
