"""Tables of colours from references and hints, on a drawn comic in a folder."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.comparison.comic_panels import panels_of
from pipelines.comparison.reference_tables import measure_references, summary, to_markdown

GROUNDS = ((235, 225, 190), (190, 220, 235), (225, 235, 200))


def drawn(number: int) -> np.ndarray:
    """A page of one picture: a red ball and a blue box that move, (240, 320, 3) uint8 RGB."""
    random = np.random.default_rng(number)
    shade = np.linspace(0.5, 1, 240)[:, np.newaxis, np.newaxis]  # so that nothing is cut off as a margin
    rgb = np.tile((shade * GROUNDS[number % 3]).astype(np.uint8), (1, 320, 1))
    for _ in range(6):
        x, y = random.integers(30, 290), random.integers(30, 210)
        cv2.circle(rgb, (int(x), int(y)), int(random.integers(10, 40)), (200, 40, 40), -1)
        x, y = random.integers(20, 250), random.integers(20, 180)
        cv2.rectangle(rgb, (int(x), int(y)), (int(x) + 50, int(y) + 30), (40, 60, 190), -1)
    return rgb


@pytest.fixture
def comics(tmp_path: Path) -> Path:
    for issue in (1, 2):
        folder = tmp_path / "balls" / f"ep{issue}"
        folder.mkdir(parents=True)
        for page in range(8):
            cv2.imwrite(str(folder / f"{page}.png"), cv2.cvtColor(drawn(10 * issue + page), cv2.COLOR_RGB2BGR))
    return tmp_path


def test_every_condition_is_measured_beside_the_gray_copy(comics):
    rows = measure_references(comics, ["balls:ep1"], [ReferenceColorizer()], panels=1, pages=1)
    table = summary(rows).set_index(["condition", "colorizer"])
    assert set(rows["issue"]) == {"ep1"}
    assert table.loc[("same_issue", "reference_match"), "share"] < 0.6
    assert table.loc[("128_hints", "reference_match"), "share"] < table.loc[("1_hints", "reference_match"), "share"]
    assert table.loc[("page_6_dots", "reference_match"), "share"] < 0.6
    assert table.loc[("nothing", "reference_match"), "share"] == pytest.approx(1)
    assert (table["share"].xs("gray_copy", level=1) == 1).all()
    text = to_markdown(table.reset_index())
    assert "| same_issue | 1 |" in text


def test_gray_small_and_repeated_panels_are_left_out(comics):
    folder = comics / "balls" / "ep1"
    first = cv2.imread(str(folder / "0.png"))
    cv2.imwrite(str(folder / "8.png"), first)
    cv2.imwrite(str(folder / "9.png"), cv2.cvtColor(cv2.cvtColor(first, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))
    cv2.imwrite(str(folder / "a.png"), first[:150, :150])
    names = [panel.name for panel in panels_of(comics, "balls", frozenset({"ep1"}))]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("8", "9", "a"))]


def test_a_title_that_is_not_there_is_named(comics):
    with pytest.raises(FileNotFoundError, match=r"no issues there; expected <title>/<issue>/<page>"):
        panels_of(comics, "cubes")
