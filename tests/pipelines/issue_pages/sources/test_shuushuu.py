"""e-shuushuu as a source, in today's layout and in that of 2017, against the site; never a silent success."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Forbidden, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import (
    Fetched,
    IssueUnavailable,
    ListingFailed,
    NotModified,
    TitleUnavailable,
    Unavailable,
)
from pipelines.issue_pages.sources.shuushuu import ShuushuuSource
from pipelines.issue_pages.sources.shuushuu_2017 import Shuushuu2017Source
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import QUICK, asked, picture
from tests.sites import faults
from tests.sites.shuushuu import ShuushuuSite, SiteImage

SOURCES = {"shuushuu": ShuushuuSource, "shuushuu_2017": Shuushuu2017Source}
ISSUE = "000000020-000000029"
KEY = f"set__{ISSUE}"
ARTIST = (7, "somebody", 3)
LONG_HAIR = (46, "long hair", 1)


def small_set(last: int, **changes) -> list[SiteImage]:
    return [SiteImage(number, picture(number), **changes) for number in range(1, last + 1)]


@pytest.fixture
def serve_set():
    """Starts sites, and stops them after the test."""
    running: list[ShuushuuSite] = []

    def start(images=None, **options) -> ShuushuuSite:
        options = {"search_delay_s": 0.01, **options}
        site = ShuushuuSite(images if images is not None else small_set(35), **options)
        running.append(site.__enter__())
        return site

    yield start
    for site in running:
        site.__exit__()


@pytest.fixture(params=SOURCES)
def layout(request) -> str:
    return request.param


def declared(site: ShuushuuSite, source: str = "shuushuu", **wanted) -> dict[str, Title]:
    wanted = {"ids_per_issue": 10, **wanted}
    title = Title(
        key="set", source=source, address=site.url, licence="by their artists", attribution="a site", settings=wanted
    )
    return {"set": title}


def title_of(site: ShuushuuSite, source: str = "shuushuu", **wanted) -> Title:
    return declared(site, source, **wanted)["set"]


def sources() -> dict[str, object]:
    client = Client(QUICK)
    return {name: source(client) for name, source in SOURCES.items()}


def issue_of(pages) -> dict[int, str]:
    return {page.facts["id"]: page.skip.status if page.skip else "ok" for page in pages}


def images_of(lake) -> list[bytes | None]:
    return [image and image["bytes"] for image in lake.read_table(lake.issue_pages(KEY))["image"].to_pylist()]


def test_one_request_tells_the_issues(serve_set, layout):
    site = serve_set()
    entries = SOURCES[layout](Client(QUICK)).list_issues(title_of(site, layout))
    assert {entry.issue: entry.state for entry in entries} == {
        "000000000-000000009": "free",
        "000000010-000000019": "free",
        "000000020-000000029": "free",
        "000000030-000000039": "growing",
    }
    assert [request.path for request in site.log] == [
        "/robots.txt",
        "/image/index.xml?limit=1" if layout == "shuushuu" else "/?page=1",
    ]


def test_the_whole_set_is_collected_once(serve_set, lake, layout):
    site = serve_set()
    titles, all_sources = declared(site, layout), sources()
    synced = sync_titles(titles, all_sources, lake)
    assert synced.counts == {"set": {"free": 3, "growing": 1}}
    reports = [collect_issue(key, titles, all_sources, lake) for key in synced.keys]
    assert [report.counts for report in reports] == [{"ok": 9}, {"ok": 10}, {"ok": 10}]
    assert images_of(lake) == [site.images[number].data for number in range(20, 30)]
    row = reports[2].rows[0]
    assert (row.name, row.licence, row.format) == (f"{site.images[20].stem}.jpg", "by their artists", "jpeg")
    assert json.loads(row.facts)["id"] == 20
    site.log.clear()
    again = collect_issue(KEY, titles, all_sources, lake)
    assert (again.unchanged, again.fetched, again.not_modified) == (True, 0, 10)
    # Today's list gives digests, which say that nothing changed; the lists of 2017 did not.
    assert [request.status for request in asked(site, "/images/")] == ([] if layout == "shuushuu" else [304] * 10)


def test_an_issue_is_collected_when_it_is_full(serve_set, lake, layout):
    site = serve_set()
    titles, all_sources = declared(site, layout), sources()
    before = sync_titles(titles, all_sources, lake)
    site.publish(*(SiteImage(number, picture(number)) for number in range(36, 41)))
    after = sync_titles(titles, all_sources, lake)
    assert set(after.keys) - set(before.keys) == {"set__000000030-000000039"}
    assert collect_issue("set__000000030-000000039", titles, all_sources, lake).counts == {"ok": 10}


def test_facts_and_artists(serve_set, layout):
    site = serve_set(small_set(30, tags=(LONG_HAIR, ARTIST)))
    page = SOURCES[layout](Client(QUICK)).list_pages(title_of(site, layout), ISSUE)[0]
    assert page.attribution == "somebody (a site)"
    assert page.facts["width_px"] == 40
    kind = "theme" if layout == "shuushuu" else "tags"
    assert page.facts["tags"] == {kind: ["long hair"], "artist": ["somebody"]}
    if layout == "shuushuu":
        assert page.facts["md5"] == site.images[20].listed_md5
        assert page.facts["created_at"] == "2014-02-09T12:00:00Z"


def test_reposts_are_edges_and_what_is_hidden_is_left_alone(serve_set, lake):
    site = serve_set()
    site.publish(
        replace(site.images[21], status=-1, replacement=3),
        replace(site.images[22], status=-1),
        replace(site.images[23], status=2),
        replace(site.images[24], status=0),
    )
    titles, all_sources = declared(site), sources()
    report = collect_issue(KEY, titles, all_sources, lake)
    assert report.counts == {"ok": 7, "repost": 2}  # the list does not have 24 at all
    repost = report.rows[1]
    assert repost.detail == "the site gives it as a repost of image 3"
    assert json.loads(repost.facts)["repost_of"] == 3
    assert report.rows[2].detail == "the site gives it as a repost of an image that it does not name"
    assert asked(site, "-21.jpg") == asked(site, "-22.jpg") == []


@pytest.mark.parametrize("status", [0, -2, -3, -4, 99])
def test_a_listed_image_that_is_not_shown_is_hidden(serve_set, lake, status):
    site = serve_set()

    rows = json.loads(site.reply("main", "/api/v1/images?per_page=100&sort_order=ASC", {}).body)
    rows["images"][24]["status"] = status
    site.fault("main/api/v1/images", faults.text(json.dumps(rows)))
    report = collect_issue(KEY, declared(site), sources(), lake)
    assert report.counts == {"ok": 9, "hidden": 1}
    assert f"its status is {status}" in (report.rows[5].detail or "")


def test_a_hidden_image_of_2017_has_no_link(serve_set):
    site = serve_set()
    body = '<div id="content"><div class="image_thread" id="i25"></div><div class="image_thread" id="i9"></div></div>'
    site.fault(r"main/\?page", faults.text(body))
    pages = Shuushuu2017Source(Client(QUICK)).list_pages(title_of(site, "shuushuu_2017"), ISSUE)
    assert issue_of(pages) == {25: "hidden"}
    assert pages[0].url == f"{site.url}/image/25/"


def test_what_is_not_wanted_is_listed_with_the_reason(serve_set, layout):
    site = serve_set()
    site.publish(
        replace(site.images[20], tags=((50, "short hair", 1),)),
        replace(site.images[21], tags=(LONG_HAIR, (9, "sketch", 1))),
        replace(site.images[22], width_px=30),
        replace(site.images[23], extension="webm"),
    )
    title = title_of(site, layout, only_tags=["long hair"], without_tags=["sketch"], min_side_px=40)
    pages = SOURCES[layout](Client(QUICK)).list_pages(title, ISSUE)
    assert issue_of(pages) == {20: "unwanted", 21: "unwanted", 22: "unwanted", 23: "no_picture"} | dict.fromkeys(
        range(24, 30), "ok"
    )
    assert [page.skip.detail for page in pages[:4]] == [
        "has not the tag long hair, which only_tags asks for",
        "has the tag sketch, which without_tags leaves out",
        "30 x 60 px, smaller than min_side_px=40",
        "a .webm file is no picture",
    ]


def test_the_search_is_asked_for_tags_by_number(serve_set):
    site = serve_set()
    site.publish(replace(site.images[20], tags=(ARTIST,)), replace(site.images[21], tags=(LONG_HAIR, ARTIST)))
    source = ShuushuuSource(Client(QUICK))
    assert list(issue_of(source.list_pages(title_of(site, tags=[7, 46]), ISSUE))) == [21]
    assert list(issue_of(source.list_pages(title_of(site, exclude_tags=[46]), ISSUE))) == [20]
    with pytest.raises(IssueUnavailable, match=r"has no image of these ids; see tags") as caught:
        source.list_pages(title_of(site, tags=[999]), ISSUE)
    assert caught.value.state == "empty"


def test_too_many_tags_are_refused_before_the_site_does(serve_set):
    with pytest.raises(ValueError, match="the site searches for at most 5 together"):
        ShuushuuSource(Client(QUICK)).list_issues(title_of(serve_set(), tags=[1, 2, 3], exclude_tags=[4, 5, 6]))


@pytest.mark.parametrize("status", [400, 422])
def test_a_search_that_the_site_refuses_is_an_error(serve_set, status):
    site = serve_set()
    refusal = faults.Fault(lambda _: faults.Reply(status, {}, b'{"detail": "up to 1 tag at a time"}'))
    site.fault("main/api/v1/images", refusal)
    with pytest.raises(ListingFailed, match=f"HTTP {status}, up to 1 tag at a time; correct tags"):
        ShuushuuSource(Client(QUICK)).list_pages(title_of(site), ISSUE)


def test_a_list_is_read_from_a_day_and_not_from_its_beginning(serve_set):
    site = serve_set(small_set(1500), search_delay_s=0)
    issue = "000001400-000001499"
    pages = ShuushuuSource(Client(QUICK)).list_pages(title_of(site, ids_per_issue=100), issue)
    assert list(issue_of(pages)) == list(range(1400, 1500))
    index, *lists = [request.path for request in site.log if request.path not in ("/robots.txt", "/api/v1/meta/config")]
    assert index == "/image/index.xml?limit=1&after_id=1299"
    assert len(lists) == 3  # 1300 came the day before 1304, so the list begins with 1296
    assert parse_qs(urlsplit(lists[0]).query)["date_from"] == [str(site.images[1296].added.date())]


def test_a_gap_in_the_index_is_stepped_over(serve_set):
    images = [image for image in small_set(1300) if image.number < 100 or image.number >= 1200]
    site = serve_set(images, search_delay_s=0)
    pages = ShuushuuSource(Client(QUICK)).list_pages(title_of(site, ids_per_issue=100), "000001200-000001299")
    assert list(issue_of(pages)) == list(range(1200, 1300))
    assert len(asked(site, "index.xml")) == 1 + 1


def test_an_index_that_tells_no_day_is_an_error_not_a_crawl(serve_set):
    images = [SiteImage(number, picture(number), day=date(2020, 1, 1)) for number in (1, 30_001, 30_002)]
    site = serve_set(images)
    with pytest.raises(ListingFailed, match="no image of the 10000 ids before 30000"):
        ShuushuuSource(Client(QUICK)).list_pages(title_of(site), "000030000-000030009")
    assert len(asked(site, "main/api")) == 0


def test_the_pause_between_searches_is_the_sites_own(serve_set):
    site = serve_set(small_set(350), search_delay_s=0.2)
    ShuushuuSource(Client(QUICK)).list_pages(
        title_of(site, ids_per_issue=300, collect_growing=True), "000000000-000000299"
    )
    searches = asked(site, "api/v1/images")
    assert len(searches) == 3
    # From start to start: the site may log the end of an answer after the client has read it.
    assert all(later.started - earlier.started >= 0.2 for earlier, later in pairwise(searches))
    assert len(asked(site, "meta/config")) == 1


_SEARCHES = """
import sys
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.params import FetchParams
from pipelines.issue_pages.sources.shuushuu import ShuushuuSource
from pipelines.titles import Title

