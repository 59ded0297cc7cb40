"""Automation: new issues are requested once, and changes flow down to where they matter, and no further."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
import yaml

from assets.automation import new_issues
from assets.definitions import defs
from assets.home import Home
from assets.partitions import issues, titles
from assets.resources import default_resources, one_client
from demo.naver import NaverSite, SiteTitle
from models.recipes import RECIPES
from pipelines.params import SPLITS
from tests.pipelines.issue_pages.small_site import QUICK, TITLE_ID, drawn_issue, small_webtoon
from tests.sites.faults import answer

OTHER_ID = 900002
COLLECTED = ("issue_pages", "panels")
VARIANTS = ("gray_panels", "edge_panels", "line_panels")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as running:
        yield running


# New issues


@pytest.fixture
def site() -> Iterator[NaverSite]:
    with NaverSite({TITLE_ID: SiteTitle(small_webtoon(2)), OTHER_ID: SiteTitle(small_webtoon(3), paid={3})}) as running:
        yield running


@pytest.fixture
def tick(site, instance, tmp_path) -> Callable[[], tuple[list[str], list[str]]]:
    """One tick of the sensor, carried out as the daemon does: (partitions registered, partitions requested)."""
    declared = {
        name: {"source": "naver", "address": site.address(number), "licence": "CC0-1.0", "attribution": "A tester"}
        for name, number in (("days", TITLE_ID), ("nights", OTHER_ID))
    }
    (tmp_path / "titles.yaml").write_text(yaml.safe_dump({"titles": declared}))

    home = Home.of({"TINTOON_HOME": str(tmp_path), "TINTOON_TITLES": str(tmp_path / "titles.yaml")})
    needed = ("lake", "catalogue", "settings")
    resources = {name: found for name, found in default_resources(home).items() if name in needed}
    cursor: str | None = None

    def call() -> tuple[list[str], list[str]]:
        nonlocal cursor
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            definitions=defs,
            resources=resources,
        )
        with one_client(QUICK):
            result = new_issues(context)
        assert isinstance(result, dg.SensorResult)
        added: list[str] = []
        for request in result.dynamic_partitions_requests or []:
            if isinstance(request, dg.DeleteDynamicPartitionsRequest):
                for key in request.partition_keys:
                    instance.delete_dynamic_partition(request.partitions_def_name, key)
                continue
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            if request.partitions_def_name == issues.name:
                added += request.partition_keys
        cursor = result.cursor
        return added, backfilled(result)

    return call


def backfilled(result: dg.SensorResult) -> list[str]:
    """The issues whose pages and panels a tick asks for, in one request."""
    requests = list(result.run_requests or [])
    assert len(requests) <= 1
    for request in requests:
        subset = request.asset_graph_subset
        assert subset
        keys = {
            name.to_user_string(): one.get_partition_keys()
            for name, one in subset.partitions_subsets_by_asset_key.items()
        }
        assert set(keys) == set(COLLECTED)
        assert set(keys["issue_pages"]) == set(keys["panels"])
        return sorted(keys["issue_pages"])
    return []


def test_each_new_free_issue_is_registered_and_collected_once(site, tick):
    first = ["days__0001", "days__0002", "nights__0001", "nights__0002"]
    assert tick() == (first, first)
    assert tick() == ([], [])
    site.publish(TITLE_ID, drawn_issue(3))
    assert tick() == (["days__0003"], ["days__0003"])
    site.titles[OTHER_ID].paid = set()  # its free days begin
    assert tick() == (["nights__0003"], ["nights__0003"])
    assert tick() == ([], [])


def test_a_title_that_fails_holds_up_no_other(site, tick):
    site.fault(f"main/api/article/list\\?titleId={TITLE_ID}&", answer(404))
    assert tick() == (["nights__0001", "nights__0002"],) * 2
    site.heal()
    assert tick() == (["days__0001", "days__0002"],) * 2


def test_the_titles_of_issues_are_registered_too(tick, instance):
    instance.add_dynamic_partitions(str(issues.name), ["days__0001"])  # an earlier version registered no titles
    tick()
    assert instance.get_dynamic_partitions(str(titles.name)) == ["days", "nights"]
    tick()
    assert instance.get_dynamic_partitions(str(titles.name)) == ["days", "nights"]


def test_titles_that_are_not_declared_any_more_leave(tick, instance):
    instance.add_dynamic_partitions(str(issues.name), ["years__0001", "years__0002", "days__0001"])
    instance.add_dynamic_partitions(str(titles.name), ["years", "days"])
    tick()
    assert instance.get_dynamic_partitions(str(titles.name)) == ["days", "nights"]
    assert not [key for key in instance.get_dynamic_partitions(str(issues.name)) if key.startswith("years")]


def test_new_issues_are_collected_and_cut():
    assert isinstance(new_issues.asset_selection, dg.AssetSelection)
    found = new_issues.asset_selection.resolve(defs.resolve_asset_graph())
    assert found == {dg.AssetKey(name) for name in COLLECTED}
    assert new_issues.default_status is dg.DefaultSensorStatus.STOPPED


# What follows from what


class Lineage:
    """The lineage's conditions over recorded materializations: what each tick asks for is then recorded as done."""

    def __init__(self, instance: dg.DagsterInstance):
        self._instance = instance
        self._cursor = None
        self._versions = 0

    def happened(self, asset: str, partitions: tuple[str | None, ...] = (None,)) -> None:
        """Somebody materialized an asset, with a new result."""
        for partition in partitions:
            self._versions += 1
            tags = {"dagster/data_version": str(self._versions)}
            self._instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, tags=tags))

    def checked(self, *, passed: bool) -> None:
        """The check on lookalikes was made."""
        check = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("issue_splits"),
            check_name="no_lookalikes_across_splits",
            passed=passed,
            metadata={},
            blocking=True,
        )
        self._instance.report_runless_asset_event(check)

    def tick(self) -> dict[str, set[str | None]]:
        """What is asked for now, by asset."""
        result = dg.evaluate_automation_conditions(
            defs, self._instance, asset_selection=dg.AssetSelection.all(), cursor=self._cursor
        )
        self._cursor = result.cursor
        asked = {
            key.to_user_string(): set(result.get_requested_partitions(key))
            for key in defs.resolve_asset_graph().materializable_asset_keys
        }
        return {name: partitions for name, partitions in asked.items() if partitions}

    def flow(self) -> list[dict[str, set[str | None]]]:
        """Ticks, each followed by what it asked for, until nothing is asked for any more."""
        asked: list[dict[str, set[str | None]]] = []
        while found := self.tick():
            asked.append(found)
            assert len(asked) < 8, f"it never ends: {asked}"
            for asset, partitions in found.items():
                self.happened(asset, tuple(partitions))
        assert [self.tick() for _ in range(3)] == [{}, {}, {}]
        return asked


