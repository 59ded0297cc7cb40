"""robots.txt: read before anything else of a host, and obeyed."""

from itertools import pairwise

import pytest

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import (
    AddressRefused,
    RobotsRefused,
)
from pipelines.issue_pages.client.site import DocumentedApi, Site
from tests.pipelines.issue_pages.small_site import HERE, QUICK, VIEWER, asked
from tests.sites import faults


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
