"""Headers and robots.txt that are anything at all are read, or an error with a name."""

import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.naver import NaverSite
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import (
    FetchError,
)
from pipelines.issue_pages.client.host_slots import HostSlots
from tests.pipelines.issue_pages.small_site import HERE, QUICK, TITLE_ID, VIEWER, picture, small_webtoon
from tests.sites import faults

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
