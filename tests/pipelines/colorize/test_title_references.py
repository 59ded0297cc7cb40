"""The index of a title: from its kept panels, extended panel by panel, bounded, by split."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from upath import UPath

from pipelines.colorize.params import ReferencesParams
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.title_references import (
    ReferencesReport,
    build_title_references,
    load_title_references,
    reference_previews,
    title_attributions,
)
from pipelines.images.color import rgb_to_gray
from pipelines.lake import Lake
from tests.pipelines.conftest import WriteLake, drawn_panel, small_lake, write_lake

__all__ = ["small_lake", "write_lake"]

CAT = "moon-cat"
GRAY = ReferencesParams(lines=False)
KEPT = [
    *("moon-cat__ep10__0001", "moon-cat__ep10__0002", "moon-cat__ep9__0001", "moon-cat__ep9__0003"),
    *("moon-cat__ep11__0001", "moon-cat__ep11__0002", "moon-cat__ep12__0001", "moon-cat__ep12__0002"),
]


class Index:
    """The index of the cat, in a folder of the test."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake, self.cache = lake, folder / "cache"
        self.computed: list[tuple[int, int]] = []
        """What `on_panel` was told last time."""

    def build(self, params: ReferencesParams = GRAY, title: str = CAT) -> ReferencesReport:
        self.computed = []
        return build_title_references(
            self.lake, title, params, cache=self.cache, on_panel=lambda *told: self.computed.append(told)
        )

    def names(self, variant: str = "gray", **options: Any) -> list[str]:
        return list(load_title_references(self.lake, CAT, variant, cache=self.cache, **options).names)

    def files(self) -> dict[str, int]:
        """The time of writing of each file of the index."""
        return {str(path): path.stat().st_mtime_ns for path in self.lake.references(CAT).glob("**/*.*")}

    def change(self, path: UPath, column: str, values: dict[str, object], *, by: str = "panel_id") -> None:
        """Sets values of a table by the key of their row."""
        table = self.lake.read_table(path)
        rows = [{**row, column: values.get(row[by], row[column])} for row in table.to_pylist()]
        self.lake.write_table(path, pa.Table.from_pylist(rows, table.schema), made_from="changed")


@pytest.fixture
def index(small_lake: Lake, tmp_path: Path) -> Index:
    return Index(small_lake, tmp_path)


def test_the_kept_panels_of_a_title_by_split(index: Index):
    report = index.build()
    assert report.panels == {"train": 4, "val": 2, "test": 2}
    assert (report.kept_panels, report.added, report.removed, report.unchanged) == (8, 8, 0, False)
    assert index.computed == [(number, 8) for number in range(1, 9)]
    assert sorted(index.names()) == sorted(KEPT)
    assert sorted(index.names(splits=["train"])) == sorted(KEPT[:4]), "a benchmark sees none of its test issues"
    assert title_attributions(index.lake, CAT, cache=index.cache) == ["moon-cat by a tester (CC-BY-4.0)"]


def test_the_same_panels_change_nothing(index: Index):
    first = index.build()
    written = index.files()
    again = index.build()
    assert (again.added, again.removed, again.unchanged) == (0, 0, True)
    assert again.digest == first.digest
    assert again.size_bytes == first.size_bytes > 0
    assert index.files() == written


def test_an_index_colours_as_one_in_memory(index: Index):
    index.build()
    read = load_title_references(index.lake, CAT, cache=index.cache)
    truth = drawn_panel(5)
    colored = ReferenceColorizer().colorize_with_sources(rgb_to_gray(truth), references=read)
    assert next(iter(colored.proposals.shares)) == "moon-cat__ep11__0001", "that very panel"
    assert np.abs(colored.rgb.astype(int) - truth).mean() < 12


def test_a_dropped_panel_goes_and_a_new_one_comes_without_the_others_being_made_again(index: Index):
    first = index.build()
    before = {one.name: one for one in load_title_references(index.lake, CAT, cache=index.cache)}
    written = index.files()
    index.change(index.lake.unique_panels, "kept", {"moon-cat__ep9__0002": True, "moon-cat__ep9__0001": False})
    report = index.build()
    assert (report.added, report.removed, report.unchanged) == (1, 1, False)
    assert report.digest != first.digest
    assert index.computed == [(1, 1)]
    assert sorted(index.names()) == sorted({*KEPT, "moon-cat__ep9__0002"} - {"moon-cat__ep9__0001"})
    gone, new = set(written) - set(index.files()), set(index.files()) - set(written)
    assert [Path(path).name.partition(".")[0] for path in (*gone, *new)] == ["ep9", "ep9"], "other issues stay"
    after = {one.name: one for one in load_title_references(index.lake, CAT, cache=index.cache)}
    assert np.array_equal(after["moon-cat__ep9__0003"].places.features, before["moon-cat__ep9__0003"].places.features)


def test_a_panel_that_was_cut_anew_is_made_again(index: Index):
    index.build()
    index.change(index.lake.unique_panels, "sha256", {"moon-cat__ep11__0002": "f" * 64})
    report = index.build()
    assert (report.added, report.removed) == (1, 1)
    assert index.computed == [(1, 1)]


