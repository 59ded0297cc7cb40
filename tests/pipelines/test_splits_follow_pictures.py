"""Splits and places follow the pictures: issues under other names keep what they had, and what was learned from is
never test.
"""

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from pipelines.issue_splits import SplitReport, build_issue_splits, left_out_panels
from pipelines.lake import Lake
from pipelines.params import SplitParams, UniqueParams
from pipelines.terms.terms import Terms
from pipelines.unique_panels import build_unique_panels
from tests.pipelines.test_unique_panels import panel, put

Page = tuple[int, ...]
"""The pictures of a page, each a number."""


def bits(picture: int) -> int:
    return int(np.random.default_rng(picture).integers(0, 2**63))


def digest(value: object) -> str:
    return sha256(repr(value).encode()).hexdigest()


def issue_of(key: str, pages: list[Page], *, encoding: int = 0, cut: int = 0) -> list[dict]:
    """An issue's panels. Another encoding has other bytes and pixels, and a hash of other bits; another cut other
    panels of the same pages.
    """
    title, _, issue = key.partition("__")
    rows = []
    for number, page in enumerate(pages, start=1):
        for picture in page:
            rows.append(
                panel(
                    title,
                    issue,
                    len(rows) + 1,
                    page=number,
                    bits=bits(picture + 10_000 * cut) ^ (0b101 << encoding if encoding else 0),
                    sha256=digest([picture, encoding, cut]),
                    pages_sha256=[digest([page, encoding])],
                )
            )
    return rows


def put_issues(lake: Lake, issues: dict[str, list[Page]], **options) -> None:
    for key, pages in issues.items():
        put(lake, *issue_of(key, pages, **options))


def split(lake: Lake, *, declared: str | None = None) -> SplitReport:
    """declared: The one title that is declared; None: all are."""
    terms = Terms({declared: "CC0-1.0"}, frozenset()) if declared else None
    build_unique_panels(lake, UniqueParams(), title_order=["saga", "saga-2"], terms=terms)
    return build_issue_splits(lake, SplitParams())


def splits(lake: Lake) -> dict[str, str]:
    return {row["key"]: row["split"] for row in lake.read_table(lake.issue_splits).to_pylist()}


def pages(first: int) -> list[Page]:
    """Three pages of two pictures."""
    return [(first, first + 1), (first + 2, first + 3), (first + 4, first + 5)]


SEVEN = {f"saga__ep{number}": pages(100 * number) for number in range(1, 8)}
INSERTED = {
    **{f"saga__ep{number + 1}": SEVEN[f"saga__ep{number}"] for number in range(2, 8)},
    "saga__ep1": SEVEN["saga__ep1"],
    "saga__ep2": pages(9900),
}


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake.at(tmp_path)
    put_issues(lake, SEVEN)
    split(lake)
    assert {*splits(lake).values()} == {"train", "val", "test"}
    return lake


@pytest.mark.parametrize("changed", [{}, {"encoding": 1}, {"cut": 1}], ids=["same", "encoded anew", "cut anew"])
def test_an_inserted_episode_moves_no_picture_to_another_split(lake, changed):
    before = splits(lake)
    put_issues(lake, INSERTED, **changed)
    report = split(lake)
    after = splits(lake)
    assert {f"saga__ep{n + 1}": before[f"saga__ep{n}"] for n in range(2, 8)} | {
        "saga__ep1": before["saga__ep1"], "saga__ep2": after["saga__ep2"],
    } == after  # fmt: skip
    assert report.new_issues == 1
    assert f"saga__ep3 holds what was saga__ep2: keeps {before['saga__ep2']}" in report.moved
    assert len(report.moved) == 6
    assert report.left_out == {}
    was = {row["key"]: row["was"] for row in lake.read_table(lake.issue_splits).to_pylist()}
    assert was["saga__ep8"] == "saga__ep7"
    assert was["saga__ep2"] is None


