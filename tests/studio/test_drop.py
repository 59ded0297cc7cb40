"""`tintoon drop`, as a person uses it: it says what it will remove, asks, removes, reports, and it stays away."""

import base64
import json
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from studio.drop import DropInTheWayError, carry_out, look
from tests.installation import Installation
from tests.studio.test_undeclared import SETTINGS, Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("drop")
    made = Place.with_stores(folder / "home", {"TINTOON_TITLES": str(folder / "titles.yaml")})
    assert isinstance(made, Place)
    (made.home / "settings.yaml").write_text(SETTINGS)
    made.draw("hers", seed=1)
    made.draw("ours", seed=500)
    made.declare(hers={}, ours={})
    made.run("sync")
    made.run("run", "issue_pages", "panels", "unique_panels")
    return made


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


def test_a_drop_waits_for_runs(place):
    with (
        patch.dict("os.environ", {**place.environment, "DAGSTER_HOME": str(place.home / "dagster")}),
        dg.DagsterInstance.get() as instance,
    ):
        run = instance.create_run_for_job(dg.define_asset_job("collect_issues").resolve(asset_graph=_graph()))
        instance.report_run_canceling(run)
        plan = look(["ours"], reason="", copies=True, instance=instance).plan
        with pytest.raises(DropInTheWayError, match="collect_issues: a run is under way"):
            carry_out(plan, instance=instance, on_removed=lambda *_: None)
        instance.delete_run(run.run_id)
    assert place.lake.issue_pages("ours__ep1").exists()


def _graph():
    @dg.asset
    def one() -> None: ...

    return dg.Definitions(assets=[one]).resolve_asset_graph()
