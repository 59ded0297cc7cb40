"""`tintoon drop`, as a person uses it: it says what it will remove, asks, removes, reports, and it stays away."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster._core.utils import make_new_run_id
from filelock import FileLock

from assets.automation import new_issues
from assets.drop import IN_PROGRESS, compact, drop_events, drop_partitions
from assets.each_issue import each_issue, one_by_one
from assets.home import Home
from assets.partitions import issues
from assets.resources import default_resources
from pipelines.drop.places import Places
from pipelines.terms.dropped import read_dropped
from studio.drop import DropInTheWayError, carry_out, look
from tests.installation import Installation
from tests.pipelines.conftest import drawn_panel
from tests.studio.test_undeclared import Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place.of_two(tmp_path_factory.mktemp("drop"), "hers", "ours")


def events(installation: Installation) -> bytes:
    """All that Dagster stores."""
    return b"".join(path.read_bytes() for path in sorted((installation.home / "dagster").rglob("*.db*")))


def test_from_looking_to_letting_in_again(place):
    previews = place.lake.read_table(place.lake.previews("panels", "hers__ep1")).to_pylist()
    encoded = [base64.b64encode(row["image"]["bytes"]) for row in previews]
    shown = [one[len(one) // 2 :][:120] for one in encoded]  # of the picture: headers are all the same
    assert any(one in events(place) for one in shown)
    for wrong, said in (
        (("drop", "his"), "no title 'his'; there are: hers, ours"),
        (("drop", "hers__ep9"), "no issue 'hers__ep9'; there are: hers__ep1"),
        (("drop", "hers", "--undo"), "hers: not dropped; dropped are: none"),
    ):
        done = place.try_to(*wrong)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert said in done.stderr

    planned = place.run("drop", "hers", "--dry-run")
    assert "hers: will be removed, and kept out by name and by content:" in planned
    assert "2  pages" in planned
    assert place.reasons().keys() == {"hers", "ours"}
    with patch("typer.confirm", return_value=False):
        refused = place.try_to("drop", "hers")
    assert "nothing was removed" in refused.stderr
    assert not place.lake.dropped.exists()

    said = place.run("drop", "hers", "--yes", "--reason", "asked by its author")
    assert "removed pages: issue_pages/hers/ep1.parquet" in said
    report = Path(said.partition("Report: ")[2].splitlines()[0])
    assert "Reason: asked by its author" in report.read_text()
    assert json.loads(report.with_suffix(".json").read_text())["stores"]["Dagster partitions removed"] == 2
    assert (place.partitions(), place.partitions("title")) == ({"ours__ep1"}, {"ours"})
    assert not any(one in events(place) for one in shown)
    assert place.reasons().keys() == {"ours"}

    synced = place.run("sync")
    assert "1 dropped" in synced
    assert "1 free issues" in synced
    place.run("run", "issue_pages", "panels", "unique_panels")
    assert place.reasons().keys() == {"ours"}
    assert not place.lake.issue_pages("hers__ep1").exists()
    dry = place.json("sync", "--dry-run")
    assert {issue["key"]: issue["state"] for issue in dry} == {"hers__ep1": "dropped", "ours__ep1": "free"}

    assert "hers: let in again (dropped on" in place.run("drop", "--undo", "hers")
    place.run("sync")
    assert place.partitions() == {"hers__ep1", "ours__ep1"}


@pytest.fixture
def instance(place: Place) -> Iterator[dg.DagsterInstance]:
    with (
        patch.dict("os.environ", {**place.environment, "DAGSTER_HOME": str(place.home / "dagster")}),
        dg.DagsterInstance.get() as opened,
    ):
        yield opened


def nothing(*_: object) -> None: ...


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTED", "CANCELING"])
def test_a_drop_waits_for_runs(place, instance, status):
    assert dg.DagsterRunStatus.QUEUED in IN_PROGRESS  # which only a daemon's run can be
    job = dg.define_asset_job("collect_issues").resolve(asset_graph=_graph())
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus[status])
    seen = look(["ours"], reason="", copies=True, instance=instance)
    with pytest.raises(DropInTheWayError, match="collect_issues: a run is under way"):
        carry_out(seen, instance=instance, on_removed=nothing, on_changed=nothing)
    instance.delete_run(run.run_id)
    assert place.lake.issue_pages("ours__ep1").exists()


def test_what_came_while_a_person_thought_is_shown_before_it_goes(place, instance):
    seen = look(["ours"], reason="", copies=True, instance=instance)
    folder = Path(place.variables["TINTOON_TITLES"]).parent / "ours"
    (folder / "ep2").mkdir()
    cv2.imwrite(str(folder / "ep2" / "0.png"), drawn_panel(700, 200, 260)[..., ::-1])
    place.run("sync")
    place.run("run", "issue_pages", "panels")

    def refuse(found: Places) -> None:
        assert found.plan.whole == ("ours__ep1", "ours__ep2")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        carry_out(seen, instance=instance, on_removed=nothing, on_changed=refuse)
    assert place.lake.issue_pages("ours__ep1").exists()
    assert not any("ours" in drop.targets for drop in read_dropped(place.lake).drops)


def test_one_drop_or_undo_at_a_time(place, instance):
    with FileLock(place.home / "cache" / "drop.lock"):
        for arguments in (("drop", "ours", "--yes"), ("drop", "--undo", "ours")):
            assert "another drop is under way" in place.try_to(*arguments).stderr
    assert place.lake.issue_pages("ours__ep1").exists()


def test_by_name_says_so_where_nothing_is_there_yet(place):
    place.declare(hers={}, ours={}, empty={})
    said = place.run("drop", "empty", "--dry-run", "--keep-copies")
    assert "empty: will be removed, and kept out by name:" in said
    assert "kept out by name and by content:" in place.run("drop", "empty", "--dry-run")


@pytest.mark.parametrize(("is_learned", "kept"), [(False, {"train", "compare", "ours"}), (True, {"ours"})])
def test_trainings_that_never_saw_it_keep_their_history(is_learned, kept):
    chosen = {
        "train": ("train_colorizers", ["colorizer"], "frames_l2"),
        "compare": ("compare_colorizers", None, None),
        "select": ("select_panels", ["unique_panels"], None),
        "drift": ("select_panels", ["drift"], None),
        "both": ("__ASSET_JOB", ["training_set", "leaderboard"], None),
        "other": ("of_somebody", None, None),
        "ours": ("collect_issues", ["panels"], "ours__ep1"),
        "hers": ("collect_issues", ["panels"], "hers__ep1"),
    }
    with dg.DagsterInstance.ephemeral() as opened:
        opened.add_dynamic_partitions(str(issues.name), ["ours__ep1"])
        for name, (job, stages, partition) in chosen.items():
            tags = {"name": name, **({"dagster/partition": partition} if partition else {})}
            selection = frozenset(map(dg.AssetKey, stages)) if stages else None
            opened.add_run(dg.DagsterRun(job_name=job, run_id=make_new_run_id(), tags=tags, asset_selection=selection))
        for stage in ("leaderboard", "training_set"):
            opened.report_runless_asset_event(dg.AssetMaterialization(stage))
        drop_events(opened, {"hers__ep1"}, is_learned=is_learned)
        assert {record.dagster_run.tags["name"] for record in opened.get_run_records()} == kept
        assert opened.has_asset_key(dg.AssetKey("leaderboard")) != is_learned
        assert not opened.has_asset_key(dg.AssetKey("training_set"))


PICTURE = dg.MetadataValue.md("![](data:image/jpeg;base64,its-picture)")


class Log:
    """Runs over issues of two titles in a log of Dagster's, as the stages of issues write them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        instance.add_dynamic_partitions(str(issues.name), ["hers__1", "ours__1", "ours__2"])

    def run(self, stage: str, *keys: str) -> None:
        """A run, each event of which has the data version `KEY of STAGE` and shows a picture."""
        span = {ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]}

        def result(key: str) -> dg.MaterializeResult:
            version = dg.DataVersion(f"{key} of {stage}")
            return dg.MaterializeResult(metadata={"panels": 3, "cut": PICTURE}, data_version=version)

        def body(context: dg.AssetExecutionContext) -> Any:
            return each_issue(context, lambda keys: one_by_one(keys, result))

        deps = [_pages] if stage == "panels" else []
        nothing: Any = dg.Nothing
        make = dg.asset(name=stage, partitions_def=issues, deps=deps, dagster_type=nothing, code_version="1")
        made = make(body)
        job = dg.Definitions([made, *deps], jobs=[dg.define_asset_job("made", [made])]).resolve_job_def("made")
        assert job.execute_in_process(instance=self.instance, tags=span).success

    def done(self, stage: str) -> set[str]:
        return self.instance.get_materialized_partitions(dg.AssetKey(stage))

    def is_stale(self, key: str) -> bool:
        """Whether Dagster finds the panels of an issue out of date."""
        graph = dg.Definitions([_pages, _panels]).resolve_asset_graph()
        with partition_loading_context(None, self.instance):
            resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
            return resolver.get_status(dg.AssetKey("panels"), key) is not StaleStatus.FRESH

    def drop(self, key: str) -> None:
        drop_partitions(self.instance, [key], [])
        drop_events(self.instance, {key}, is_learned=False)


