"""The asset `issue_pages` over the real server and client: states, what a failure keeps, what a run reports."""

import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise

import dagster as dg
import pytest
import yaml

from assets.automation import new_issues
from assets.collect import issue_pages
from assets.home import Home
from assets.partitions import issues
from assets.resources import default_resources
from demo.naver import NaverSite, SiteTitle
from pipelines.issue_pages.catalogue import read_catalogue
from pipelines.lake import Lake
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, asked, small_webtoon
from tests.sites.faults import answer, html_as_image, truncated

KEY = "days__0002"


@pytest.fixture
def site() -> Iterator[NaverSite]:
    with NaverSite({TITLE_ID: SiteTitle(small_webtoon(3, slices=3))}) as running:
        yield running


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path / "lake")


@pytest.fixture(autouse=True)
def nothing_is_known_of_hosts(tmp_path, monkeypatch):
    """Refusals hold for hours: not for the site of another test that has the same port."""
    (tmp_path / "turns").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "turns"))


@pytest.fixture
def home(site, tmp_path) -> Home:
    declared = {"source": "naver", "address": site.address(TITLE_ID), "licence": "CC0-1.0", "attribution": "A tester"}
    (tmp_path / "titles.yaml").write_text(yaml.safe_dump({"titles": {"days": declared}}))
    return Home.of({"TINTOON_HOME": str(tmp_path), "TINTOON_TITLES": str(tmp_path / "titles.yaml")})


@pytest.fixture
def collect(home) -> Iterator[Callable[..., dg.ExecuteInProcessResult]]:
    """Collects one issue, in a job that retries its steps, in an instance that lasts as long as the test."""
    job = dg.define_asset_job("collect", [issue_pages], op_retry_policy=dg.RetryPolicy(max_retries=1))
    definitions = dg.Definitions([issue_pages], jobs=[job], resources=default_resources(home))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(issues.name), ["days__0001", "days__0002", "days__0003"])

        def call(key: str = KEY) -> dg.ExecuteInProcessResult:
            return definitions.resolve_job_def("collect").execute_in_process(
                partition_key=key,
                instance=instance,
                run_config={"ops": {"issue_pages": {"config": QUICK.model_dump()}}},
                raise_on_error=False,
            )

        yield call


def reported(result: dg.ExecuteInProcessResult) -> dict[str, dg.MetadataValue]:
    assert result.success
    (materialization,) = result.asset_materializations_for_node("issue_pages")
    return dict(materialization.metadata)


def version(result: dg.ExecuteInProcessResult) -> str:
    (materialization,) = result.asset_materializations_for_node("issue_pages")
    assert materialization.tags
    return materialization.tags["dagster/data_version"]


def failure(result: dg.ExecuteInProcessResult) -> dg.Failure | str:
    """What the step failed with: dg.Failure's data, without a retry, or the message of the innermost other error."""
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    if data.user_failure_data:
        assert not [event for event in result.all_events if event.is_step_up_for_retry]
        return dg.Failure(data.user_failure_data.description, metadata=dict(data.user_failure_data.metadata))
    error = data.error
    while error and error.cause:
        error = error.cause
    return error.message if error else ""


def states(lake: Lake) -> dict[str, str]:
    return {issue.issue: issue.state for issue in read_catalogue(lake, "days").issues}


@pytest.mark.parametrize(("gate", "state"), [({"closed": {2}}, "paid"), ({"paid": {2}}, "paid")])
def test_an_issue_that_is_not_to_be_had_fails_once_and_is_recorded(site, collect, lake, gate, state):
    for name, value in gate.items():
        setattr(site.titles[TITLE_ID], name, value)
    found = failure(collect())
    assert isinstance(found, dg.Failure)
    assert found.metadata["state"].value == state
    assert "0002" in str(found.description)
    assert states(lake)["0002"] == state
    assert not lake.issue_pages(KEY).exists()
    assert not asked(site, "images/webtoon")


def test_a_title_for_adults_fails_once_and_is_recorded(site, collect, lake):
    site.titles[TITLE_ID].is_adult = True
    found = failure(collect())
    assert isinstance(found, dg.Failure)
    assert found.metadata["state"].value == "adult"
    assert read_catalogue(lake, "days").state == "adult"
    assert not asked(site, "images/webtoon")