@pytest.fixture
def lineage(instance) -> Lineage:
    """The lineage before anything happened, seen once."""
    found = Lineage(instance)
    assert found.flow() == []
    return found


def requested(asked: list[dict[str, set[str | None]]]) -> dict[str, set[str | None]]:
    """All that was asked for, each partition of an asset once."""
    together: dict[str, set[str | None]] = {}
    for tick in asked:
        for asset, partitions in tick.items():
            assert not together.get(asset, set()) & partitions, f"{asset} twice: {asked}"
            together[asset] = together.get(asset, set()) | partitions
    return together


def follows_from_the_splits(asked: list[dict[str, set[str | None]]]) -> None:
    """Every variant once; then, in a tick of its own, the training set, and nothing more: nothing was trained."""
    variants, then = asked
    assert variants == {name: set(SPLITS) for name in VARIANTS}
    assert then == {"training_set": {None}}


def test_a_new_selection_flows_down_to_a_new_training_set_and_stops_there(lineage):
    for _ in range(2):
        lineage.happened("unique_panels")
        lineage.happened("issue_splits")
        lineage.checked(passed=True)
        follows_from_the_splits(lineage.flow())


def test_splits_with_lookalikes_lead_to_nothing_until_they_are_mended(lineage):
    lineage.happened("issue_splits")
    lineage.checked(passed=False)
    assert lineage.flow() == []
    lineage.happened("issue_splits")
    lineage.checked(passed=True)
    follows_from_the_splits(lineage.flow())


def test_references_of_every_title_follow_the_splits(lineage, instance):
    instance.add_dynamic_partitions(str(titles.name), ["days", "nights"])
    for _ in range(2):
        lineage.happened("issue_splits")
        lineage.checked(passed=True)
        assert requested(lineage.flow())["references"] == {"days", "nights"}
    lineage.happened("issue_splits")
    lineage.checked(passed=False)
    assert "references" not in requested(lineage.flow())


def test_collecting_alone_starts_nothing(lineage, instance):
    instance.add_dynamic_partitions(str(issues.name), ["days__0001"])
    lineage.happened("issue_pages", ("days__0001",))
    lineage.happened("panels", ("days__0001",))
    lineage.happened("unique_panels")
    assert lineage.flow() == []


def test_a_leaderboard_of_some_does_not_wait_for_those_never_trained(lineage):
    first, second = list(RECIPES)[:2]
    lineage.happened("colorizer", (first,))
    assert lineage.flow() == []
    lineage.happened("evaluation", (first,))
    assert requested(lineage.flow()) == {"leaderboard": {None}, "champion": {None}}
    lineage.happened("evaluation", (second,))
    assert requested(lineage.flow()) == {"leaderboard": {None}, "champion": {None}}


def test_a_new_training_set_is_a_new_benchmark_for_what_was_trained_and_trains_nothing(lineage):
    first = next(iter(RECIPES))
    lineage.happened("training_set")
    lineage.happened("colorizer", (first,))
    lineage.happened("evaluation", (first,))
    lineage.flow()
    lineage.happened("training_set")
    assert requested(lineage.flow()) == {"evaluation": {first}, "leaderboard": {None}, "champion": {None}}