@dg.asset(name="issue_pages", partitions_def=issues, code_version="1")
def _pages() -> None: ...


@dg.asset(name="panels", partitions_def=issues, deps=[_pages], code_version="1")
def _panels() -> None: ...


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as opened:
        yield Log(opened)


def found_in(folder: Path, text: str) -> bool:
    """Whether a text is in any file of a log, after what was deleted is overwritten."""
    assert not compact(folder)
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*.db*"))


def asked_for(instance: dg.DagsterInstance, folder: Path) -> int:
    """How many requests the sensor `new_issues` has where a folder holds both issues of ours."""
    for number in ("1", "2"):
        (folder / "ours" / number).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "ours" / number / "1.png"), drawn_panel(1, 64, 64))
    title = "{source: folder, address: ours, licence: CC0-1.0, attribution: A tester}"
    (folder / "titles.yaml").write_text(f"titles:\n  ours: {title}\n")
    home = Home.of({"TINTOON_HOME": str(folder), "TINTOON_TITLES": str(folder / "titles.yaml")})
    resources = {name: default_resources(home)[name] for name in ("lake", "catalogue", "settings")}
    result = new_issues(dg.build_sensor_context(instance=instance, resources=resources))
    assert isinstance(result, dg.SensorResult)
    return len(result.run_requests or [])


