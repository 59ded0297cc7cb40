"""Second tries, and the waits before them."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import (
    Forbidden,
    Gone,
    HostStopped,
    IncompleteBody,
    RateLimited,
    Unreachable,
)
from pipelines.issue_pages.client.host_slots import HostSlots
from pipelines.issue_pages.client.retry_after import retry_after_s
from pipelines.issue_pages.entry import Fetched
from pipelines.issue_pages.params import FetchParams
from tests.pipelines.issue_pages.small_site import HERE, QUICK, VIEWER, asked
from tests.sites import faults


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


def test_a_date_that_no_calendar_has_is_no_date():
    assert retry_after_s({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}) is None
