"""The polite client, against the real server: what it asks, how often, and what it says when it is refused."""

import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.naver import NaverSite
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import (
    AddressRefused,
    BadAddress,
    BudgetSpent,
    FetchError,
    Forbidden,
    Gone,
    HostStopped,
    IncompleteBody,
    NotAPicture,
    RateLimited,
    Redirected,
    RobotsRefused,
    TooLarge,
    Unreachable,
)
from pipelines.issue_pages.client.host_slots import HostSlots
from pipelines.issue_pages.client.retry_after import retry_after_s
from pipelines.issue_pages.client.site import DocumentedApi, Site
from pipelines.issue_pages.entry import Fetched, NotModified
from pipelines.issue_pages.params import FetchParams
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, asked, picture, small_webtoon
from tests.sites import faults

HERE = Site("http://127.0.0.1")
VIEWER = "/webtoon/detail?titleId=900001&no=1"


@pytest.fixture
def site(serve):
    return serve()


@pytest.fixture
def image(site, client):
    """The address of a picture, and the address that the site wants as its Referer."""
    viewer = site.url + VIEWER
    text = client.get(viewer, HERE).text
    address = text[text.index(site.images_url) :].split('"')[0]
    site.log.clear()
    return address, viewer


def test_says_who_asks_and_reads_robots_first(site):
    params = QUICK.model_copy(update={"contact": "https://example.org/contact"})
    Client(params).get(site.url + VIEWER, HERE)
    assert [request.path for request in site.log] == ["/robots.txt", VIEWER]
    assert {request.user_agent for request in site.log} == {"tintoon/0.1.0 (+https://example.org/contact)"}


def test_robots_rules_hold_with_wildcards(serve):
    site = serve(robots="User-agent: *\nAllow: /\nDisallow: /*/detail\n")
    client = Client(QUICK)
    with pytest.raises(RobotsRefused, match=r"forbids it; use another source"):
        client.get(site.url + VIEWER, HERE)
    client.get(site.url + "/webtoon/list?titleId=900001", HERE)
    assert asked(site, "detail") == []
    assert len(asked(site, "robots.txt")) == 1


def test_rules_for_us_win_over_rules_for_all(serve):
    site = serve(robots="User-agent: *\nAllow: /\n\nUser-agent: tintoon\nDisallow: /\n")
    with pytest.raises(RobotsRefused):
        Client(QUICK).get(site.url + VIEWER, HERE)


@pytest.mark.parametrize("status", [404, 410, 400])
def test_no_robots_file_allows(site, client, status):
    site.fault("main/robots", faults.answer(status))
    assert client.get(site.url + VIEWER, HERE).status == 200


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_robots_that_cannot_be_read_refuse_everything(site, client, status):
    site.fault("main/robots", faults.answer(status))
    for _ in range(2):
        with pytest.raises(RobotsRefused, match=f"cannot be honoured: HTTP {status}"):
            client.get(site.url + VIEWER, HERE)
    assert asked(site, "webtoon") == []
    assert len(site.log) == (1 if status in (401, 403) else 1 + QUICK.retries)


def test_robots_that_lead_elsewhere_refuse(site, client):
    site.fault("main/robots", faults.redirect("http://127.0.0.1:9/robots.txt"))
    with pytest.raises(RobotsRefused, match="another host"):
        client.get(site.url + VIEWER, HERE)


def test_an_unreachable_host_is_refused_because_its_robots_are(client):
    with pytest.raises(RobotsRefused, match="no answer"):
        client.get("http://127.0.0.1:9/x", HERE)


def test_crawl_delay_spaces_requests(serve):
    site = serve(robots="User-agent: *\nCrawl-delay: 0.2\n")
    client = Client(QUICK)
    for _ in range(2):
        client.get(site.url + VIEWER, HERE)
    starts = [request.started for request in site.log]
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(starts))


def test_an_endless_crawl_delay_is_a_refusal(serve):
    site = serve(robots="User-agent: *\nCrawl-delay: 86400\n")
    with pytest.raises(RobotsRefused, match="86400 s between requests"):
        Client(QUICK).get(site.url + VIEWER, HERE)