@pytest.mark.parametrize("single", [False, True])
def test_what_stays_of_a_run_over_many_keeps_its_history(log, tmp_path, single):
    log.run("issue_pages", "hers__1", "ours__1", "ours__2")
    log.run("panels", *(["ours__1"] if single else ["hers__1", "ours__1", "ours__2"]))
    if single:
        log.run("panels", "ours__2")
        log.run("panels", "hers__1")
    assert not log.is_stale("ours__2")
    assert not log.is_stale("ours__1")
    assert found_in(tmp_path, "hers__1 of panels")

    log.drop("hers__1")
    assert log.done("issue_pages") == log.done("panels") == {"ours__1", "ours__2"}
    (last,) = log.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("panels"), asset_partitions=["ours__2"]), limit=1
    ).records
    assert last.asset_materialization
    assert last.asset_materialization.metadata == {"panels": dg.IntMetadataValue(3)}
    assert (last.asset_materialization.tags or {})["dagster/data_version"] == "ours__2 of panels"
    assert asked_for(log.instance, tmp_path) == 0
    assert not log.is_stale("ours__1")
    assert not log.is_stale("ours__2")
    assert not found_in(tmp_path, "hers__1 of")

    log.drop("ours__1")  # which was reported once more
    assert log.done("issue_pages") == log.done("panels") == {"ours__2"}
    assert not log.is_stale("ours__2")
    assert not found_in(tmp_path, "ours__1 of")
    log.drop("ours__2")
    assert asked_for(log.instance, tmp_path) == 1  # of the title that is still declared
    assert log.done("issue_pages") == log.done("panels") == set()
    assert not found_in(tmp_path, "ours__2 of")
    assert not found_in(tmp_path, "its-picture")


def _graph():
    @dg.asset
    def one() -> None: ...

    return dg.Definitions(assets=[one]).resolve_asset_graph()
