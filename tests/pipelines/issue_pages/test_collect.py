"""Collecting, end to end against the site: what the lake holds afterwards, and what the site was asked."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import fields
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from demo.draw import DrawnIssue, draw_webtoon
from demo.naver import SiteTitle
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import BudgetSpent, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, TitleUnavailable
from pipelines.issue_pages.page import PAGE_SCHEMA, PageRow
from pipelines.issue_pages.page_store import is_complete
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from pipelines.titles import Title
from tests.pipelines.issue_pages.packed import write_zip
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, asked, declared, drawn_issue, picture, small_webtoon
from tests.sites import faults

KEY = "days__0001"


def images_of(lake, key=KEY) -> list[bytes | None]:
    column = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
    return [image and image["bytes"] for image in column]


def files_of(lake) -> set[str]:
    root = Path(str(lake.root))
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def states(lake) -> dict[str, str]:
    return {issue.issue: issue.state for issue in read_catalogue(lake, "days").issues}


def test_rows_are_the_schema():
    assert [field.name for field in fields(PageRow)] + ["image"] == PAGE_SCHEMA.names


def test_a_drawn_webtoon_end_to_end(serve, all_sources, lake):
    webtoon = draw_webtoon(issues=2, panels_per_issue=4)
    site = serve(webtoon)
    titles = declared(site)
    synced = sync_titles(titles, all_sources, lake)
    assert synced.keys == synced.new_keys == ("days__0001", "days__0002")
    assert synced.counts == {"days": {"free": 2}}
    progress: list[tuple[int, int]] = []
    for key, issue in zip(synced.keys, webtoon.issues, strict=True):
        report = collect_issue(key, titles, all_sources, lake, on_page=lambda *done: progress.append(done))
        assert images_of(lake, key) == list(issue.slices)
        assert report.counts == {"ok": len(issue.slices)}
        assert report.bytes_fetched == sum(map(len, issue.slices))
        assert lake.made_from(lake.issue_pages(key)) == report.digest
        row = report.rows[0]
        assert row.sha256 == sha256(issue.slices[0]).hexdigest()
        assert (row.width_px, row.format, row.http_status) == (690, "jpeg", 200)
        assert (row.licence, row.attribution) == ("CC0-1.0", "Drawn by Tintoon")
    assert progress[0] == (1, len(webtoon.issues[0].slices))
    assert files_of(lake) == {
        "catalogue/days.json",
        "issue_pages/days/0001.parquet",
        "issue_pages/days/0002.parquet",
    }


def test_a_second_run_brings_only_not_modified(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    first = collect_issue(KEY, titles, all_sources, lake)
    before = Path(str(lake.issue_pages(KEY))).stat()
    site.log.clear()
    second = collect_issue(KEY, titles, all_sources, lake)
    assert [request.status for request in asked(site, "images/webtoon")] == [304, 304, 304]
    assert second.unchanged
    assert (second.fetched, second.not_modified, second.bytes_fetched) == (0, 3, 0)
    assert second.digest == first.digest
    assert second.rows[0].fetched_at == first.rows[0].fetched_at
    assert Path(str(lake.issue_pages(KEY))).stat() == before


def test_equal_bytes_under_another_etag_change_nothing(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    first = collect_issue(KEY, titles, all_sources, lake)
    site.fault("images/webtoon", faults.other_etag('"new"'))
    second = collect_issue(KEY, titles, all_sources, lake)
    assert second.unchanged
    assert (second.fetched, second.not_modified) == (3, 3)
    assert second.rows[0].fetched_at == first.rows[0].fetched_at
    third = collect_issue(KEY, titles, all_sources, lake)
    assert third.fetched == 0  # the new validator was kept


def test_other_bytes_under_the_same_name_are_a_change(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    first = collect_issue(KEY, titles, all_sources, lake)
    other = picture(7)
    changed = faults.Fault(
        lambda reply: faults.Reply(200, {**reply.headers, "ETag": '"changed"'}, other),
    )
    site.fault("images/.*_2.jpg", changed)
    second = collect_issue(KEY, titles, all_sources, lake)
    assert not second.unchanged
    assert second.digest != first.digest
    assert images_of(lake)[1] == other
    assert second.fetched == 1


def test_an_issue_cut_anew_replaces_its_pages(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    first = collect_issue(KEY, titles, all_sources, lake)
    anew = drawn_issue(1, slices=2)
    kept = site.titles[TITLE_ID].issues[0].slices[0]
    site.publish(TITLE_ID, DrawnIssue(1, "1화", (kept, *anew.slices), ()))
    second = collect_issue(KEY, titles, all_sources, lake)
    assert images_of(lake) == [kept, *anew.slices]
    assert second.digest != first.digest
    assert (second.fetched, second.not_modified) == (2, 1)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.truncated(), "not_a_picture"),
        (faults.html_as_image(), "not_a_picture"),
        (faults.empty_body(), "not_a_picture"),
        (faults.short_body(), "incomplete"),
        (faults.reset(), "incomplete"),
        (faults.answer(500), "unreachable"),
        (faults.answer(404), "gone"),
        (faults.answer(410), "gone"),
        (faults.answer(451), "gone"),
        (faults.redirect("http://localhost:9/x.jpg"), "redirected"),
    ],
)
def test_a_page_that_fails_fails_its_issue_and_only_it_is_fetched_again(serve, all_sources, lake, fault, status):
    site = serve()
    titles = declared(site)
    site.fault("images/.*_2.jpg", fault)
    with pytest.raises(PagesFailed, match=rf"days__0001: 1 of 3 pages failed.*\n.*page 2: {status}: http") as caught:
        collect_issue(KEY, titles, all_sources, lake)
    assert caught.value.report.counts == {"ok": 2, status: 1}
    one, two, three = images_of(lake)
    assert two is None
    assert lake.read_table(lake.issue_pages(KEY))["status"].to_pylist() == ["ok", status, "ok"]
    site.heal()
    site.log.clear()
    report = collect_issue(KEY, titles, all_sources, lake)
    assert report.counts == {"ok": 3}
    assert (report.fetched, report.unchanged) == (1, False)
    assert images_of(lake) == list(site.titles[TITLE_ID].issues[0].slices)
    assert [request.status for request in asked(site, "images/webtoon")] == [200]
    assert (one, three) == (images_of(lake)[0], images_of(lake)[2])


@pytest.mark.parametrize("fault", [faults.answer(500, times=1), faults.answer(429, times=1, Retry_After="1")])
def test_a_fault_that_passes_is_waited_for(serve, all_sources, lake, fault):
    site = serve()
    site.fault("images/.*_2.jpg", fault)
    assert collect_issue(KEY, declared(site), all_sources, lake).counts == {"ok": 3}


@pytest.mark.parametrize(("status", "reason"), [(403, "forbidden"), (429, "rate_limited")])
def test_nothing_is_asked_after_a_refusal(serve, lake, status, reason):
    site = serve()
    site.fault("images/.*_2.jpg", faults.answer(status))
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, declared(site), sources(Client(QUICK)), lake)
    assert caught.value.report.counts == {"ok": 1, reason: 1, "not_asked": 1}
    assert asked(site, "_3.jpg") == []
    assert len(asked(site, "_2.jpg")) == (1 if status == 403 else 1 + QUICK.retries)


def test_pictures_are_asked_for_as_their_viewer_does(serve, all_sources, lake):
    site = serve()
    collect_issue(KEY, declared(site), all_sources, lake)
    viewer = f"{site.url}/webtoon/detail?titleId={TITLE_ID}&no=1"
    assert {request.referer for request in asked(site, "images/webtoon")} == {viewer}


def test_robots_of_the_picture_host_hold_too(serve, all_sources, lake):
    site = serve()
    site.fault("images/robots", faults.text("User-agent: *\nDisallow: /webtoon/\n"))
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, declared(site), all_sources, lake)
    assert caught.value.report.counts == {"robots_refused": 3}
    assert [request.path for request in site.log if request.host == "images"] == ["/robots.txt"]


def without_validators() -> faults.Fault:
    """A host that can never say "not modified"."""

    def change(reply: faults.Reply) -> faults.Reply:
        headers = {name: value for name, value in reply.headers.items() if name not in ("ETag", "Last-Modified")}
        return faults.Reply(reply.status, headers, reply.body)

    return faults.Fault(change)


def test_a_whole_page_outlives_a_bad_day_of_its_host(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    collect_issue(KEY, titles, all_sources, lake)
    whole = images_of(lake)
    site.fault("images/.*_2.jpg", faults.answer(500))
    with pytest.raises(PagesFailed, match="page 2: unreachable"):
        collect_issue(KEY, titles, all_sources, lake)
    assert images_of(lake) == whole
    assert lake.read_table(lake.issue_pages(KEY))["status"].to_pylist() == ["ok"] * 3
    one, two, three = lake.read_table(lake.issue_pages(KEY))["detail"].to_pylist()
    assert two.startswith("unreachable: http")
    assert "HTTP 500" in two
    assert (one, three) == (None, None)
    site.heal()
    assert collect_issue(KEY, titles, all_sources, lake).unchanged
    assert lake.read_table(lake.issue_pages(KEY))["detail"].to_pylist() == [None] * 3


def test_a_check_that_failed_is_made_again_where_nothing_says_not_modified(serve, all_sources, lake):
    site = serve()
    site.fault("images/webtoon", without_validators())
    titles = declared(site)
    collect_issue(KEY, titles, all_sources, lake)
    site.heal()
    site.fault("images/.*_2.jpg", faults.answer(500))
    site.fault("images/webtoon", without_validators())
    with pytest.raises(PagesFailed):
        collect_issue(KEY, titles, all_sources, lake)
    site.heal()
    site.fault("images/webtoon", without_validators())
    site.log.clear()
    report = collect_issue(KEY, titles, all_sources, lake)
    assert (report.fetched, report.resumed) == (1, 2)
    assert [request.path[-6:] for request in asked(site, "images/webtoon")] == ["_2.jpg"]
    assert lake.read_table(lake.issue_pages(KEY))["detail"].to_pylist() == [None] * 3


def on_day(number: float, **budget) -> dict:
    """The sources of a run some days after the first one, in a process of its own."""
    client = Client(QUICK.model_copy(update=budget), clock=lambda: time.time() + number * 24.01 * 3600)
    return sources(client)


def test_an_issue_that_needs_more_than_the_budget_gets_on_in_every_run(serve, lake):
    site = serve(small_webtoon(1, slices=10))
    titles = declared(site)
    for day, there in enumerate([3, 6, 9]):
        # robots.txt, and three pages
        with pytest.raises(PagesFailed, match=r"over_budget: .*budget_requests 4"):
            collect_issue(KEY, titles, on_day(day, budget_requests=4), lake)
        assert [bool(image) for image in images_of(lake)].count(True) == there
        with pytest.raises((PagesFailed, BudgetSpent)):  # nothing is left of that day's, whatever process asks
            collect_issue(KEY, titles, on_day(day + 0.5, budget_requests=4), lake)
        assert len(asked(site, "images/webtoon")) == there
    assert collect_issue(KEY, titles, on_day(3, budget_requests=4), lake).counts == {"ok": 10}
    assert images_of(lake) == list(site.titles[TITLE_ID].issues[0].slices)
    log = asked(site, "images/webtoon")
    assert len({request.path for request in log}) == len(log) == 10
    assert not any(request.is_conditional for request in log)
    # Checks need more than the budget too, and get on as well.
    for day in (4, 5, 6):
        with pytest.raises(PagesFailed):
            collect_issue(KEY, titles, on_day(day, budget_requests=4), lake)
    assert collect_issue(KEY, titles, on_day(7, budget_requests=4), lake).unchanged
    checks = asked(site, "images/webtoon")[10:]
    assert [request.status for request in checks] == [304] * 10
    assert len({request.path for request in checks}) == 10


def test_a_budget_over_several_issues_and_runs_fetches_nothing_twice(serve, lake):
    site = serve(small_webtoon(3))
    titles = declared(site)
    keys = sync_titles(titles, sources(Client(QUICK)), lake).keys
    for day in range(1, 9):
        run = on_day(day, budget_requests=5)  # of the pictures' host: robots.txt and four pages
        for key in sorted(keys, key=lambda key: is_complete(lake, key)):
            with suppress(PagesFailed):
                collect_issue(key, titles, run, lake)
        if all(is_complete(lake, key) for key in keys):
            break
    assert day == 3
    for number, key in enumerate(keys):
        assert images_of(lake, key) == list(site.titles[TITLE_ID].issues[number].slices)
    sent = [request.path for request in asked(site, "images/webtoon") if request.status == 200]
    assert len(sent) == len(set(sent)) == 9


def test_a_page_that_its_site_takes_away_is_kept_and_fails_nothing(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    first = collect_issue(KEY, titles, all_sources, lake)
    whole = images_of(lake)
    site.fault("images/.*_2.jpg", faults.answer(404))
    for _ in range(2):
        report = collect_issue(KEY, titles, all_sources, lake)
        assert (report.counts, report.gone, report.digest) == ({"ok": 3}, 1, first.digest)
    assert images_of(lake) == whole
    row = lake.read_table(lake.issue_pages(KEY)).to_pylist()[1]
    assert row["status"] == "ok"
    assert row["detail"].startswith("gone: http")
    assert "HTTP 404" in row["detail"]
    site.fault("images/.*_3.jpg", faults.answer(500))
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, titles, all_sources, lake)
    assert list(caught.value.failures) == [3]
    site.heal()
    assert collect_issue(KEY, titles, all_sources, lake).gone == 1  # only what failed is asked for
    back = collect_issue(KEY, titles, all_sources, lake)
    assert (back.gone, back.unchanged) == (0, True)
    assert lake.read_table(lake.issue_pages(KEY))["detail"].to_pylist() == [None] * 3


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_kept_pages_of_a_local_file_that_is_replaced_are_not_mixed_with_its_new_ones(tmp_path, all_sources, lake, kind):
    books = tmp_path / "books"

    def bind(first: int) -> list[bytes]:
        pages = [picture(first + number) for number in range(4)]
        if kind == "archive":
            books.mkdir(exist_ok=True)
            write_zip(books / "1.cbz", {f"{number}.jpg": page for number, page in enumerate(pages)})
        else:
            (books / "1").mkdir(parents=True, exist_ok=True)
            for number, page in enumerate(pages):
                (books / "1" / f"{number}.jpg").write_bytes(page)
        return pages

    class Interrupted(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Interrupted

    titles = {"books": Title(key="books", source=kind, address=str(books), licence="x", attribution="x")}
    bind(500)
    with pytest.raises(Interrupted):
        collect_issue("books__1", titles, all_sources, lake, on_page=stop)
    anew = bind(600)
    collect_issue("books__1", titles, all_sources, lake)
    assert images_of(lake, "books__1") == anew
    # And where nothing was replaced, what is kept stands.
    other = Lake.at(tmp_path / "other")
    with pytest.raises(Interrupted):
        collect_issue("books__1", titles, all_sources, other, on_page=stop)
    again = collect_issue("books__1", titles, all_sources, other)
    assert (again.resumed, again.fetched) == (2, 2)


def test_one_bad_viewer_is_no_empty_issue_for_ever(serve, all_sources, lake):
    site = serve(SiteTitle(small_webtoon(2), without_pictures={1}))
    titles = declared(site)
    sync_titles(titles, all_sources, lake)
    with pytest.raises(IssueUnavailable, match="without pictures"):
        collect_issue(KEY, titles, all_sources, lake)
    noted = read_catalogue(lake, "days").issues[0]
    assert noted.state == "empty"
    assert "a viewer without pictures; it may be locked" in noted.note
    assert sync_titles(titles, all_sources, lake).keys == ("days__0001", "days__0002")  # to be tried again
    site.titles[TITLE_ID].without_pictures.clear()
    assert collect_issue(KEY, titles, all_sources, lake).counts == {"ok": 3}
    assert states(lake) == {"0001": "free", "0002": "free"}


@pytest.mark.parametrize(("settings", "state"), [({"closed": {1}}, "paid")])
def test_an_issue_that_turns_out_otherwise_is_noted(serve, all_sources, lake, settings, state):
    site = serve(SiteTitle(small_webtoon(2), **settings))
    titles = declared(site)
    assert sync_titles(titles, all_sources, lake).keys == ("days__0001", "days__0002")
    with pytest.raises(IssueUnavailable):
        collect_issue(KEY, titles, all_sources, lake)
    assert states(lake) == {"0001": state, "0002": "free"}
    # The list still calls it free: what was seen holds, until it can be opened.
    assert sync_titles(titles, all_sources, lake).keys == ("days__0002",)
    assert not lake.issue_pages(KEY).exists()
    for name in settings:
        getattr(site.titles[TITLE_ID], name).clear()
    collect_issue(KEY, titles, all_sources, lake)
    assert states(lake) == {"0001": "free", "0002": "free"}
    assert sync_titles(titles, all_sources, lake).new_keys == ()


def test_a_title_that_turned_adult_is_noted_and_keeps_its_issues(serve, all_sources, lake):
    site = serve()
    titles = declared(site)
    sync_titles(titles, all_sources, lake)
    collect_issue(KEY, titles, all_sources, lake)
    site.titles[TITLE_ID].is_adult = True
    with pytest.raises(TitleUnavailable):
        collect_issue(KEY, titles, sources(Client(QUICK)), lake)
    assert read_catalogue(lake, "days").state == "adult"
    assert states(lake) == {"0001": "free", "0002": "free"}
    assert len(images_of(lake)) == 3


def test_the_catalogue_keeps_what_vanishes_and_when_it_came(serve, all_sources, lake):
    site = serve(SiteTitle(small_webtoon(3), paid={3}))
    titles = declared(site)
    assert sync_titles(titles, all_sources, lake).counts == {"days": {"free": 2, "paid": 1}}
    first_seen = {issue.issue: issue.first_seen for issue in read_catalogue(lake, "days").issues}
    before = (Path(str(lake.root)) / "catalogue/days.json").stat()
    sync_titles(titles, all_sources, lake)
    assert (Path(str(lake.root)) / "catalogue/days.json").stat() == before
    site.titles[TITLE_ID].paid.clear()
    site.titles[TITLE_ID].missing.add(2)
    report = sync_titles(titles, all_sources, lake)
    assert report.counts == {"days": {"free": 2, "gone": 1}}
    assert (report.keys, report.new_keys) == (("days__0001", "days__0003"), ())
    assert {issue.issue: issue.first_seen for issue in read_catalogue(lake, "days").issues} == first_seen
    site.publish(TITLE_ID, drawn_issue(4))
    assert sync_titles(titles, all_sources, lake).new_keys == ("days__0004",)
    site.titles[TITLE_ID].missing.clear()
    assert states(lake)["0002"] == "gone"
    assert len(sync_titles(titles, all_sources, lake).keys) == 4


def test_a_title_that_fails_holds_up_no_other(serve, all_sources, lake):
    adult, fine = serve(SiteTitle(small_webtoon(2), is_adult=True)), serve()
    unreachable = declared(fine)["days"].model_copy(
        update={"key": "nowhere", "address": "http://127.0.0.1:9/webtoon/list?titleId=1"}
    )
    titles = {
        "nowhere": unreachable,
        "grown-up": declared(adult)["days"].model_copy(update={"key": "grown-up"}),
        **declared(fine),
    }
    report = sync_titles(titles, all_sources, lake)
    assert report.keys == ("days__0001", "days__0002")
    assert set(report.errors) == {"nowhere", "grown-up"}
    assert "robots.txt cannot be honoured" in report.errors["nowhere"]
    assert read_catalogue(lake, "grown-up").state == "adult"


def test_robots_refusal_of_the_list_asks_nothing_else(serve, all_sources, lake):
    site = serve()
    site.fault("main/robots", faults.text("User-agent: *\nDisallow: /\n"))
    titles = declared(site)
    assert "forbids it" in sync_titles(titles, all_sources, lake).errors["days"]
    with pytest.raises(RobotsRefused):
        collect_issue(KEY, titles, all_sources, lake)
    assert [request.path for request in site.log] == ["/robots.txt"]


def test_an_undeclared_title_says_where_to_declare_it(serve, all_sources, lake):
    with pytest.raises(ValueError, match=r"title 'nights' is not declared; add it to titles.yaml"):
        collect_issue("nights__0001", declared(serve()), all_sources, lake)


def test_the_sites_log_proves_the_spacing(serve, lake):
    site = serve()
    client = Client(QUICK.model_copy(update={"spacing_s": 0.05}))
    titles = declared(site)
    all_sources = sources(client)
    for key in sync_titles(titles, all_sources, lake).keys:
        collect_issue(key, titles, all_sources, lake)
    for host in ("main", "images"):
        log = [request for request in site.log if request.host == host]
        assert len(log) >= 4
        assert all(later.started - earlier.started >= 0.05 for earlier, later in pairwise(log))
        assert all(later.started >= earlier.ended for earlier, later in pairwise(log))


COLLECT = """
import sys
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.params import FetchParams
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from pipelines.titles import Title