def test_threads_share_one_spaced_connection_a_host(site):
    client = Client(QUICK.model_copy(update={"spacing_s": 0.05, "jitter": 0.5}))
    threads = [threading.Thread(target=client.get, args=(site.url + VIEWER, HERE)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = sorted(site.log, key=lambda request: request.started)
    assert len(log) == 6
    assert all(later.started >= earlier.ended for earlier, later in pairwise(log))
    gaps_s = [later.started - earlier.started for earlier, later in pairwise(log)]
    assert min(gaps_s) >= 0.05
    assert max(gaps_s) - min(gaps_s) > 0.001  # jitter


def test_pictures_need_a_referer_and_a_refusal_ends_the_host(image, site, client):
    address, viewer = image
    with pytest.raises(Forbidden, match="HTTP 403"):
        client.picture(address, HERE)
    with pytest.raises(HostStopped, match=r"not asked before .* UTC, because of http.*HTTP 403; run again then, or"):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1


def test_validators_bring_not_modified(image, site, client):
    address, viewer = image
    came = client.picture(address, HERE, referer=viewer)
    assert isinstance(came, Fetched)
    assert came.picture.format == "jpeg"
    assert (came.picture.width_px, came.picture.height_px) == (40, 60)
    assert client.picture(address, HERE, referer=viewer, etag=came.etag) == NotModified()
    assert client.picture(address, HERE, referer=viewer, last_modified=came.last_modified) == NotModified()
    assert isinstance(
        client.picture(address, HERE, referer=viewer, etag='"other"', last_modified=came.last_modified), Fetched
    )


@pytest.mark.parametrize(
    "fault",
    [
        faults.answer(500, times=2),
        faults.answer(503, times=1),
        faults.answer(429, times=1),
        faults.short_body(times=2),
        faults.reset(times=1),
    ],
)
def test_a_second_try_mends(image, site, client, fault):
    address, viewer = image
    tries = fault.times + 1
    site.fault("images/webtoon", fault)
    assert isinstance(client.picture(address, HERE, referer=viewer), Fetched)
    assert len(asked(site, "images/webtoon")) == tries


@pytest.mark.parametrize(
    ("status", "error"), [(403, Forbidden), (401, Forbidden), (404, Gone), (410, Gone), (451, Gone)]
)
def test_no_second_try_where_it_cannot_mend(image, site, client, status, error):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(status))
    with pytest.raises(error, match=f"HTTP {status}"):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.answer(500), Unreachable),
        (faults.short_body(), IncompleteBody),
        (faults.reset(), IncompleteBody),
        (faults.answer(429), RateLimited),
    ],
)
def test_gives_up_after_the_last_try(image, site, client, fault, error):
    address, viewer = image
    site.fault("images/webtoon", fault)
    with pytest.raises(error, match="later"):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1 + QUICK.retries


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "epoch"])
def test_waits_as_long_as_the_host_asks(image, site, status, form):
    address, viewer = image
    # Dates and epochs have whole seconds: of 60 s, at least 59 are left.
    waits = {
        "seconds": faults.answer(status, times=1, Retry_After="60"),
        "date": faults.retry_at(status, seconds=60, times=1),
        "epoch": faults.retry_at_epoch(status, seconds=60, times=1),
    }
    site.fault("images/webtoon", waits[form])
    slept: list[float] = []
    client = Client(
        QUICK.model_copy(update={"max_wait_s": 90.0}), clock=lambda: time.time() + sum(slept), sleep=slept.append
    )
    client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 2
    assert 58 < sum(slept) < 61


def test_a_wait_is_one_of_real_time(image, site, client):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(429, times=1, Retry_After="1"))
    client.picture(address, HERE, referer=viewer)
    refused, granted = asked(site, "images/webtoon")
    assert granted.started - refused.started >= 0.95


def test_a_host_that_asks_for_too_long_a_wait_is_left_alone(image, site, client):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(429, Retry_After="3600"))
    with pytest.raises(RateLimited, match="asked again in 3600 s"):
        client.picture(address, HERE, referer=viewer)
    with pytest.raises(HostStopped):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1


def test_retry_after_counts_from_the_hosts_own_clock():
    theirs = datetime(2001, 1, 1, tzinfo=UTC)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=90), usegmt=True),
    }
    assert retry_after_s(headers) == 90
    assert retry_after_s({"Retry-After": "7"}) == 7
    assert retry_after_s({"Retry-After": "soon"}) is None
    assert retry_after_s({}) is None