def test_an_issue_that_looks_empty_is_worth_another_try(site, collect, lake):
    site.titles[TITLE_ID].without_pictures = {2}
    result = collect()
    assert not result.success
    assert [event for event in result.all_events if event.is_step_up_for_retry]
    assert states(lake)["0002"] == "empty"
    site.titles[TITLE_ID].without_pictures = set()
    assert reported(collect())["pages_ok"].value == 3
    assert states(lake)["0002"] == "free"


def test_a_refusal_of_one_issues_run_holds_for_the_next_ones(site, collect):
    site.fault("images/webtoon/.*/2/.*_2.jpg", answer(403))
    assert "HTTP 403" in str(failure(collect()))
    seen = len(asked(site, "images/"))
    site.heal()
    message = str(failure(collect("days__0003")))  # of another run, with a client of its own
    assert "not asked before" in message
    assert "lift the stop: rm " in message
    assert len(asked(site, "images/")) == seen


def test_a_page_that_its_site_takes_away_is_reported_and_fails_nothing(site, collect):
    first = collect()
    site.fault("images/webtoon/.*/2/.*_2.jpg", answer(410))
    again = collect()
    assert reported(again)["gone"].value == 1
    assert version(again) == version(first)


def test_the_sensor_asks_as_politely_as_the_settings_say(site, home):
    (home.root / "settings.yaml").write_text("issue_pages: {contact: 'https://example.org/us', spacing_s: 0.2}")
    needed = ("lake", "catalogue", "settings")
    resources = {name: found for name, found in default_resources(home).items() if name in needed}
    with dg.DagsterInstance.ephemeral() as instance:
        result = new_issues(dg.build_sensor_context(instance=instance, resources=resources))
    assert isinstance(result, dg.SensorResult)
    assert len(result.run_requests or []) == 1
    assert {request.user_agent for request in site.log} == {"tintoon/0.1.0 (+https://example.org/us)"}
    starts = [request.started for request in site.log]
    assert len(starts) >= 2
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(starts))


@pytest.mark.parametrize("fault", [truncated, html_as_image])
def test_a_broken_page_fails_its_issue_and_the_next_run_fetches_it_alone(site, collect, lake, fault):
    whole = [sha256(data).hexdigest() for data in site.titles[TITLE_ID].issues[1].slices]
    site.fault("images/webtoon/.*_2.jpg", fault())
    result = collect()
    message = failure(result)
    assert [event for event in result.all_events if event.is_step_up_for_retry]  # this one was worth another try
    assert isinstance(message, str)
    assert KEY in message
    assert "page 2" in message
    assert "Run it again" in message
    kept = lake.read_table(lake.issue_pages(KEY)).to_pylist()
    assert [row["sha256"] for row in kept] == [whole[0], None, whole[2]]
    assert [row["status"] == "ok" for row in kept] == [True, False, True]

    site.heal()
    site.log.clear()
    metadata = reported(collect())
    came = [request for request in asked(site, "images/webtoon") if request.status == 200]
    assert [request.path.rpartition("_")[2] for request in came] == ["2.jpg"]
    assert metadata["fetched"].value == 1
    assert [row["sha256"] for row in lake.read_table(lake.issue_pages(KEY)).to_pylist()] == whole


def test_counts_are_whole_numbers_that_plot(collect):
    metadata = reported(collect())
    for name in ("pages_ok", "fetched", "not_modified", "resumed", "bytes"):
        assert isinstance(metadata[name], dg.IntMetadataValue), name
    assert metadata["pages_ok"].value == 3
    assert metadata["fetched"].value == 3
    assert isinstance(metadata["unchanged"], dg.BoolMetadataValue)


def test_the_data_version_is_of_the_content(site, collect):
    first, again = collect(), collect()
    assert version(first) == version(again)
    assert not reported(first)["unchanged"].value
    assert reported(again)["unchanged"].value
    assert reported(again)["fetched"].value == 0
    assert reported(again)["not_modified"].value == 3
    assert version(collect("days__0001")) != version(first)
    site.publish(TITLE_ID, small_webtoon(4, slices=2).issues[1])
    assert version(collect()) != version(first)