def test_an_issue_that_moves_to_another_split_is_not_made_again(index: Index):
    index.build()
    index.change(index.lake.issue_splits, "split", {"moon-cat__ep9": "test"}, by="key")
    report = index.build()
    assert (report.added, report.removed, report.unchanged) == (0, 0, False)
    assert sorted(index.names(splits=["train"])) == KEPT[:2]


def test_a_licence_that_changed_is_named_and_nothing_is_made_again(index: Index):
    index.build()
    assert title_attributions(index.lake, CAT, cache=index.cache) == ["moon-cat by a tester (CC-BY-4.0)"]
    for key in ("ep9", "ep10", "ep11", "ep12"):
        path = index.lake.panels(f"{CAT}__{key}")
        index.change(path, "licence", {CAT: "CC-BY-SA-4.0"}, by="title")
    index.build()
    assert index.computed == []
    assert title_attributions(index.lake, CAT, cache=index.cache) == ["moon-cat by a tester (CC-BY-SA-4.0)"]


def test_the_limit_spreads_over_the_title_and_new_issues_move_few(
    small_lake: Lake, tmp_path: Path, write_lake: WriteLake
):
    """Chosen panels stay chosen when an issue arrives, but for those whose place a new one takes."""
    many = {(CAT, f"ep{number}"): ("train", [drawn_panel(7 * number + at) for at in range(5)]) for number in range(5)}
    index = Index(write_lake(tmp_path / "many", dict(list(many.items())[:4])), tmp_path)
    limit = ReferencesParams(lines=False, max_panels=8)
    report = index.build(limit)
    first = set(index.names())
    assert (report.kept_panels, report.panels["train"], len(first)) == (20, 8, 8)
    assert len({name.split("__")[1] for name in first}) >= 3
    index.lake = write_lake(tmp_path / "many", many)
    report = index.build(limit)
    assert (report.kept_panels, report.panels["train"]) == (25, 8)
    assert report.added == report.removed < 5
    assert len(first & set(index.names())) == 8 - report.added


def test_lines_have_an_index_of_their_own_and_it_goes_when_it_is_not_wanted(index: Index):
    report = index.build(ReferencesParams())
    assert report.added == 16
    assert load_title_references(index.lake, CAT, "line", cache=index.cache).variant == "line"
    report = index.build()
    assert (report.added, report.removed, report.unchanged) == (0, 8, False)
    with pytest.raises(FileNotFoundError, match=r"moon-cat: no references for line .*tintoon run references --title"):
        index.names("line")
    assert not any("/line/" in path for path in index.files())
    assert index.build().unchanged


def test_interrupted_it_goes_on_after_the_last_whole_issue(index: Index):
    def stop(done: int, _: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_title_references(index.lake, CAT, GRAY, cache=index.cache, on_panel=stop)
    assert sorted(index.names()) == sorted(KEPT[:4]), "two issues are there, whole"
    report = index.build()
    assert report.added == 4
    assert sorted(index.names()) == sorted(KEPT)
    assert index.build().unchanged


def test_another_version_makes_all_again(index: Index, monkeypatch: pytest.MonkeyPatch):
    first = index.build()
    monkeypatch.setattr(ReferencesParams, "code_version", "another")
    with pytest.raises(FileNotFoundError, match="no references"):
        index.names()
    report = index.build()
    assert report.added == 8
    assert report.digest != first.digest


def test_a_title_of_which_nothing_is_kept_has_no_index(index: Index):
    report = index.build(title="nobody")
    assert (report.kept_panels, report.added, report.unchanged) == (0, 0, True)
    assert reference_previews(index.lake, "nobody", report, cache=index.cache) == {}


def test_before_the_splits_the_remedy_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="tintoon run issue_splits"):
        Index(Lake.at(tmp_path / "empty"), tmp_path).build()


def test_a_sheet_shows_the_panels_and_is_drawn_once(index: Index):
    report = index.build()
    shown = reference_previews(index.lake, CAT, report, cache=index.cache)
    assert list(shown) == ["references"]
    assert shown["references"][:2] == b"\xff\xd8"
    kept = index.lake.previews("references", CAT).stat().st_mtime_ns
    assert reference_previews(index.lake, CAT, report, cache=index.cache) == shown
    assert index.lake.previews("references", CAT).stat().st_mtime_ns == kept


def test_an_index_in_a_remote_lake_is_copied_to_the_cache(small_lake: Lake, tmp_path: Path):
    memory = Lake.at("memory://references-of-a-title")
    for path in Path(str(small_lake.root)).rglob("*.parquet"):
        memory.write_bytes(memory.root / str(path.relative_to(str(small_lake.root))), path.read_bytes())
    index = Index(memory, tmp_path)
    index.build()
    assert sorted(index.names()) == sorted(KEPT)
    assert len(list(index.cache.rglob("*.safetensors"))) == 4
    index.change(memory.unique_panels, "kept", {"moon-cat__ep9__0002": True})
    assert index.build().added == 1
    assert len(index.names()) == 9