def test_a_moment_since_the_epoch_is_no_number_of_seconds():
    theirs = datetime(2026, 1, 1, tzinfo=UTC)
    date = {"Date": format_datetime(theirs, usegmt=True)}
    moment = str(int(theirs.timestamp()) + 90)
    for name in ("Retry-After", "X-RateLimit-Retry-After", "X-RateLimit-Reset"):
        assert retry_after_s({**date, name: moment}) == 90
        assert retry_after_s({**date, name: "7"}) == 7
    assert retry_after_s({**date, "X-RateLimit-Retry-After": str(int(theirs.timestamp()) - 90)}) == 0
    assert retry_after_s({**date, "Retry-After": "3", "X-RateLimit-Reset": moment}) == 3
    assert retry_after_s({**date, "Retry-After": "9" * 400}) is None


def test_waits_are_those_of_the_given_clock(site, tmp_path):
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    site.fault("main/webtoon", faults.answer(500))
    params = FetchParams(spacing_s=1, jitter=0, retries=3, backoff_s=2)
    client = Client(params, slots=HostSlots(tmp_path), clock=lambda: now[0], sleep=sleep)
    with pytest.raises(Unreachable):
        client.get(site.url + VIEWER, HERE)
    assert slept == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (faults.truncated(), "truncated"),
        (faults.html_as_image(), r"Content-Type: image/jpeg\): an HTML page instead of a picture"),
        (faults.empty_body(), "0 bytes"),
        (faults.other_body(b'{"message": "no"}'), "JSON instead of a picture"),
    ],
)
def test_what_is_no_whole_picture_is_refused(image, site, client, fault, seen):
    address, viewer = image
    site.fault("images/webtoon", fault)
    with pytest.raises(NotAPicture, match=seen):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1


@pytest.mark.parametrize(
    ("fault", "form"),
    [(faults.image_as_html(), "jpeg"), (faults.other_body(picture(1, "PNG")), "png")],
)
def test_bytes_count_not_names(image, site, client, fault, form):
    address, viewer = image
    site.fault("images/webtoon", fault)
    assert client.picture(address, HERE, referer=viewer).picture.format == form


def test_a_body_too_large_or_too_slow_is_broken_off(image, site):
    address, viewer = image
    small = Client(QUICK.model_copy(update={"max_bytes": 1000}))
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        small.picture(address, HERE, referer=viewer)
    site.fault("images/webtoon", faults.slow_body(chunk_delay_s=0.2))
    impatient = Client(QUICK.model_copy(update={"max_body_s": 0.3}))
    with pytest.raises(TooLarge, match=r"bytes after 0.3 s"):
        impatient.picture(address, HERE, referer=viewer)


def test_redirects_are_shown_not_followed(site, client):
    answer = client.get(site.url + "/webtoon/detail?titleId=900001&no=77", HERE)
    assert answer.status == 302
    assert answer.location == site.address(900001)
    assert asked(site, "/webtoon/list") == []


def test_pictures_follow_redirects_within_their_site_only(image, site, client):
    address, viewer = image
    site.fault("images/moved", faults.redirect(address, times=1))
    assert isinstance(client.picture(site.images_url + "/moved", HERE, referer=viewer), Fetched)
    site.fault("images/away", faults.redirect(address.replace("127.0.0.1", "localhost")))
    with pytest.raises(Redirected, match=r"localhost is no host of the site 127\.0\.0\.1; pages are taken from"):
        client.picture(site.images_url + "/away", HERE, referer=viewer)
    site.fault("images/round", faults.redirect("/round"))
    with pytest.raises(Redirected, match="more than 5 redirects"):
        client.picture(site.images_url + "/round", HERE, referer=viewer)


def test_the_body_of_a_redirect_is_limited_and_counted(site):
    body = b"x" * 200_000
    site.fault("main/moved", faults.Fault(lambda _: faults.Reply(302, {"Location": "/elsewhere"}, body)))
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        Client(QUICK.model_copy(update={"max_bytes": 1000})).get(site.url + "/moved", HERE)
    counting = Client(QUICK.model_copy(update={"budget_bytes": len(body)}))
    counting.get(site.url + "/moved", HERE)
    with pytest.raises(BudgetSpent, match="budget_bytes"):
        counting.get(site.url + "/moved", HERE)