title = Title(key="days", source="naver", address=sys.argv[1], licence="CC0-1.0", attribution="Drawn by Tintoon")
client = Client(FetchParams(spacing_s=0.1, jitter=0))
collect_issue("days__0001", {"days": title}, sources(client), Lake.at(sys.argv[2]))
"""


def test_a_killed_collection_resumes(serve, all_sources, lake):
    webtoon = small_webtoon(1, slices=12)
    site = serve(webtoon)
    worker = subprocess.Popen([sys.executable, "-c", COLLECT, site.address(TITLE_ID), str(lake.root)])
    deadline = time.monotonic() + 30
    while len(asked(site, "images/webtoon")) < 6:
        assert worker.poll() is None, "the collection ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert not lake.issue_pages(KEY).exists()
    kept = len(list((Path(str(lake.root)) / "issue_pages/days/.0001.partial").glob("*.page")))
    assert kept >= 5
    # What a kill in the middle of a write leaves behind; of an earlier version, whose names told no process.
    left = Path(str(lake.root)) / "issue_pages/days/.0001.parquet.0badcafe.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    site.log.clear()
    report = collect_issue(KEY, declared(site), all_sources, lake)
    assert (report.resumed, report.fetched) == (kept, 12 - kept)
    assert len(asked(site, "images/webtoon")) == 12 - kept
    assert images_of(lake) == list(webtoon.issues[0].slices)
    assert files_of(lake) == {"issue_pages/days/0001.parquet"}
