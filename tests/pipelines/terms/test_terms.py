"""Terms: what titles.yaml and the settings allow now decides what is kept, and what a training set may hold."""

import pytest

from pipelines.lake import Lake
from pipelines.params import TrainingSetParams, UniqueParams, VariantParams
from pipelines.terms.terms import Terms
from pipelines.training_set import build_training_set
from pipelines.unique_panels import build_unique_panels
from pipelines.variants import KINDS, build_variant
from tests.pipelines.conftest import small_lake, write_lake
from tests.pipelines.test_unique_panels import panel, put

__all__ = ["small_lake", "write_lake"]

FREE = "CC0-1.0"


def decided(lake: Lake, terms: Terms | None) -> dict[str, str]:
    build_unique_panels(lake, UniqueParams(), title_order=["a", "b"], terms=terms)
    rows = lake.read_table(lake.unique_panels).to_pylist()
    return {row["panel_id"]: row["reason"] or "kept" for row in rows}


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake.at(tmp_path)
    put(
        lake,
        panel("a", "1", 1, bits=0, pages_sha256=["one page"], licence=FREE),
        panel("b", "1", 1, bits=0, pages_sha256=["one page"], licence=FREE),  # the same picture under another title
        panel("b", "1", 2, bits=2**60 - 1, licence=FREE),
    )
    return lake


def test_without_terms_the_first_of_two_is_kept(lake):
    assert decided(lake, None) == {"a__1__0001": "kept", "b__1__0001": "near_duplicate", "b__1__0002": "kept"}


def test_an_undeclared_title_hides_none_of_its_successor(lake):
    terms = Terms({"b": FREE})
    assert decided(lake, terms) == {"a__1__0001": "undeclared", "b__1__0001": "kept", "b__1__0002": "kept"}
    assert decided(lake, Terms({"a": FREE, "b": FREE}))["a__1__0001"] == "kept"  # declared again


def test_an_undeclared_page_hides_no_page_of_its_own_title_name(tmp_path):
    """Identical pages within a title: one of a licence that is not collected is not the first of them."""
    lake = Lake.at(tmp_path)
    page = ["one page"]
    put(
        lake,
        panel("a", "1", 1, licence="paid", pages_sha256=page),
        panel("a", "2", 1, licence=FREE, pages_sha256=page),
    )
    terms = Terms({"a": None}, frozenset({FREE}))
    assert decided(lake, terms) == {"a__1__0001": "unlicensed", "a__2__0001": "kept"}


@pytest.mark.parametrize(
    ("declared", "stored", "allowed", "refusal"),
    [
        ({"a": FREE}, FREE, (), None),
        ({}, FREE, (), "undeclared"),
        ({"a": "CC-BY-4.0"}, FREE, (), "licence_changed"),
        ({"a": None}, "CC-BY-4.0", (), None),  # the source gives each page's own
        ({"a": None}, "CC-BY-4.0", (FREE,), "unlicensed"),
        ({"a": FREE}, FREE, (FREE,), None),
        ({"a": "paid"}, FREE, (FREE,), "unlicensed"),  # what was free once and is not any more
        ({"a": FREE}, "paid", (FREE,), "licence_changed"),
    ],
)
def test_refusals(declared, stored, allowed, refusal):
    terms = Terms(declared, frozenset(allowed))
    assert terms.refusal("a", stored) == refusal
    if refusal:
        assert "tintoon " in terms.remedy(refusal, "a")


def test_the_same_terms_again_change_nothing(lake):
    terms = Terms({"b": FREE})
    decided(lake, terms)
    again = build_unique_panels(lake, UniqueParams(), title_order=[], terms=Terms({"b": FREE, "new": "CC-BY-4.0"}))
    assert again.unchanged


def test_a_training_set_is_not_frozen_over_arrays_of_a_title_that_left(small_lake):
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, small_lake, VariantParams(resolutions=[16]))
    both = {"moon-cat": "CC-BY-4.0", "a-sun": "CC-BY-4.0"}
    build_training_set(small_lake, TrainingSetParams(), terms=Terms(both))
    with pytest.raises(ValueError, match=r"a-sun: 2 pictures .* are undeclared .*tintoon drop a-sun.*tintoon run"):
        build_training_set(small_lake, TrainingSetParams(), terms=Terms({"moon-cat": "CC-BY-4.0"}))
    with pytest.raises(ValueError, match=r"a-sun: .* licence_changed .*tintoon run issue_pages panels --title a-sun"):
        build_training_set(small_lake, TrainingSetParams(), terms=Terms({**both, "a-sun": "CC-BY-SA-4.0"}))