def test_bodies_that_break_off_cost_their_bytes(image, site):
    address, viewer = image
    site.fault("images/webtoon", faults.short_body())
    counting = Client(QUICK.model_copy(update={"budget_bytes": 2_000}))
    with pytest.raises(FetchError):
        counting.picture(address, HERE, referer=viewer)
    with pytest.raises(BudgetSpent, match="budget_bytes"):
        counting.picture(address, HERE, referer=viewer)


def test_a_referer_that_no_header_can_hold_is_a_named_failure(image, client):
    with pytest.raises(FetchError, match="cannot be read"):
        client.picture(image[0], HERE, referer="http://127.0.0.1/웹툰")


def test_a_date_that_no_calendar_has_is_no_date():
    assert retry_after_s({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}) is None


@pytest.mark.parametrize("place", ["http://[bad", "http://h:x/", "mailto:a@b.c"])
def test_a_redirect_to_no_address_is_a_named_failure(image, site, client, place):
    site.fault("images/nowhere", faults.redirect(place))
    with pytest.raises(FetchError, match=r"/nowhere: .*(cannot be read|no http|no address)"):
        client.picture(site.images_url + "/nowhere", HERE, referer=image[1])


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://host/x", "comic.naver.com/webtoon", "http://", "http://h:x/"]
)
def test_only_http_addresses(client, address):
    with pytest.raises(BadAddress, match="no http"):
        client.get(address, HERE)


def test_no_cookie_is_kept(site, client):
    site.fault("main/webtoon", faults.answer(200, Set_Cookie="NID_AUT=1; Path=/"))
    client.get(site.url + VIEWER, HERE)
    assert len(client._session.cookies) == 0


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://example.org/1.jpg", "example.org is no host of the site comic.example"),
        ("http://evil-comic.example/1.jpg", "no host of the site"),
        ("http://127.0.0.1/1.jpg", "no host of the site"),
        ("http://pictures.example:8080/1.jpg", "port 8080"),
        ("http://name:word@comic.example/1.jpg", "a name or a password"),
    ],
)
def test_only_hosts_of_the_site_are_asked(client, address, why):
    public = Site("https://comic.example/list", owns=("pictures.example",))
    with pytest.raises(AddressRefused, match=why):
        client.get(address, public)
    assert public.refusal("https://a.pictures.example/1.jpg") is None


def test_a_public_site_cannot_send_us_into_a_private_network(client):
    rebound = Site("https://comic.example/list", owns=("localhost",))
    with pytest.raises(AddressRefused, match="inside a private network"):
        client.get("http://localhost/1.jpg", rebound)


@pytest.mark.parametrize(
    ("budget", "asked_before"), [({"budget_requests": 2}, 2), ({"budget_bytes": 10}, 1), ({"budget_minutes": 1e-9}, 1)]
)
def test_a_run_asks_no_more_than_its_budget(site, budget, asked_before):
    client = Client(QUICK.model_copy(update=budget))
    for _ in range(max(0, asked_before - 1)):  # robots.txt is the first that is asked for
        client.get(site.url + VIEWER, HERE)
    with pytest.raises(BudgetSpent, match=f"{next(iter(budget))} .* is used up; run again"):
        client.get(site.url + VIEWER, HERE)
    assert len(site.log) == asked_before


def test_a_documented_interface_is_asked_in_spite_of_robots_and_logged(serve, caplog):
    site = serve(robots="User-agent: *\nDisallow: /\n")
    api = DocumentedApi("help:api (https://site.example/help)", r"/webtoon/detail")
    named = Site(site.url, documented_api=api)
    client = Client(QUICK)
    for _ in range(2):
        assert client.get(site.url + VIEWER, named).status == 200
    with pytest.raises(RobotsRefused):
        client.get(site.url + "/webtoon/list?titleId=900001", named)
    (record,) = caplog.records
    assert "robots.txt forbids /webtoon/detail; asked all the same, as help:api" in record.getMessage()


def test_refusal_tells_what_would_be_refused_and_asks_for_robots_only(serve):
    site = serve(robots="User-agent: *\nDisallow: /*/detail\n")
    client = Client(QUICK)
    assert isinstance(client.refusal(site.url + VIEWER, HERE), RobotsRefused)
    assert isinstance(client.refusal("https://example.org/", HERE), AddressRefused)
    assert client.refusal(site.url + "/webtoon/list?titleId=900001", HERE) is None
    assert [request.path for request in site.log] == ["/robots.txt"]


