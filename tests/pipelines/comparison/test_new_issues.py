"""New issues against what the champion learned from, and where it is weak, on a real lake and a real MLflow store."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from assets.tracking.registry import read_champions
from pipelines.comparison.drift_picture import drift_previews
from pipelines.comparison.new_issues import DriftResult, compare_new_issues
from pipelines.comparison.params import DriftParams, PromotionParams
from tests.assets.test_unchanged import spoil
from tests.assets.tinted import QUICK, Installation, freeze
from tests.pipelines.conftest import WriteLake, drawn_panel, put_panels, write_lake

__all__ = ["write_lake"]

PARAMS = DriftParams(side_px=32)
A = "webtoon_l2"


def issue(number: int) -> list[np.ndarray]:
    return [drawn_panel(10 * number + place, 32, 32) for place in range(5)]


def grow(here: Installation, write: WriteLake, *, train_issues: int) -> str:
    """So many issues to learn from, one to validate and one to test with; the training set's fingerprint."""
    issues = {("moon-cat", str(number)): ("train", issue(number)) for number in range(train_issues)}
    others = {("moon-cat", "v"): ("val", issue(90)), ("moon-cat", "t"): ("test", issue(91))}
    return freeze(write(here.root / "lake", issues | others))


def collect(here: Installation, name: str, pictures: list[np.ndarray]) -> None:
    """A new issue's panels."""
    put_panels(here.lake, "moon-cat", name, pictures)


def reddened(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [rgb // np.array([1, 4, 4], np.uint8) for rgb in pictures]


def compared(here: Installation) -> DriftResult:
    return compare_new_issues(here.lake, PARAMS, champions=read_champions(here.tracking), cache=here.cache)


def kept(here: Installation) -> dict[str, object]:
    """What the weekly retraining reads."""
    found = here.lake.read_json(here.lake.drift)
    return {name: found[name] for name in ("is_sure", "training_set", "drifted")}


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def test_before_there_is_anything_to_compare_with(here, write_lake):
    found = compared(here)
    assert (found.report, found.weak, found.unchanged) == (None, {}, False)
    assert found.why_not.endswith("no such training set: materialize training_set")
    assert kept(here) == {"is_sure": False, "training_set": None, "drifted": {}}
    grow(here, write_lake, train_issues=2)
    found = compared(here)
    assert "learns from 2 issues; a reference needs at least 3" in found.why_not
    assert found.unchanged


def test_new_issues_are_held_against_what_the_champion_learned_from(here, write_lake):
    learned = grow(here, write_lake, train_issues=4)
    collect(here, "red", reddened(issue(4)))
    found = compared(here)
    assert found.report is not None
    assert (found.why_not, found.weak, found.unchanged) == ("", {}, False)
    assert [one.key for one in found.report.issues] == ["moon-cat__red"]
    assert {"chroma", "hue"} <= set(found.report.drifted["moon-cat__red"])
    assert kept(here) == {
        "is_sure": False,
        "training_set": learned,
        "drifted": {"moon-cat__red": list(found.report.drifted["moon-cat__red"])},
    }
    again = compared(here)
    assert (again.unchanged, again.digest) == (True, found.digest)

    here.train(A, 0.2)
    here.evaluate(A)
    here.compare()
    here.promote(PromotionParams(resamples=100, guards={}))
    found = compared(here)
    assert found.unchanged  # it learned from that very set
    weak = found.weak["gray"]
    assert list(weak.index) == ["moon-cat"]

    # The red issue became a training issue: the champion, who never saw it, is still what counts.
    issues = {("moon-cat", str(number)): ("train", issue(number)) for number in range(4)}
    issues[("moon-cat", "red")] = ("train", reddened(issue(4)))
    others = {("moon-cat", "v"): ("val", issue(90)), ("moon-cat", "t"): ("test", issue(91))}
    assert freeze(write_lake(here.root / "lake", issues | others)) != learned
    assert compared(here).unchanged

    # An issue that it learned from is cut otherwise: there is no reference, and the result says why.
    collect(here, "2", [cv2.resize(rgb, (24, 24)) for rgb in issue(2)[:3]])
    found = compared(here)
    assert found.report is None
    assert found.why_not.startswith("moon-cat__2: 2 panels that the training set holds are no longer there")
    assert kept(here) == {"is_sure": False, "training_set": None, "drifted": {}}

    shutil.rmtree(here.root / "lake" / "training_sets")
    assert compared(here).why_not.endswith("it was never made in this lake, or was removed")


def test_the_same_inputs_are_not_compared_again(here, write_lake):
    grow(here, write_lake, train_issues=4)
    collect(here, "red", reddened(issue(4)))
    first = compared(here)
    assert first.report is not None
    previews = drift_previews(here.lake, first.report)
    for key in here.lake.keys_with("panels"):
        spoil(here.lake, here.lake.issue_pages(key), "image", {"bytes": b"no picture", "path": None})

    again = compared(here)
    assert (again.report, again.digest, again.unchanged) == (first.report, first.digest, True)
    assert drift_previews(here.lake, again.report) == previews
    with pytest.raises(ValueError, match="picture"):
        compare_new_issues(here.lake, PARAMS.model_copy(update={"side_px": 33}), champions={}, cache=here.cache)
    here.lake.write_json(here.lake.drift, kept(here))  # as earlier versions wrote it
    with pytest.raises(ValueError, match="picture"):
        compared(here)


def test_a_file_of_an_earlier_version_is_completed(here, write_lake):
    grow(here, write_lake, train_issues=4)
    collect(here, "red", reddened(issue(4)))
    compared(here)
    complete = here.lake.read_json(here.lake.drift)
    here.lake.write_json(here.lake.drift, kept(here))
    assert compared(here).unchanged
    assert here.lake.read_json(here.lake.drift) == complete


def test_weak_titles_are_those_of_the_current_benchmark(here, write_lake):
    grow(here, write_lake, train_issues=4)
    here.train(A, 0.2)
    here.evaluate(A)
    here.compare()
    here.promote(PromotionParams(resamples=100, guards={}))
    assert compared(here).weak["gray"]["pictures"].tolist() == [5]

    fewer = QUICK.model_copy(update={"max_pictures": 3})
    here.compare(fewer)
    assert compared(here).weak == {}  # the champion has no result on the new benchmark, and the old one says nothing
    here.evaluate(A, fewer)
    here.compare(fewer)
    assert compared(here).weak["gray"]["pictures"].tolist() == [3]
