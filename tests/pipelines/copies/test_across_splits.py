"""Copies do not cross splits: the later one is left out, with its reason; a new issue of copies goes where they are."""

import numpy as np
import pytest

from benchmarks.copy_changes import at_night, mirrored, zoomed
from pipelines.issue_splits import SplitReport, build_issue_splits, check_lookalikes, left_out_panels
from pipelines.lake import Lake
from pipelines.panels.hashing import phash, pixels_sha256, thumbnail
from pipelines.params import SplitParams, UniqueParams
from pipelines.unique_panels import build_unique_panels
from tests.pipelines.conftest import put_panels
from tests.pipelines.copies.pictures import detailed_panel


def put(lake: Lake, issue: str, pictures: list[np.ndarray]) -> None:
    hashes, thumbnails = [phash(rgb) for rgb in pictures], [thumbnail(rgb) for rgb in pictures]
    put_panels(lake, "saga", issue, pictures, made_from=str(hashes), phash=hashes, thumbnail=thumbnails)


def split(lake: Lake) -> SplitReport:
    build_unique_panels(lake, UniqueParams(), title_order=["saga"])
    return build_issue_splits(lake, SplitParams())


def splits(lake: Lake) -> dict[str, str]:
    return {row["issue"]: row["split"] for row in lake.read_table(lake.issue_splits).to_pylist()}


def of_issue(number: int) -> list[np.ndarray]:
    return [detailed_panel(100 * number + place) for place in range(4)]


@pytest.fixture
def lake(tmp_path) -> Lake:
    """Four issues; ep1 trains, and no panel is another's copy."""
    lake = Lake.at(tmp_path)
    for number in range(1, 5):
        put(lake, f"ep{number}", of_issue(number))
    assert split(lake).left_out == {}
    assert splits(lake)["ep1"] == "train"
    assert {*splits(lake).values()} == {"train", "val", "test"}
    return lake


def issue_in(lake: Lake, name: str) -> str:
    return next(issue for issue, own in splits(lake).items() if own == name)


@pytest.mark.parametrize("change", [mirrored, zoomed, at_night, lambda rgb: mirrored(zoomed(rgb, 1.5, 0.2, 0.7))])
def test_a_copy_of_train_is_left_out_of_test_and_of_train_is_kept(lake, change):
    test = issue_in(lake, "test")
    copy = change(of_issue(1)[1])
    put(lake, test, [*of_issue(int(test[2:])), copy])
    assert split(lake).left_out == {"copy_across_splits": 1}
    assert left_out_panels(lake) == {f"saga__{test}__0005": "copy_across_splits"}
    assert check_lookalikes(lake) == []
    put(lake, test, of_issue(int(test[2:])))
    put(lake, "ep1", [*of_issue(1), copy])
    assert split(lake).left_out == {}
    decisions = lake.read_table(lake.unique_panels).to_pylist()
    assert {row["panel_id"]: row["kept"] for row in decisions}["saga__ep1__0005"]


def test_the_later_one_is_left_out_also_where_it_trains(lake):
    test = issue_in(lake, "test")
    put(lake, "ep5", [*of_issue(5), mirrored(of_issue(int(test[2:]))[0])])
    split(lake)
    assert splits(lake)["ep5"] == "train"
    assert left_out_panels(lake) == {"saga__ep5__0005": "copy_across_splits"}
    (row,) = [row for row in lake.read_table(lake.issue_splits).to_pylist() if row["left_out"]]
    assert row["left_out"][0]["of"] == f"mirrored: saga__{test}__0001 of test"
    assert row["panels"] == 4


def test_a_new_issue_of_copies_goes_where_they_are(lake):
    test = issue_in(lake, "test")
    put(lake, "flipped", [mirrored(rgb) for rgb in of_issue(int(test[2:]))])
    report = split(lake)
    assert splits(lake)["flipped"] == "test"
    assert report.left_out == {}


def test_the_same_again_changes_nothing_and_what_is_gone_is_forgotten(lake):
    test = issue_in(lake, "test")
    put(lake, test, [*of_issue(int(test[2:])), mirrored(of_issue(1)[0])])
    split(lake)
    stamp = lake.copies.stat().st_mtime_ns
    again = split(lake)
    assert again.unchanged
    assert again.left_out == {"copy_across_splits": 1}
    assert lake.copies.stat().st_mtime_ns == stamp
    lake.panels("saga__ep1").unlink()
    assert split(lake).left_out == {}
    assert lake.read_json(lake.copies)["pairs"] == []


def test_only_new_panels_are_compared(lake):
    """What an earlier run compared counts: its pictures are not read again."""
    put(lake, "ep5", of_issue(5))
    before = lake.read_json(lake.copies)
    before["pairs"] = []
    lake.write_json(lake.copies, before)
    test = issue_in(lake, "test")
    lake.issue_pages(f"saga__{test}").unlink()
    assert split(lake).left_out == {}


def test_a_mirrored_lookalike_fails_the_check_where_the_search_missed_it(lake):
    test = issue_in(lake, "test")
    lake.write_json(
        lake.copies,
        {
            "version": "1",
            "pairs": [],
            "compared": {pixels_sha256(mirrored(of_issue(1)[0])): "test", **lake.read_json(lake.copies)["compared"]},
        },
    )
    put(lake, test, [*of_issue(int(test[2:])), mirrored(of_issue(1)[0])])
    split(lake)
    (pair,) = check_lookalikes(lake)
    assert pair.is_mirrored
    assert {pair.panel_id, pair.other_id} == {f"saga__{test}__0005", "saga__ep1__0001"}