def later(hours: float, **update) -> Client:
    """The client of another process, some hours later."""
    return Client(QUICK.model_copy(update=update), clock=lambda: time.time() + hours * 3600)


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_holds_for_other_processes_until_its_hours_are_over(image, site, status):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(status))
    with pytest.raises((Forbidden, RateLimited)):
        Client(QUICK).picture(address, HERE, referer=viewer)
    site.heal()
    site.log.clear()
    for hours in (0, 11.9):
        with pytest.raises(HostStopped, match=f"HTTP {status}"):
            later(hours).picture(address, HERE, referer=viewer)
        assert isinstance(later(hours).refusal(address, HERE), HostStopped)
    assert site.log == []
    assert isinstance(later(12.1).picture(address, HERE, referer=viewer), Fetched)


def test_a_person_can_lift_a_stop_as_the_error_says(image, site, client):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(403, times=1))
    with pytest.raises(Forbidden):
        client.picture(address, HERE, referer=viewer)
    with pytest.raises(HostStopped) as stopped:
        client.picture(address, HERE, referer=viewer)
    command = re.search(r"lift the stop: (rm .*)", str(stopped.value))
    assert command
    subprocess.run(shlex.split(command[1]), check=True)
    assert isinstance(client.picture(address, HERE, referer=viewer), Fetched)


def test_a_host_that_names_its_time_is_asked_again_then(image, site):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(429, Retry_After="3600"))
    with pytest.raises(RateLimited):
        Client(QUICK).picture(address, HERE, referer=viewer)
    site.heal()
    with pytest.raises(HostStopped):
        later(0.9).picture(address, HERE, referer=viewer)
    assert isinstance(later(1.1).picture(address, HERE, referer=viewer), Fetched)


@pytest.mark.parametrize("wait", ["9" * 30, "99999999999"])
def test_a_host_that_asks_for_ever_is_asked_again_after_a_month(image, site, wait):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(429, Retry_After=wait))
    with pytest.raises(RateLimited):
        Client(QUICK).picture(address, HERE, referer=viewer)
    site.heal()
    with pytest.raises(HostStopped):
        later(29 * 24).picture(address, HERE, referer=viewer)
    assert isinstance(later(31 * 24).picture(address, HERE, referer=viewer), Fetched)


def test_a_stop_is_of_the_host_whatever_the_scheme(tmp_path, client):
    with HostSlots().at("comic.example") as slot:
        slot.stop(time.time() + 60, "http://comic.example/1: HTTP 403")
    public = Site("https://comic.example/list")
    for address in ("https://comic.example/1", "https://COMIC.example:443/1", "http://comic.example/1"):
        assert isinstance(client.refusal(address, public), HostStopped)
    other_port = Site("https://comic.example:8443/list")
    assert isinstance(client.refusal("https://comic.example:8443/1", other_port), RobotsRefused)  # tried, not stopped


@pytest.mark.parametrize("written", [b"", b"1764150000.5", b"\xff\n", b'{"next_at": "soon"}', b'{"next_at": 1'])
def test_unreadable_record_of_a_host_is_a_new_one(tmp_path, written):
    slots = HostSlots(tmp_path)
    with slots.at("comic.example") as slot:
        slot.ask_again_at(5)
    slot.path.write_bytes(written)
    with slots.at("comic.example") as slot:
        assert slot.record.next_at == 0
        slot.stop(7, "HTTP 403")
        slot.stop(8, "no")
    with slots.at("comic.example") as slot:
        assert (slot.record.stopped_until, slot.record.stopped_by) == (8, "no")


def test_record_removed_while_another_waits_is_made_anew(tmp_path):
    slots = HostSlots(tmp_path)
    waited: list[Path] = []

    def wait() -> None:
        with slots.at("comic.example") as slot:
            slot.ask_again_at(9)
            waited.append(slot.path)

    with slots.at("comic.example") as slot:
        waiting = threading.Thread(target=wait)
        waiting.start()
        slot.ask_again_at(5)
        time.sleep(0.05)
        slot.path.unlink()
    waiting.join(10)
    assert waited[0].exists()
    with slots.at("comic.example") as slot:
        assert slot.record.next_at == 9