def test_it_is_said_once_and_then_nothing_changes(lake):
    put_issues(lake, INSERTED)
    split(lake)
    again = split(lake)
    assert again.unchanged
    assert again.moved == []
    assert {row["key"]: row["was"] for row in lake.read_table(lake.issue_splits).to_pylist()}[
        "saga__ep3"
    ] == "saga__ep2"


@pytest.mark.parametrize("changed", [{}, INSERTED], ids=["as they were", "renumbered"])
def test_no_table_is_written_again_where_nothing_changed(lake, changed):
    put_issues(lake, changed)
    if changed:
        split(lake)
    tables = (lake.unique_panels, lake.issue_splits, lake.picture_splits, lake.copies)
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in tables]
    assert split(lake).unchanged
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in tables] == before


def test_renumbered_issues_keep_their_place_so_the_same_duplicates_are_dropped(lake):
    # A panel of the new ep2 repeats one of what is now ep3, which was there before.
    again = {**INSERTED, "saga__ep2": [(200, 9901), (9902, 9903)]}
    put_issues(lake, again)
    split(lake)
    decisions = lake.read_table(lake.unique_panels).to_pandas()
    (dropped,) = decisions[~decisions["kept"]].to_dict("records")
    assert (dropped["panel_id"], dropped["duplicate_of"]) == ("saga__ep2__0001", "saga__ep3__0001")
    places = decisions.groupby("issue")["sequence"].first()
    assert places["ep2"] == 7
    assert places["ep3"] == 1


def test_an_inserted_page_changes_nothing(lake):
    before = splits(lake)
    first, *others = SEVEN["saga__ep1"]
    put_issues(lake, {"saga__ep1": [first, (5550, 5551), *others]})
    report = split(lake)
    assert splits(lake) == before
    assert report.moved == []


def test_two_names_that_are_exchanged_exchange_their_splits(lake):
    before = splits(lake)
    test = next(key for key, name in before.items() if name == "test")
    put_issues(lake, {"saga__ep1": SEVEN[test], test: SEVEN["saga__ep1"]})
    split(lake)
    assert splits(lake) == {**before, "saga__ep1": "test", test: before["saga__ep1"]}


@pytest.mark.parametrize("encoding", [0, 2])
def test_a_renamed_title_keeps_its_splits(lake, encoding):
    before = splits(lake)
    for key in SEVEN:
        lake.panels(key).unlink()
    put_issues(lake, {key.replace("saga", "saga-2"): found for key, found in SEVEN.items()}, encoding=encoding)
    report = split(lake)
    assert splits(lake) == {key.replace("saga", "saga-2"): name for key, name in before.items()}
    assert report.new_issues == 0
    assert f"saga-2__ep1 holds what was saga__ep1: keeps {before['saga__ep1']}" in report.moved


def test_an_undeclared_title_that_lies_in_the_lake_does_not_hide_its_successor(lake):
    before = splits(lake)
    put_issues(lake, {key.replace("saga", "saga-2"): found for key, found in SEVEN.items()})
    split(lake, declared="saga-2")
    put_issues(lake, {key.replace("saga", "saga-2"): found for key, found in INSERTED.items()})
    report = split(lake, declared="saga-2")
    after = splits(lake)
    assert {f"saga-2__ep{n + 1}": before[f"saga__ep{n}"] for n in range(2, 8)}.items() <= after.items()
    assert len(report.moved) == 6
    assert report.left_out == {}
    assert split(lake, declared="saga-2").moved == []
    split(lake, declared="saga")  # declared again: what it held is still known
    assert {key: splits(lake)[key] for key in before} == before


def test_a_title_that_was_gone_for_a_while_comes_back_as_it_was(lake):
    before = splits(lake)
    for key in SEVEN:
        lake.panels(key).unlink()
    put_issues(lake, {f"other__{n}": pages(7000 + 100 * n) for n in range(3)})
    split(lake)
    put_issues(lake, {key.replace("saga", "saga-2"): found for key, found in SEVEN.items()})
    split(lake)
    after = splits(lake)
    assert {key.replace("saga-2", "saga"): name for key, name in after.items() if "saga" in key} == before


