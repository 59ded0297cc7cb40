"""Splits: shares near their goals, sticky, complete from three issues on, and a leak check that can fail."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from pipelines.issue_splits import SPLIT_SCHEMA, assign, build_issue_splits, lookalikes_across_splits
from pipelines.lake import Lake
from pipelines.params import SplitParams
from pipelines.unique_panels import DECISION_SCHEMA


def decision(title, issue, number, *, sequence, kept=True, thumbnail=bytes(768)):
    return {
        "title": title,
        "issue": issue,
        "panel": number,
        "panel_id": f"{title}__{issue}__{number:04d}",
        "width_px": 300,
        "height_px": 300,
        "phash": "0" * 16,
        "sha256": "0" * 64,
        "is_flat": False,
        "thumbnail": thumbnail,
        "sequence": sequence,
        "kept": kept,
        "reason": None if kept else "gray",
    }


def put(lake: Lake, rows: list[dict]) -> None:
    lake.write_table(lake.unique_panels, pa.Table.from_pylist(rows, schema=DECISION_SCHEMA), made_from=str(rows))


def issues_of(counts: dict[str, list[int]]) -> list[dict]:
    rows, sequence = [], 0
    for title, panels in counts.items():
        for issue, count in enumerate(panels, start=1):
            rows += [decision(title, str(issue), n, sequence=sequence) for n in range(count)]
            sequence += 1
    return rows


def splits(lake: Lake) -> dict[str, str]:
    return {row["key"]: row["split"] for row in lake.read_table(lake.issue_splits).to_pylist()}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path)


def test_shares_come_near_their_goals():
    panels = {f"t__{n}": 20 for n in range(100)}
    counted = list(assign(panels, {}, SplitParams()).values())
    assert {name: counted.count(name) for name in ("train", "val", "test")} == {"train": 90, "val": 5, "test": 5}


@pytest.mark.parametrize("sizes", [[1, 50, 50], [50, 1, 1], [7, 7, 7, 7], [1] * 23])
def test_three_issues_have_all_three_splits_in_any_order_of_arrival(sizes):
    params = SplitParams()
    panels = {f"t__{n}": size for n, size in enumerate(sizes)}
    assert set(assign(panels, {}, params).values()) == {"train", "val", "test"}
    one_by_one: dict[str, str] = {}
    for count in range(1, len(panels) + 1):
        one_by_one = assign(dict(list(panels.items())[:count]), one_by_one, params)
    assert set(one_by_one.values()) == {"train", "val", "test"}


def test_the_first_issue_trains():
    assert assign({"t__1": 9}, {}, SplitParams()) == {"t__1": "train"}


def test_an_issue_never_moves(lake):
    put(lake, issues_of({"a": [10] * 12}))
    build_issue_splits(lake, SplitParams())
    before = splits(lake)
    put(lake, issues_of({"a": [1] * 12 + [40] * 8}))
    report = build_issue_splits(lake, SplitParams(train_share=0.5, val_share=0.25, test_share=0.25))
    after = splits(lake)
    assert {key: after[key] for key in before} == before
    assert report.new_issues == 8


def test_the_same_input_gives_the_same_table(tmp_path):
    lakes = [Lake.at(tmp_path / name) for name in ("x", "y")]
    for lake in lakes:
        put(lake, issues_of({"a": [5, 9, 2, 8, 8], "b": [3, 3, 3]}))
    assert [build_issue_splits(lake, SplitParams()).digest for lake in lakes].count(
        build_issue_splits(lakes[0], SplitParams()).digest
    ) == 2
    assert build_issue_splits(lakes[1], SplitParams()).unchanged


def test_an_issue_without_panels_waits_for_its_split(lake):
    rows = issues_of({"a": [5, 5, 5]})
    rows.append(decision("a", "4", 1, sequence=3, kept=False))
    put(lake, rows)
    report = build_issue_splits(lake, SplitParams())
    assert splits(lake)["a__4"] is None
    assert report.table.loc["a"].to_dict() == {"train": 5, "val": 5, "test": 5, "issues": 4}


def test_the_leak_check_finds_a_lookalike_that_the_hash_did_not(lake):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (4, 768), dtype=np.uint8)
    near = np.clip(pictures[0].astype(int) + rng.integers(-3, 4, 768), 0, 255).astype(np.uint8)
    rows = [decision("a", str(n), 1, sequence=n, thumbnail=pictures[n].tobytes()) for n in range(3)]
    put(lake, rows)
    build_issue_splits(lake, SplitParams())
    assert lookalikes_across_splits(lake, min_correlation=0.98) == []
    rows[2] |= {"thumbnail": near.tobytes(), "phash": f"{3:016x}"}
    put(lake, rows)
    (pair,) = lookalikes_across_splits(lake, min_correlation=0.98)
    assert {pair.panel_id, pair.other_id} == {"a__0__0001", "a__2__0001"}
    assert pair.distance_bits == 2


def test_large_splits_are_compared_in_bounded_memory(lake):
    count = 6000
    noise = np.random.default_rng(0).integers(0, 256, (2 * count, 768), dtype=np.uint8)
    noise[-1] = noise[count - 1]  # in the last, smaller block
    noise[count + 10] = noise[10]
    put(
        lake,
        [decision("a", str(n // count), n, sequence=n // count, thumbnail=t.tobytes()) for n, t in enumerate(noise)],
    )
    rows = [
        {"key": f"a__{issue}", "title": "a", "issue": str(issue), "split": split, "panels": count}
        for issue, split in enumerate(("train", "val"))
    ]
    lake.write_table(lake.issue_splits, pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA), made_from="test")
    tracemalloc.start()
    pairs = lookalikes_across_splits(lake, min_correlation=0.98)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {(pair.panel_id, pair.other_id) for pair in pairs} == {
        ("a__1__6010", "a__0__0010"),
        ("a__1__11999", "a__0__5999"),
    }
    assert peak_bytes < 4 * count**2  # of the whole matrix alone


def test_shares_must_add_up():
    with pytest.raises(ValueError, match="add up to 1"):
        SplitParams(train_share=0.5)
