"""WEBTOON's list for browsers: asked only where the API answers with an error, or with what is no list."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import Forbidden, IncompleteBody
from pipelines.issue_pages.entry import ListingFailed, TitleUnavailable
from pipelines.issue_pages.sources.webtoons import WebtoonsSource
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import QUICK, asked, small_webtoon
from tests.sites import faults
from tests.sites.webtoons import WebtoonsSite, WebtoonsTitle

TITLE_NO = 7
RUBBISH = faults.text("{}")


def declared(site: WebtoonsSite) -> Title:
    address, own = site.address(TITLE_NO), site.settings
    return Title(key="days", source="webtoons", address=address, licence="x", attribution="x", settings=own)


@pytest.fixture(scope="module")
def long_list():
    with WebtoonsSite({TITLE_NO: WebtoonsTitle(small_webtoon(115, slices=1), app_only={3})}) as site:
        yield site


@pytest.fixture
def site(long_list):
    long_list.heal()
    long_list.log.clear()
    return long_list


@pytest.mark.parametrize("fault", [RUBBISH, faults.text("<html>" + " " * 9000), faults.answer(500), faults.answer(400)])
def test_the_list_for_browsers_tells_the_same(site, client, fault):
    by_api = WebtoonsSource(client).list_issues(declared(site))
    assert asked(site, "/list") == []
    site.fault("mobile/api", fault)
    by_pages = WebtoonsSource(Client(QUICK)).list_issues(declared(site))
    plain = [(entry.issue, entry.name, entry.date, entry.state) for entry in by_api]
    assert [(entry.issue, entry.name, entry.date, entry.state) for entry in by_pages] == plain
    assert [request.path.partition("page=")[2] for request in asked(site, "/list")] == [str(n) for n in range(1, 13)]


def test_a_refusal_or_a_broken_connection_is_no_reason_to_ask_elsewhere(site):
    for fault, error in [(faults.reset(), IncompleteBody), (faults.answer(403), Forbidden)]:
        site.heal()
        site.fault("mobile/api", fault)
        with pytest.raises(error):
            WebtoonsSource(Client(QUICK)).list_issues(declared(site))
    assert asked(site, "/list") == []


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (faults.redirect("/en/"), "the list for browsers failed too: .*HTTP 302"),
        (faults.other_body(b"<ul id='_listUl'></ul>" + b" " * 9000), "no episode"),
        (faults.other_body(b"<ul id='_listUl'><li data-episode-no='x'></ul>"), "an episode with the number 'x'"),
        (
            faults.other_body(
                b"<ul id='_listUl'><li data-episode-no='1'></li></ul><p class='paginate'><a href='?page=2'>2</a>"
                b"<a href='?page=3'>3</a>"
            ),
            "page=2: nothing that earlier pages did not list",
        ),
    ],
)
def test_a_list_that_is_not_understood_is_an_error(site, client, fault, seen):
    site.fault("mobile/api", RUBBISH)
    site.fault("main/.*/list", fault)
    with pytest.raises(ListingFailed, match=rf"days: .*result: Field required.*; .*{seen}"):
        WebtoonsSource(client).list_issues(declared(site))


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (faults.redirect("/en/ageGate"), "adult"),
        (faults.other_body(b"<html>"), "withheld"),
        (faults.answer(404), "gone"),
    ],
)
def test_gates_of_the_list_are_states(site, client, fault, state):
    site.fault("mobile/api", RUBBISH)
    site.fault("main/.*/list", fault)
    with pytest.raises(TitleUnavailable) as caught:
        WebtoonsSource(client).list_issues(declared(site))
    assert caught.value.state == state


@pytest.fixture(scope="module")
def source():
    return WebtoonsSource(Client(QUICK.model_copy(update={"spacing_s": 0})))


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_spoilt_lists_are_errors_with_a_name(long_list, source, data):
    path = f"{long_list.titles[TITLE_NO].path}/list?title_no={TITLE_NO}&page=12"
    long_list.heal()
    body = bytearray(long_list.answer("main", path, {}).body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 60))] = data.draw(st.binary(max_size=4) | st.just(b"<![\"'>"))
    long_list.fault("mobile/api", RUBBISH)
    long_list.fault("main/.*/list", faults.other_body(bytes(body)))
    long_list.log.clear()
    with suppress(ListingFailed, TitleUnavailable):
        assert source.list_issues(declared(long_list))
    assert len(long_list.log) < 5