@pytest.mark.parametrize("budget", [{"budget_requests": 4}, {"budget_bytes": 3000}, {"budget_minutes": 30}])
def test_budgets_are_of_a_host_and_of_all_processes(image, site, budget):
    address, viewer = image
    for file in Path(tempfile.gettempdir()).rglob("127.0.0.1*.json"):
        file.unlink()  # what the fixture has spent
    came = []
    with suppress(BudgetSpent):
        for number in range(10):
            came.append(later(number / 4, **budget).picture(address, HERE, referer=viewer))
    assert 1 <= len(came) <= 3
    seen = r"of this host is used up; run again after .* UTC: it goes on from here; to go on now: rm /"
    with pytest.raises(BudgetSpent, match=seen):
        later(2.5, **budget).picture(address, HERE, referer=viewer)
    later(2.5, **budget).get(viewer, HERE)  # another host
    assert isinstance(later(24.1, **budget).picture(address, HERE, referer=viewer), Fetched)


@pytest.mark.parametrize(
    "address",
    ["http://\ud800.example/1.jpg", "http://comic.example/\udfff.jpg", f"http://{'a' * 64}.example/", "http://a..b/"],
)
def test_a_host_that_no_network_has_is_a_bad_address(client, address):
    with pytest.raises(BadAddress) as refused:
        client.get(address, HERE)
    str(refused.value).encode()  # it can be written down
    assert isinstance(client.refusal(address, HERE), BadAddress)


@pytest.mark.parametrize(
    "number",
    [
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "ff02::1",
    ],
)
def test_a_private_address_is_private_however_it_is_written(number):
    public = Site("https://comic.example/list", owns=(number,))
    assert "inside a private network" in (public.refusal(f"http://[{number}]/1.jpg") or "")


@pytest.mark.parametrize("number", ["64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::", "2606:4700::1"])
def test_a_public_address_is_public_however_it_is_written(number):
    assert Site("https://comic.example/list", owns=(number,)).refusal(f"http://[{number}]/1.jpg") is None


def test_a_host_is_asked_at_its_own_port_and_the_usual_ones_alone():
    public = Site("https://comic.example/list")
    for port in (22, 8080, 6379):
        assert public.refusal(f"http://comic.example:{port}/") == f"port {port} is no port of the site comic.example"
    assert public.refusal("http://comic.example:80/") is None
    assert public.refusal("https://comic.example:443/") is None
    declared = Site("https://comic.example:8443/list")
    assert declared.refusal("https://comic.example:8443/1.jpg") is None
    assert declared.refusal("https://comic.example/1.jpg") is None
    assert "port 8080" in (declared.refusal("https://comic.example:8080/1.jpg") or "")
    assert Site("http://127.0.0.1:8417/").refusal("http://127.0.0.1:8418/1.jpg") is None  # its hosts are ports


def test_our_own_name_passes_where_that_of_the_library_is_refused(image, site, client):
    address, viewer = image
    site.fault(".", faults.refuse_agent("python-requests"))
    refused = requests.get(viewer, timeout=5)
    assert refused.status_code == 403
    assert client.get(viewer, HERE).status == 200
    assert isinstance(client.picture(address, HERE, referer=viewer), Fetched)
    assert {request.user_agent for request in site.log[1:]} == {"tintoon/0.1.0"}
    assert "python-requests" in site.log[0].user_agent


def test_a_validator_that_no_header_can_hold_is_not_sent(image, site, client):
    address, viewer = image
    assert isinstance(client.picture(address, HERE, referer=viewer, etag='"a\r\n b"'), Fetched)
    assert not asked(site, "images/webtoon")[0].is_conditional


