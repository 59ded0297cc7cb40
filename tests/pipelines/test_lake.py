"""The lake: keys, digests, and files that appear whole or not at all."""

import pyarrow as pa
import pytest
from upath import UPath

from pipelines.lake import Lake, atomic_write, digest_of, issue_key, natural_key, split_issue_key


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