def test_a_collection_that_stops_halfway_forgets_nothing(lake):
    before = splits(lake)
    put_issues(lake, {"saga__ep2": INSERTED["saga__ep2"]})  # what was ep2 is nowhere now
    split(lake)
    for number in range(3, 9):
        put_issues(lake, {f"saga__ep{number}": INSERTED[f"saga__ep{number}"]})
        split(lake)
    assert {f"saga__ep{n}": splits(lake)[f"saga__ep{n + 1}"] for n in range(2, 8)} == {
        f"saga__ep{n}": before[f"saga__ep{n}"] for n in range(2, 8)
    }


def test_a_page_of_credits_in_every_issue_says_nothing_about_them(tmp_path):
    lake = Lake.at(tmp_path)
    credits: Page = (1, 2, 3, 4)
    put_issues(lake, {key: [found[0], credits] for key, found in SEVEN.items()})
    split(lake)
    before = splits(lake)
    put_issues(lake, {"saga__ep8": [(801, 802), credits]})
    report = split(lake)
    assert report.moved == []
    assert report.new_issues == 1
    assert {key: splits(lake)[key] for key in before} == before


def test_an_issue_of_pages_of_train_and_test_goes_by_most_and_what_was_learned_from_is_left_out(lake):
    test = next(key for key, name in splits(lake).items() if name == "test")
    put_issues(lake, {test: [*SEVEN[test], SEVEN["saga__ep1"][0]], "saga__ep1": SEVEN["saga__ep1"][1:]})
    report = split(lake)
    assert splits(lake)[test] == "test"
    assert report.left_out == {"learned_before": 2}
    assert left_out_panels(lake) == {f"{test}__0007": "learned_before", f"{test}__0008": "learned_before"}
    (row,) = [row for row in lake.read_table(lake.issue_splits).to_pylist() if row["key"] == test]
    assert row["panels"] == 6
    assert row["left_out"][0]["of"] == "train of saga__ep1"
    assert split(lake).unchanged


def test_of_two_halves_the_one_nearer_to_train_counts(lake):
    test = next(key for key, name in splits(lake).items() if name == "test")
    lake.panels(test).unlink()
    lake.panels("saga__ep1").unlink()
    put_issues(lake, {"saga__book": [*SEVEN[test], *SEVEN["saga__ep1"]]})
    report = split(lake)
    assert splits(lake)["saga__book"] == "train"
    assert report.left_out == {}


def test_a_kill_between_the_two_tables_changes_nothing(lake):
    before = splits(lake)
    old = lake.issue_splits.read_bytes()
    put_issues(lake, INSERTED)
    split(lake)
    wanted = splits(lake)
    lake.issue_splits.write_bytes(old)  # picture_splits was written, issue_splits not yet
    split(lake)
    assert splits(lake) == wanted
    assert wanted["saga__ep3"] == before["saga__ep2"]


def test_a_lake_of_an_earlier_version_knows_what_it_trained_on(lake):
    before = splits(lake)
    rows = {name: [] for name in ("train", "val", "test")}
    for row in lake.read_table(lake.unique_panels).to_pylist():
        key = f"{row['title']}__{row['issue']}"
        rows[before[key]].append({name: row[name] for name in ("panel_id", "title", "issue", "sha256")})
    for name, found in rows.items():
        table = pa.Table.from_pylist(found)
        lake.write_table(lake.variants("color") / name / "rows.parquet", table, made_from="test")
    arrays = {f"color/{name}": {"digest": name, "arrays": {}} for name in rows}
    others = {"fingerprint": "f", "resolutions": [32], "edge_settings": {}, "rows_digests": {}, "datasheet": {}}
    lake.write_json(lake.training_set, {"arrays": arrays, **others})
    lake.picture_splits.unlink()
    put_issues(lake, INSERTED)
    split(lake)
    assert splits(lake)["saga__ep8"] == before["saga__ep7"]
    assert splits(lake)["saga__ep3"] == before["saga__ep2"]
