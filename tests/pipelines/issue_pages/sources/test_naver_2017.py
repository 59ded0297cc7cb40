"""Naver's layout of 2017 as a source, against the site and against an archive's copy of it."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.naver import NaverSite, SiteTitle
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Forbidden, HostStopped, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed, TitleUnavailable
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, asked, drawn_issue, small_webtoon
from tests.sites import faults
from tests.sites.naver_2017 import Naver2017Site


@pytest.fixture
def serve_2017():
    running: list[Naver2017Site] = []

    def start(title: SiteTitle | None = None, **options) -> Naver2017Site:
        site = Naver2017Site({TITLE_ID: title or SiteTitle(small_webtoon(2))}, **options)
        running.append(site.__enter__())
        return site

    yield start
    for site in running:
        site.__exit__()


@pytest.fixture
def naver(all_sources):
    return all_sources["naver_2017"]


def declared(site: NaverSite, **own) -> Title:
    name = "naver_2017" if isinstance(site, Naver2017Site) else "naver"
    address = site.address(TITLE_ID)
    return Title(key="days", source=name, address=address, licence="CC0-1.0", attribution="Drawn by Tintoon", **own)


def states(entries) -> dict[str, str]:
    return {entry.issue: entry.state for entry in entries}


def test_lists_newest_first_until_number_one(serve_2017, naver):
    site = serve_2017(SiteTitle(small_webtoon(25, slices=1), missing={7, 14, 15}, listed_twice={3, 20}, notices={9}))
    entries = naver.list_issues(declared(site))
    assert [entry.issue for entry in entries] == [f"{number:04}" for number in range(1, 26)]
    assert [entry.issue for entry in entries if entry.state == "missing"] == ["0007", "0014", "0015"]
    assert [entry.issue for entry in entries if entry.note == "listed twice"] == ["0003", "0020"]
    assert (entries[8].name, entries[8].note) == ("휴재 공지", "perhaps a notice")
    assert (entries[1].name, entries[1].date) == ("2화", "2025-02-16")
    assert entries[1].facts == {
        "no": 2,
        "subtitle": "2화",
        "thumbnail_title": "2화",
        "star_score": 9.93,
        "service_date": "2025.02.16",
    }
    paths = [request.path for request in asked(site, "list.nhn")]
    assert paths[0] == f"/webtoon/list.nhn?titleId={TITLE_ID}&weekday=mon&page=1"
    assert [path.rpartition("=")[2] for path in paths] == ["1", "2", "3"]


def test_a_list_without_number_one_asks_for_the_lowest(serve_2017, naver):
    site = serve_2017(SiteTitle(small_webtoon(25, slices=1), missing={1, 2}))
    with pytest.raises(ListingFailed, match=r"goes no further than no=3, not to no=1; .* set first_no: 3"):
        naver.list_issues(declared(site))
    assert len(asked(site, "list.nhn")) == 4  # past its end it repeats its last page
    entries = naver.list_issues(declared(site, settings={"first_no": 3}))
    assert [entry.state for entry in entries] == ["missing"] * 2 + ["free"] * 23


def test_a_list_that_repeats_its_first_page_is_an_error(serve_2017, naver):
    site = serve_2017(SiteTitle(small_webtoon(25, slices=1), lists_for_ever="same"))
    with pytest.raises(ListingFailed, match="goes no further than no=16, not to no=1"):
        naver.list_issues(declared(site))
    assert len(asked(site, "list.nhn")) == 2


def leaves(*numbers: int):
    return lambda title: title.missing.update(numbers)


def test_an_issue_that_moves_between_pages_is_not_lost(serve_2017, naver):
    # 15 moves to the first page, which has been read: two pages that do not join are the sign of it.
    site = serve_2017(SiteTitle(small_webtoon(25, slices=1), edits=[leaves(20)]))
    found = states(naver.list_issues(declared(site)))
    assert [issue for issue, state in found.items() if state != "free"] == ["0020"]
    assert [request.path.rpartition("=")[2] for request in asked(site, "list.nhn")] == ["1", "2", "1", "1", "2", "3"]


def test_a_gap_between_pages_that_stays_is_a_gap(serve_2017, naver):
    site = serve_2017(SiteTitle(small_webtoon(25, slices=1), missing={15}))
    assert states(naver.list_issues(declared(site)))["0015"] == "missing"
    assert [request.path.rpartition("=")[2] for request in asked(site, "list.nhn")] == ["1", "2", "1", "3"]


def test_an_issue_that_comes_out_meanwhile_doubles_none(serve_2017, naver):
    webtoon = small_webtoon(25, slices=1)
    title = SiteTitle(webtoon, edits=[lambda title: title.issues.append(drawn_issue(26))])
    entries = naver.list_issues(declared(serve_2017(title)))
    assert [(entry.state, entry.note) for entry in entries] == [("free", "")] * 25


def test_a_list_that_never_rests_is_an_error(serve_2017, naver):
    edits = [edit for no in (20, 19, 18) for edit in (leaves(no), lambda title: None, lambda title: None)]
    site = serve_2017(SiteTitle(small_webtoon(25, slices=1), edits=edits))
    with pytest.raises(ListingFailed, match="changed while it was read, 3 times"):
        naver.list_issues(declared(site))


def list_html(*rows: str) -> bytes:
    return f'<div id="content"><table><tbody>{"".join(rows)}</tbody></table></div>'.encode()


def row_html(no: object, *, title_id: int = TITLE_ID) -> str:
    return f'<tr><td class="title"><a href="/webtoon/detail.nhn?titleId={title_id}&no={no}">화</a></td></tr>'


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"<html>oops</html>", "no list that is known"),
        (list_html("<tr><td>advert</td></tr>"), "a row that is not known"),
        (list_html(row_html("x")), "a row that is not known"),
        (list_html(row_html(99999)), "a row that is not known"),
        (list_html('<tr><td class="title"><a href="//[">1</a></td></tr>'), "a row that is not known"),
        (list_html(row_html(1, title_id=7)), "a row of title '7'"),
        (list_html(row_html(1), row_html(2)), "the list is not newest first"),
    ],
)
def test_a_list_that_is_not_understood_is_an_error(serve_2017, naver, body, seen):
    site = serve_2017()
    site.fault("list.nhn", faults.other_body(body))
    with pytest.raises(ListingFailed, match=rf"days: http.*list.nhn.*: {seen}"):
        naver.list_issues(declared(site))


def test_rows_without_the_rest_are_still_issues(serve_2017, naver):
    site = serve_2017()
    odd = f'<tr class=""><td class="title"><a href="?titleId={TITLE_ID}&no=2"></a></td><td class="num">어제</td></tr>'
    site.fault("list.nhn", faults.other_body(list_html(odd, row_html(1))))
    one, two = naver.list_issues(declared(site))
    assert (one.name, one.date, one.note, one.facts) == (
        "화",
        None,
        "",
        {"no": 1, "subtitle": "화", "service_date": ""},
    )
    assert (two.name, two.date, two.note) == ("", None, "어제")


def test_a_title_without_issues_is_empty(serve_2017, naver):
    site = serve_2017()
    site.fault("list.nhn", faults.other_body(list_html()))
    with pytest.raises(TitleUnavailable, match="lists no issue") as caught:
        naver.list_issues(declared(site))
    assert caught.value.state == "empty"


def test_an_adult_title_is_a_state(serve_2017, naver):
    title = declared(serve_2017(SiteTitle(small_webtoon(2), is_adult=True)))
    with pytest.raises(TitleUnavailable, match="for adults") as caught:
        naver.list_issues(title)
    assert caught.value.state == "adult"
    with pytest.raises(IssueUnavailable, match="for adults") as of_issue:
        naver.list_pages(title, "0001")
    assert of_issue.value.state == "adult"


@pytest.mark.parametrize(
    ("own", "issue", "state"),
    [
        ({"closed": {2}}, "0002", "paid"),
        ({"missing": {2}}, "0002", "gone"),
        ({}, "0777", "gone"),
        ({"without_pictures": {2}}, "0002", "empty"),
    ],
)
def test_an_issue_behind_a_gate_is_a_state(serve_2017, naver, own, issue, state):
    site = serve_2017(SiteTitle(small_webtoon(3), **own))
    with pytest.raises(IssueUnavailable, match=f"days: issue {issue}: ") as caught:
        naver.list_pages(declared(site), issue)
    assert caught.value.state == state
    assert asked(site, "images") == []


@pytest.mark.parametrize("status", [404, 410, 451])
def test_what_is_gone_is_gone(serve_2017, naver, status):
    site = serve_2017()
    site.fault("main/webtoon", faults.answer(status))
    with pytest.raises(IssueUnavailable, match=f"HTTP {status}") as caught:
        naver.list_pages(declared(site), "0001")
    assert caught.value.state == "gone"
    with pytest.raises(TitleUnavailable, match=f"HTTP {status}"):
        naver.list_issues(declared(site))


def test_nothing_is_asked_after_a_refusal(serve_2017, naver):
    site = serve_2017()
    site.fault("main/webtoon/detail", faults.answer(403))
    with pytest.raises(Forbidden):
        naver.list_pages(declared(site), "0001")
    with pytest.raises(HostStopped):
        naver.list_issues(declared(site))
    assert len(asked(site, "nhn")) == 1


def test_nothing_is_asked_that_robots_forbid(serve_2017, naver):
    site = serve_2017(robots="User-agent: *\nDisallow: /webtoon/\n")
    with pytest.raises(RobotsRefused):
        naver.list_issues(declared(site))
    assert [request.path for request in site.log] == ["/robots.txt"]


def test_pages_are_the_pictures_without_rating_cards(serve_2017, naver):
    site = serve_2017(SiteTitle(small_webtoon(1, slices=12), has_guides=True))
    pages = naver.list_pages(declared(site), "0001")
    assert [page.url for page in pages] == site.picture_urls(TITLE_ID, site.titles[TITLE_ID].issues[0])
    assert [page.page for page in pages] == [page.facts["slice"] for page in pages] == list(range(1, 13))
    assert {page.referer for page in pages} == {f"{site.url}/webtoon/detail.nhn?titleId={TITLE_ID}&weekday=mon&no=1"}
    assert pages[0].facts == {"title_id": TITLE_ID, "no": 1, "subtitle": "1화", "slice": 1}


def test_what_is_unwanted_is_not_collected(serve_2017, naver):
    title = declared(serve_2017(SiteTitle(small_webtoon(2), notices={2})), settings={"unwanted_issues": "공지"})
    assert states(naver.list_issues(title)) == {"0001": "free", "0002": "unwanted"}
    with pytest.raises(IssueUnavailable, match="is unwanted"):
        naver.list_pages(title, "0002")


@pytest.mark.parametrize(
    "address",
    [
        "http://h/webtoon/list?titleId=1",
        "http://h/webtoon/list.nhn",
        "http://h/webtoon/list.nhn?titleId=1&weekday=m%26x",
        "http://[",
        "comics/days",
    ],
)
def test_a_wrong_address_names_the_right_one(serve_2017, naver, address):
    title = declared(serve_2017()).model_copy(update={"address": address})
    with pytest.raises(ListingFailed, match=r"expected the list of a title at a mirror of 2017"):
        naver.list_issues(title)


def test_an_archive_is_followed_to_the_day_of_its_copy(serve_2017, all_sources, lake):
    site = serve_2017(SiteTitle(small_webtoon(12, slices=2), closed={12}), is_archive=True)
    titles = {"days": declared(site)}
    keys = sync_titles(titles, all_sources, lake).keys
    assert len(keys) == 12
    report = collect_issue(keys[0], titles, all_sources, lake)
    assert report.counts == {"ok": 2}
    assert "/web/20170528204207/http://comic.naver.com/webtoon/detail.nhn" in (
        asked(site, "images/webtoon")[0].referer or ""
    )
    with pytest.raises(IssueUnavailable, match="it is not free"):
        collect_issue(keys[11], titles, all_sources, lake)


@pytest.mark.parametrize(
    "location",
    ["http://localhost:9/webtoon/list.nhn?titleId=900001&page=1", "/webtoon/list.nhn?titleId=1&page=1", "/main.nhn"],
)
def test_redirects_elsewhere_are_not_followed(serve_2017, naver, location):
    site = serve_2017()
    site.fault("list.nhn", faults.redirect(location))
    with pytest.raises(ListingFailed, match=r"HTTP 302, a redirect to http.*; check titleId"):
        naver.list_issues(declared(site))
    assert len(asked(site, "nhn")) == 1


def test_a_redirect_to_itself_ends(serve_2017, naver):
    site = serve_2017()
    path = f"/webtoon/list.nhn?titleId={TITLE_ID}&weekday=mon&page=1"
    site.fault("list.nhn", faults.redirect(path))
    with pytest.raises(ListingFailed, match="a redirect to"):
        naver.list_issues(declared(site))
    assert len(asked(site, "nhn")) == 6


def test_both_layouts_have_the_same_pages(serve, serve_2017, all_sources, tmp_path):
    title = SiteTitle(small_webtoon(12, slices=2), missing={4})
    today, before = serve(title), serve_2017(title)
    found = {}
    for site in (today, before):
        lake = Lake.at(tmp_path / type(site).__name__)
        titles = {"days": declared(site)}
        keys = sync_titles(titles, all_sources, lake).keys
        digests = [collect_issue(key, titles, all_sources, lake).digest for key in keys]
        listed = [(issue.issue, issue.name, issue.date, issue.state) for issue in read_catalogue(lake, "days").issues]
        found[type(site)] = (keys, digests, listed)
    assert len(found[NaverSite][0]) == 11
    assert found[NaverSite] == found[Naver2017Site]


def test_a_collection_that_breaks_off_loses_nothing_and_doubles_nothing(serve_2017, lake):
    webtoon = small_webtoon(12, slices=2)
    site = serve_2017(SiteTitle(webtoon, missing={5}, has_guides=True))
    titles = {"days": declared(site)}
    site.fault(r"images/webtoon/.*/2/.*_2\.jpg", faults.reset())
    all_sources = sources(Client(QUICK.model_copy(update={"spacing_s": 0.03})))
    keys = sync_titles(titles, all_sources, lake).keys
    with pytest.raises(PagesFailed, match="page 2: incomplete"):
        collect_issue("days__0002", titles, all_sources, lake)
    for key in keys:
        if key != "days__0002":
            assert collect_issue(key, titles, all_sources, lake).counts == {"ok": 2}
    first = list(site.log)
    site.heal()
    site.log.clear()
    reports = [collect_issue(key, titles, all_sources, lake) for key in sync_titles(titles, all_sources, lake).keys]
    assert [(report.key, report.fetched) for report in reports if report.fetched] == [("days__0002", 1)]
    for key in keys:
        column = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
        assert tuple(image["bytes"] for image in column) == webtoon.issues[int(key[-4:]) - 1].slices
    for host in ("main", "images"):
        log = [request for request in first if request.host == host]
        assert log[0].path == "/robots.txt"
        assert all(later.started >= earlier.ended for earlier, later in pairwise(log))
        assert all(later.started - earlier.started >= 0.03 for earlier, later in pairwise(log))


_JUNK = (b"<", b">", b'"', b"\xff\x00", b"<![foo", b"<div>" * 3000, b"no=", b"&no=2&no=3", b"//[", b"9" * 30, b"")


@pytest.fixture
def fuzzed(serve_2017):
    site = serve_2017(SiteTitle(small_webtoon(12, slices=1)))
    return site, sources(Client(QUICK.model_copy(update={"spacing_s": 0})))


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pattern=st.sampled_from(["list.nhn", "detail.nhn"]),
    at=st.floats(0, 1),
    lost=st.integers(0, 80),
    junk=st.sampled_from(_JUNK) | st.binary(max_size=8),
    is_cut=st.booleans(),
)
def test_whatever_the_site_says_leads_to_a_named_error_or_a_list(fuzzed, tmp_path, pattern, at, lost, junk, is_cut):
    site, all_sources = fuzzed

    def change(reply: faults.Reply) -> faults.Reply:
        start = int(at * len(reply.body))
        rest = b"" if is_cut else reply.body[start + lost :]
        return faults.Reply(reply.status, reply.headers, reply.body[:start] + junk + rest)

    site.heal()
    site.log.clear()
    site.fault(pattern, faults.Fault(change))
    titles = {"days": declared(site)}
    root = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    lake = Lake.at(root)
    sync_titles(titles, all_sources, lake)
    with suppress(ListingFailed, IssueUnavailable, TitleUnavailable, FetchError, PagesFailed):
        collect_issue("days__0001", titles, all_sources, lake)
    assert len(site.log) < 30
    files = {path.relative_to(root).parts[0] for path in root.rglob("*") if path.is_file()}
    assert files <= {"catalogue", "issue_pages"}