title = Title.model_validate_json(sys.argv[1])
ShuushuuSource(Client(FetchParams(spacing_s=0))).list_pages(title, "000000000-000000299")
"""


def test_the_pause_between_searches_holds_for_all_processes(serve_set):
    site = serve_set(small_set(350), search_delay_s=0.3)
    title = title_of(site, ids_per_issue=300, collect_growing=True)
    asking = [subprocess.Popen([sys.executable, "-c", _SEARCHES, title.model_dump_json()]) for _ in range(2)]
    assert [process.wait(60) for process in asking] == [0, 0]
    searches = sorted(asked(site, "api/v1/images"), key=lambda one: one.started)
    assert len(searches) == 6
    assert all(later.started - earlier.ended >= 0.29 for earlier, later in pairwise(searches))


@pytest.mark.parametrize(("fault", "delay_s"), [(faults.answer(404), 2.0), (faults.text("{}"), 2.0)])
def test_without_a_configuration_the_pause_is_two_seconds(serve_set, fault, delay_s):
    site = serve_set(small_set(250))
    site.fault("meta/config", fault)
    slept: list[float] = []
    source = ShuushuuSource(Client(QUICK), clock=lambda: 0.0, sleep=slept.append)
    source.list_pages(title_of(site, ids_per_issue=200), "000000000-000000199")
    assert slept == [delay_s]


def test_a_pause_beyond_all_measure_is_an_error(serve_set):
    site = serve_set(search_delay_s=86400)
    with pytest.raises(ListingFailed, match="asks for 86400 s between searches, more than max_wait_s=3"):
        ShuushuuSource(Client(QUICK)).list_pages(title_of(site), ISSUE)


def test_an_image_that_vanishes_while_the_list_is_read_costs_no_other(serve_set, layout):
    site = serve_set(small_set(450), search_delay_s=0)
    vanishing = iter([1, 3] if layout == "shuushuu" else [440])
    site.before_search = lambda page: (
        site.images.pop(next(vanishing, 0), None) if page == (2 if layout == "shuushuu" else 20) else None
    )
    title = title_of(site, layout, ids_per_issue=200)
    pages = SOURCES[layout](Client(QUICK)).list_pages(title, "000000000-000000199")
    assert set(range(4, 200)) <= set(issue_of(pages))


def test_a_list_that_never_stands_still_is_an_error(serve_set, layout):
    site = serve_set(small_set(450), search_delay_s=0)

    def vanish(page: int) -> None:
        if page > 1:
            site.images.pop(max(site.images) if layout == "shuushuu_2017" else min(site.images))

    site.before_search = vanish
    with pytest.raises(ListingFailed, match="changed each of the 3 times"):
        SOURCES[layout](Client(QUICK)).list_pages(title_of(site, layout, ids_per_issue=200), "000000000-000000199")


def test_new_images_push_others_to_later_pages_and_none_is_missed(serve_set, layout):
    site = serve_set(small_set(450), search_delay_s=0)

    def publish(page: int) -> None:
        newest = max(site.images)
        site.images[newest + 1] = SiteImage(newest + 1, b"")

    site.before_search = publish
    pages = SOURCES[layout](Client(QUICK)).list_pages(title_of(site, layout, ids_per_issue=200), "000000200-000000399")
    assert list(issue_of(pages)) == list(range(200, 400))


def test_pages_of_2017_are_found_by_halving(serve_set):
    site = serve_set(small_set(3000))
    title = title_of(site, "shuushuu_2017", ids_per_issue=100)
    pages = Shuushuu2017Source(Client(QUICK)).list_pages(title, "000000500-000000599")
    assert list(issue_of(pages)) == list(range(500, 600))
    assert len(site.log) < 25


@pytest.mark.parametrize("source", SOURCES)
def test_a_list_that_repeats_itself_is_an_error(serve_set, source):
    site = serve_set(small_set(450), search_delay_s=0)
    first = site.reply("main", "/api/v1/images?per_page=100&sort_order=ASC" if source == "shuushuu" else "/?page=5", {})
    site.fault(r"main/(api/v1/images|\?page)", faults.other_body(first.body))
    with pytest.raises(ListingFailed, match=r"ids \d+ to \d+ do not go on"):
        SOURCES[source](Client(QUICK)).list_pages(title_of(site, source, ids_per_issue=400), "000000000-000000399")
    assert len(site.log) < 20


def test_a_list_that_ends_early_is_an_error(serve_set):
    site = serve_set()
    body = json.dumps({"total": 500, "images": []})
    site.fault("main/api/v1/images", faults.text(body))
    with pytest.raises(ListingFailed, match="ends after 0 of 500 images; run again later"):
        ShuushuuSource(Client(QUICK)).list_pages(title_of(site), ISSUE)


def test_files_may_be_at_another_host_of_the_site_only(serve_set, lake):
    site = serve_set(has_file_host=True)
    report = collect_issue(KEY, declared(site), sources(), lake)
    assert report.counts == {"ok": 10}
    assert {request.status for request in asked(site, "main/images")} == {302}
    assert len(asked(site, "files/images")) == 10
    site.fault("main/images/.*-21.jpg", faults.redirect("https://bucket.example.com/21.jpg?signature=1"))
    old = site.images[21].data
    site.publish(replace(site.images[21], data=picture(77)))
    with pytest.raises(PagesFailed, match=r"page 2: redirected: .*bucket\.example\.com is no host of the site"):
        collect_issue(KEY, declared(site), sources(), lake)
    assert images_of(lake)[1] == old


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.truncated(), "not_a_picture"),
        (faults.html_as_image(), "not_a_picture"),
        (faults.empty_body(), "not_a_picture"),
        (faults.reset(), "incomplete"),
        (faults.answer(500), "unreachable"),
        (faults.answer(404), "gone"),
        (faults.answer(451), "gone"),
    ],
)
def test_a_file_that_fails_is_fetched_again_alone(serve_set, lake, layout, fault, status):
    site = serve_set()
    titles, all_sources = declared(site, layout), sources()
    site.fault("main/images/.*-24.jpg", fault)
    with pytest.raises(PagesFailed, match=f"page 5: {status}: http") as caught:
        collect_issue(KEY, titles, all_sources, lake)
    assert caught.value.report.counts == {"ok": 9, status: 1}
    site.heal()
    site.log.clear()
    assert collect_issue(KEY, titles, all_sources, lake).fetched == 1
    assert images_of(lake) == [site.images[number].data for number in range(20, 30)]
    assert len([request for request in asked(site, "main/images") if request.status == 200]) == 1


def test_another_picture_than_the_listed_one_is_a_failure(serve_set, lake):
    site = serve_set()
    other = picture(99)
    site.fault("main/images/.*-24.jpg", faults.other_body(other))
    with pytest.raises(PagesFailed, match=r"page 5: wrong_digest: .*though the list has"):
        collect_issue(KEY, declared(site), sources(), lake)
    assert collect_issue(KEY, declared(site, check_digest=False), sources(), lake).counts == {"ok": 10}
    assert images_of(lake)[4] == other


def test_a_file_that_is_replaced_is_fetched_anew_even_after_a_bad_day(serve_set, lake):
    site = serve_set()
    titles, all_sources = declared(site), sources()
    collect_issue(KEY, titles, all_sources, lake)
    old, new = site.images[24].data, picture(124)
    site.publish(replace(site.images[24], data=new))
    site.fault("main/images/.*-24.jpg", faults.answer(500))
    with pytest.raises(PagesFailed):
        collect_issue(KEY, titles, all_sources, lake)
    assert images_of(lake)[4] == old  # the old one, until the new one comes
    site.heal()
    site.log.clear()
    assert collect_issue(KEY, titles, all_sources, lake).fetched == 1
    assert images_of(lake)[4] == new
    assert [request.is_conditional for request in asked(site, "main/images")] == [True]


def test_a_known_file_of_another_size_than_the_listed_one_is_asked_for(serve_set, lake):
    site = serve_set()
    titles, all_sources = declared(site), sources()
    known = collect_issue(KEY, titles, all_sources, lake).rows[4]
    page = all_sources["shuushuu"].list_pages(titles["set"], ISSUE)[4]
    fetch = all_sources["shuushuu"].fetch
    assert fetch(titles["set"], page, known) == NotModified()
    # As an interruption may leave it just when the file is replaced: the old bytes with the new facts.
    assert isinstance(fetch(titles["set"], page, replace(known, size_bytes=1, etag='"old"')), Fetched)


def test_a_refusal_ends_the_host(serve_set, lake, layout):
    site = serve_set()
    site.fault("main/images/.*-24.jpg", faults.answer(403))
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, declared(site, layout), sources(), lake)
    assert caught.value.report.counts == {"ok": 4, "forbidden": 1, "not_asked": 5}
    assert len(asked(site, "main/images")) == 5


def test_a_refused_list_is_asked_once(serve_set, layout):
    site = serve_set()
    site.fault(r"main/(image/index|\?page)", faults.answer(403))
    with pytest.raises(Forbidden):
        SOURCES[layout](Client(QUICK)).list_issues(title_of(site, layout))
    assert len(site.log) == 2


def test_a_sync_that_breaks_off_loses_nothing(serve_set, lake, layout):
    site = serve_set()
    titles, all_sources = declared(site, layout), sources()
    sync_titles(titles, all_sources, lake)
    before = read_catalogue(lake, "set")
    site.fault(r"main/(image/index|\?page)", faults.reset())
    assert "set" in sync_titles(titles, all_sources, lake).errors
    broken = read_catalogue(lake, "set")
    assert (broken.state, broken.issues) == ("incomplete", before.issues)
    site.heal()
    assert sync_titles(titles, all_sources, lake).new_keys == ()
    assert read_catalogue(lake, "set") == before


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"<![foo", "no list of images"),
        (b"<div id='content'><a <a ", "breaks off within a tag"),
        (b"<div id='content'>" + b"<a <a " * 10_000, "20001 tags, at most 20000"),
        (b"<div id='content'>" * 300, "more than 200 deep"),
    ],
)
def test_hostile_pages_of_the_former_layout_are_errors_with_a_name(serve_set, lake, body, seen):
    site = serve_set()
    site.fault(r"main/\?page", faults.other_body(body))
    error = sync_titles(declared(site, "shuushuu_2017"), sources(), lake).errors["set"]
    assert error.startswith(f"{site.url}/?page=1: ")
    assert seen in error


def test_robots_and_spacing(serve_set, lake, layout):
    site = serve_set(robots="User-agent: *\nDisallow: /user/\n")
    titles = declared(site, layout)
    all_sources = {layout: SOURCES[layout](Client(QUICK.model_copy(update={"spacing_s": 0.03})))}
    for key in sync_titles(titles, all_sources, lake).keys:
        collect_issue(key, titles, all_sources, lake)
    assert site.log[0].path == "/robots.txt"
    assert len(site.log) > 30
    assert all(later.started - earlier.started >= 0.03 for earlier, later in pairwise(site.log))
    assert all(later.started >= earlier.ended for earlier, later in pairwise(site.log))


@pytest.mark.parametrize("prefix", ["/api/", "/images/", "/"])
def test_nothing_is_asked_that_robots_forbid(serve_set, lake, prefix):
    site = serve_set(robots=f"User-agent: *\nDisallow: {prefix}\n")
    with pytest.raises((RobotsRefused, PagesFailed)):
        collect_issue(KEY, declared(site), sources(), lake)
    assert not [
        request.path for request in site.log if request.path.startswith(prefix) and request.path != "/robots.txt"
    ]


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("<images>", "no XML"),
        ("<html><body/></html>", "<html> instead of <images>"),
        ('<images><image id="x" submitted_on="2020-01-01"/></images>', "id 'x'"),
        ('<images><image id="5" submitted_on="0001-01-01"/></images>', "'0001-01-01'"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><images>&a;</images>', "no XML"),
    ],
)
def test_an_index_that_is_not_understood_is_an_error(serve_set, body, seen):
    site = serve_set()
    site.fault("index.xml", faults.text(body))
    with pytest.raises(ListingFailed, match=seen):
        ShuushuuSource(Client(QUICK)).list_issues(title_of(site))


def test_an_index_that_ignores_what_it_is_asked_for_is_an_error(serve_set):
    site = serve_set(small_set(500))
    site.fault("index.xml", faults.text('<images><image id="3" submitted_on="2020-01-01T00:00:00"/></images>'))
    with pytest.raises(ListingFailed, match="image 3, though ids after 299 were asked for"):
        ShuushuuSource(Client(QUICK)).list_pages(title_of(site), "000000400-000000409")


def test_an_empty_site_is_empty_and_a_missing_one_gone(serve_set, layout):
    site = serve_set([])
    source = SOURCES[layout](Client(QUICK))
    with pytest.raises(TitleUnavailable, match="no image") as caught:
        source.list_issues(title_of(site, layout))
    assert caught.value.state == "empty"
    site.fault(r"main/(image/index|\?page)", faults.answer(404))
    with pytest.raises(TitleUnavailable, match="HTTP 404") as caught:
        source.list_issues(title_of(site, layout))
    assert caught.value.state == "gone"


def test_todays_site_is_not_taken_for_that_of_2017(serve_set):
    site = serve_set()
    site.fault(r"main/\?page", faults.text("<html><body><main>an application</main></body></html>"))
    with pytest.raises(ListingFailed, match="for today's site use the source 'shuushuu'"):
        Shuushuu2017Source(Client(QUICK)).list_issues(title_of(site, "shuushuu_2017"))


@pytest.mark.parametrize("address", ["http://127.0.0.1/images/5", "pictures/set", "http://[", "http://h/?page=2"])
def test_a_wrong_address_names_the_right_one(serve_set, layout, address):
    title = title_of(serve_set(), layout).model_copy(update={"address": address})
    with pytest.raises(ListingFailed, match=r"expected .*https://.*; correct titles.yaml"):
        SOURCES[layout](Client(QUICK)).list_issues(title)


@st.composite
def mutated(draw, body: bytes) -> bytes:
    """An answer with bytes changed, cut off, or values exchanged."""
    data = bytearray(body)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        new = draw(
            st.sampled_from(
                [b"", b"null", b"-1", b"[]", b"{}", b'"', b"<", b"999999999999999999999", b"\xff", b"http://["]
            )
            | st.binary(max_size=4)
        )
        data[start : start + draw(st.integers(0, 12))] = new
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_the_site_answers_is_understood_or_named(source, tmp_path_factory):
    with ShuushuuSite(small_set(70, tags=(LONG_HAIR, ARTIST)), search_delay_s=0) as site:
        title = title_of(site, source, ids_per_issue=100)
        paths = ["/?page=3"]
        if source == "shuushuu":
            paths = ["/image/index.xml?limit=1", "/api/v1/images?per_page=100&sort_order=ASC", "/api/v1/meta/config"]
        bodies = {path: site.reply("main", path, {}).body for path in paths}
        hasty = QUICK.model_copy(update={"spacing_s": 0, "max_wait_s": 0.05})

        @settings(
            max_examples=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(data=st.data(), path=st.sampled_from(paths))
        def answers(data, path):
            site.heal()
            body = data.draw(mutated(bodies[path]))
            where = path.partition("?")[0] if source == "shuushuu" else r"/\?page"
            site.fault(f"main{where}", faults.Fault(lambda reply: replace(reply, body=body)))
            site.log.clear()
            opened = SOURCES[source](Client(hasty))
            for read in (opened.list_issues, lambda title: opened.list_pages(title, "000000000-000000099")):
                with suppress(ListingFailed, Unavailable, FetchError):
                    read(title)
            assert len(site.log) < 60

        answers()
