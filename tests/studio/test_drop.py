"""`tintoon drop`, as a person uses it: it says what it will remove, asks, removes, reports, and it stays away."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id
from filelock import FileLock

from assets.drop import IN_PROGRESS, drop_events
from assets.partitions import issues
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


def _graph():
    @dg.asset
    def one() -> None: ...

    return dg.Definitions(assets=[one]).resolve_asset_graph()
