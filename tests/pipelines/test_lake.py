"""The lake: keys, digests, and files that appear whole or not at all."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from upath import UPath

from pipelines.lake import (
    DamagedFileError,
    Lake,
    atomic_write,
    digest_of,
    image_type,
    issue_key,
    natural_key,
    split_issue_key,
)


def test_keys_go_both_ways():
    assert split_issue_key(issue_key("pepper-carrot", "ep__05")) == ("pepper-carrot", "ep__05")


@pytest.mark.parametrize(("title", "issue"), [("Pepper", "1"), ("a--b", "1"), ("a", "1/2"), ("a", ""), ("a", "1...2")])
def test_refuses_what_a_key_cannot_hold(title, issue):
    with pytest.raises(ValueError, match="expected"):
        issue_key(title, issue)


def test_no_key_is_an_error():
    with pytest.raises(ValueError, match="no issue key"):
        split_issue_key("pepper-carrot")


def test_natural_order():
    assert sorted(["p10", "p9", "P2", "p9b"], key=natural_key) == ["P2", "p9", "p9b", "p10"]


def test_numbers_of_any_length_and_script_compare_as_numbers():
    long = "1" + "0" * 5000
    names = [long + "0", "p", long, "٣", "007", "2", "0", "00" + long + "1"]
    assert sorted(names, key=natural_key) == ["0", "2", "٣", "007", long, long + "0", "00" + long + "1", "p"]
    assert natural_key("p007") == natural_key("P7")


def test_digest_ignores_the_order_of_keys():
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1}) != digest_of({"a": 1, "b": [3]})


@pytest.mark.parametrize("root", ["{tmp}", "memory://lake"])
def test_tables_keep_what_they_were_made_from(tmp_path, root):
    lake = Lake.at(root.format(tmp=tmp_path))
    path = lake.panels("pepper-carrot__ep05")
    table = pa.table({"panel": [1, 2]})
    assert lake.made_from(path) is None
    lake.write_table(path, table, made_from="abc")
    assert lake.made_from(path) == "abc"
    assert lake.read_table(path).column("panel").to_pylist() == [1, 2]
    assert lake.keys_with("panels") == ["pepper-carrot__ep05"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = UPath(tmp_path / "table")
    path.write_bytes(b"old")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["table"]
    assert path.read_bytes() == b"old"


class RemoteFile(AbstractBufferedFile):
    """A file in memory that is fetched in parts, as from a store."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.fs.cat_file(self.path, start, end)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each part that is fetched from memory://."""
    counts: list[int] = []
    cat_file, opened = MemoryFileSystem.cat_file, MemoryFileSystem._open

    def counted(self: MemoryFileSystem, *args: Any, **options: Any) -> bytes:
        data = cat_file(self, *args, **options)
        counts.append(len(data))
        return data

    def remote(self: MemoryFileSystem, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            return opened(self, path, mode, **options)
        return RemoteFile(self, path, size=self.size(path), **options)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", counted)
    monkeypatch.setattr(MemoryFileSystem, "_open", remote)
    return counts


def test_of_a_remote_table_little_more_than_what_is_asked_for_is_fetched(fetched: list[int]):
    lake = Lake.at("memory://counted")
    path = lake.unique_panels
    pictures = [{"bytes": bytes([number]) * 100_000, "path": None} for number in range(100)]
    table = pa.table({"panel": range(100), "image": pa.array(pictures, image_type()), "reason": ["ok"] * 100})
    lake.write_table(path, table, made_from="m")
    assert lake.read_table(path, ["reason", "panel"]).equals(table.select(["reason", "panel"]))
    assert sum(fetched) < 200_000
    fetched.clear()
    assert lake.read_rows(path, [50, 9], ["image"]).equals(table.select(["image"]).take([50, 9]))
    assert sum(fetched) < 1_000_000
    with pytest.raises(DamagedFileError, match="it has no column 'other'"):
        lake.read_table(path, ["other"])


@pytest.mark.parametrize("root", ["{tmp}", "memory://damaged"])
@pytest.mark.parametrize(
    ("place", "stage"),
    [
        ("panels/drawn/01.parquet", "panels"),
        ("unique_panels.parquet", "unique_panels"),
        ("evaluations/webtoon_l2/k.parquet", "evaluation"),
    ],
)
def test_a_damaged_or_missing_table_names_file_and_stage(tmp_path: Path, root: str, place: str, stage: str):
    lake = Lake.at(root.format(tmp=tmp_path))
    path = lake.root / place
    with pytest.raises(FileNotFoundError, match=rf"{place}: no such table; .*tintoon run {stage}$"):
        lake.read_table(path)
    with pytest.raises(FileNotFoundError, match="no such table"):
        lake.read_table(path, ["image"])
    lake.write_table(path, pa.table({"image": [bytes(range(256)) * 40] * 8}), made_from="m")
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    spoilt[len(whole) // 3] ^= 1
    for data in (b"", whole[:-100], bytes(len(whole)), bytes(spoilt)):
        path.write_bytes(data)
        with pytest.raises(DamagedFileError, match=rf"{place}: damaged, no whole table .*tintoon run {stage}$"):
            lake.read_table(path)
        with pytest.raises(DamagedFileError, match="no whole table"):
            lake.read_table(path, ["image"])
        with pytest.raises(DamagedFileError, match="no whole table"):
            lake.read_rows(path, [2], ["image"])


@pytest.mark.parametrize(
    ("place", "stage"),
    [
        ("variants/edge/train.json", "edge_panels"),
        ("variants/color/train.json", "gray_panels"),
        ("training_set.json", "training_set"),
        ("leaderboard.json", "leaderboard"),
        ("trained/webtoon_l2/current.json", "colorizer"),
    ],
)
def test_a_damaged_or_missing_json_names_file_and_stage(tmp_path: Path, place: str, stage: str):
    lake = Lake.at(tmp_path)
    path = lake.root / place
    with pytest.raises(FileNotFoundError, match=rf"{place}: no such file; .*tintoon run {stage}$"):
        lake.read_json(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for data in (b"", b'{"digest": "a', b"\xff\xfe", b"\0" * 50, b"[" * 100_000):
        path.write_bytes(data)
        with pytest.raises(DamagedFileError, match=rf"{place}: damaged, no JSON .*tintoon run {stage}$"):
            lake.read_json(path)


@pytest.mark.parametrize(
    ("place", "data", "field", "remedy"),
    [
        ("trained/webtoon_l2/current.json", b'{"x": 1}', "key: ", "tintoon run colorizer"),
        ("trained/webtoon_l2/current.json", b'{"key": 5}', "key: ", "tintoon run colorizer"),
        ("trained/webtoon_l2/k/record.json", b"[]", "a valid dict", "tintoon run colorizer"),
        ("catalogue/alpha.json", b'{"a": [1]}', "title: ", "tintoon sync"),
        ("catalogue/alpha.json", b'{"title": "alpha", "issues": [1]}', r"issues\.0: ", "tintoon sync"),
        ("catalogue/alpha.json", b'{"title": "alpha", "issues": [], "x": 1}', "x: ", "tintoon sync"),
        ("training_set.json", b"{}", "fingerprint: ", "tintoon run training_set"),
        ("training_sets/abc.json", b"null", "a valid dict", "tintoon run training_set"),
        ("variants/edge/train.json", b"{}", "digest: ", "tintoon run edge_panels"),
        ("variants/color/abc/manifest.json", b"{}", "pictures: ", "tintoon run gray_panels"),
        ("copies.json", b'{"compared": {}}', "pairs: ", "tintoon run issue_splits"),
        ("lookalikes.json", b"{}", "made_from: ", "tintoon run issue_splits"),
        ("references/alpha/gray.json", b'{"version": []}', "made_from: ", "tintoon run references"),
        ("drift.json", b'{"is_sure": "yes", "drifted": {}}', "is_sure: ", "tintoon run drift"),
        ("leaderboard.json", b"[1]", "a valid dict", "tintoon run leaderboard"),
        ("leaderboard.json", b'{"boards": 5}', "boards: ", "tintoon run leaderboard"),
        ("evaluations/webtoon_l2/latest.json", b'"x"', "a valid dict", "tintoon run evaluation"),
        ("report/published.json", b"{}", "mlflow_run_id: ", "tintoon run leaderboard"),
        ("cross_validations/webtoon_l2/abc.json", b"{}", "mlflow_run_id: ", "tintoon run cross_validation"),
        ("dropped.json", b"{}", "drops: ", "put back a copy of it"),
    ],
)
def test_json_of_another_shape_names_file_field_and_remedy(
    tmp_path: Path, place: str, data: bytes, field: str, remedy: str
):
    lake = Lake.at(tmp_path)
    path = lake.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match=rf"{place}: damaged, not what its writer wrote \(.*{field}.*{remedy}"):
        lake.read_json(path)


@pytest.mark.parametrize("root", ["nowhere://bucket/lake", "gopher://x"])
def test_a_place_that_is_none_for_a_lake_is_refused_in_words(root: str):
    with pytest.raises(ValueError, match="no place for a lake"):
        Lake.at(root)


@pytest.mark.parametrize("root", ["folder", "memory://stamps"])
def test_a_stamp_tells_a_file_from_the_one_before_it(root, tmp_path):
    lake = Lake.at(tmp_path / root if root == "folder" else root)
    path = lake.root / "one.json"
    assert lake.stamp(path) is None
    lake.write_json(path, 1)
    first = lake.stamp(path)
    assert first is not None
    assert lake.stamp(path) == first
    lake.write_json(path, 2)  # as large, and in the same tick of the clock
    assert lake.stamp(path) != first