SITE_OF_FUZZING = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_GARBAGE = st.text(st.characters(max_codepoint=255), max_size=20)
_NUMBERS = st.sampled_from(
    ["0", "-1", "1", "3", "1e999", "nan", "9" * 5000, "1764150000", "99999999999", "\xb2", "0x10"]
)
_DATES = st.sampled_from(["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 99 Foo 0 0:0:0"])
_PLACES = st.sampled_from(
    ["/", "//", "http://[", "http://\xff/", "/a\x00b", "?", "#", "http://127.0.0.1:99999/", "file:///"]
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Retry-After": _GARBAGE | _NUMBERS | _DATES,
        "X-RateLimit-Retry-After": _GARBAGE | _NUMBERS,
        "Date": _GARBAGE | _DATES,
        "Content-Length": _GARBAGE | st.sampled_from(["0", "7", "-1", "9" * 5000]),
        "Content-Encoding": st.sampled_from(["gzip", "br", "deflate", "x"]),
        "Content-Type": _GARBAGE,
        "Transfer-Encoding": st.sampled_from(["chunked", "x"]),
        "Location": _GARBAGE | _PLACES,
        "ETag": _GARBAGE,
        "Last-Modified": _GARBAGE | _DATES,
    },
)


@pytest.fixture
def hurried(tmp_path):
    """A site of one picture, and clients whose waits take no time."""
    now, slept = [time.time()], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    hasty = QUICK.model_copy(update={"timeout_s": 0.1, "retries": 1})

    def client() -> Client:
        now[0] += 90 * 24 * 3600  # whatever was refused before is over
        return Client(hasty, slots=HostSlots(tmp_path / "hurried"), clock=lambda: now[0], sleep=sleep)

    with NaverSite({TITLE_ID: small_webtoon(1)}) as site:
        yield site, client, slept


@SITE_OF_FUZZING
@given(status=st.sampled_from([200, 200, 302, 304, 403, 429, 503, 999]), headers=_HEADERS)
def test_spoilt_headers_are_errors_with_a_name(hurried, status, headers):
    site, client, slept = hurried
    site.heal()
    site.log.clear()
    slept.clear()
    site.fault("images/webtoon", faults.Fault(lambda reply: faults.Reply(status, headers, picture(1))))
    asking, address = client(), f"{site.images_url}/webtoon/1.jpg"
    with suppress(FetchError):
        came = asking.picture(address, HERE)
        asking.picture(address, HERE, etag=came.etag, last_modified=came.last_modified)
    assert len(site.log) <= 25
    assert max(slept, default=0) <= QUICK.max_wait_s


_LINES = st.sampled_from(
    [
        "User-agent: *",
        "User-agent: tintoon",
        "User-agent:",
        "Disallow: /*",
        "Disallow: /" + "*a" * 2000 + "$",
        "Disallow: \ud800",
        "Allow: /%zz%",
        "Crawl-delay: nan",
        "Crawl-delay: 1e999",
        "Crawl-delay: -5",
        "Crawl-delay: 0.5",
        "Request-rate: 1/" + "9" * 400,
        "Request-rate: " + "9" * 400 + "/1",
        "Request-rate: 0/0",
        "Request-rate: 1/5m 0000-2400",
        "Visit-time: 9999-0000",
        "Sitemap: http://[",
    ]
)


@SITE_OF_FUZZING
@given(lines=st.lists(_LINES | st.text(max_size=20), max_size=12), end=st.sampled_from(["\n", "\r", "\r\n", "\0"]))
def test_a_spoilt_robots_txt_is_read_or_an_error_with_a_name(hurried, lines, end):
    site, client, slept = hurried
    site.heal()
    site.log.clear()
    slept.clear()
    site.fault("main/robots", faults.other_body(end.join(["User-agent: *", *lines]).encode(errors="surrogatepass")))
    asking = client()
    with suppress(FetchError):
        asking.get(site.url + VIEWER, HERE)
    assert len(site.log) <= 4
    assert max(slept, default=0) <= QUICK.max_wait_s


def test_processes_take_turns_at_a_host(site, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pipelines.issue_pages.client.client import Client; "
        "from pipelines.issue_pages.params import FetchParams; from pipelines.issue_pages.client.site import Site; "
        "from pipelines.issue_pages.client.host_slots import HostSlots\n"
        "client = Client(FetchParams(spacing_s=0.1, jitter=0), slots=HostSlots(Path(sys.argv[2])))\n"
        "for _ in range(3): client.get(sys.argv[1], Site('http://127.0.0.1'))"
    )
    command = [sys.executable, "-c", code, site.url + VIEWER, str(tmp_path)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    log = sorted(site.log, key=lambda request: request.started)
    assert len(log) == 8
    assert all(later.started >= earlier.ended + 0.09 for earlier, later in pairwise(log))
