"""Pictures of what a stage left: each shows what the tables say, and nothing where there is nothing to show."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.issue_pages.page import PAGE_SCHEMA
from pipelines.issue_splits import Lookalikes
from pipelines.lake import Lake
from pipelines.panels.build import build_panels
from pipelines.panels.params import PanelParams
from pipelines.params import VariantParams
from pipelines.previews.decisions import preview_decisions, preview_leaks, preview_titles
from pipelines.previews.panels import COLUMN_PX, preview_cut, preview_panels
from pipelines.previews.variants import preview_variant
from pipelines.unique_panels import DECISION_SCHEMA
from pipelines.variants import build_variant

KEY = "drawn__ep1"
RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)


def page(width_px: int, colour: tuple[int, int, int], height_px: int = 400) -> np.ndarray:
    """A white page with one panel."""
    rgb = np.full((height_px, width_px, 3), 255, np.uint8)
    rgb[40:-40, 30:-30] = colour
    return rgb


def store_pages(lake: Lake, pages: list[np.ndarray | None]) -> None:
    """A table of pages; None is a page that was not kept."""
    rows = [
        {
            "title": "drawn",
            "issue": "ep1",
            "page": number,
            "name": f"{number}.png",
            "url": f"https://comics.test/{number}",
            "status": "not_a_picture" if rgb is None else "ok",
            "sha256": None if rgb is None else f"{number:064}",
            "licence": "CC-BY-4.0",
            "attribution": "A. Painter",
            "facts": "{}",
            "image": None if rgb is None else {"bytes": cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()},
        }
        for number, rgb in enumerate(pages, start=1)
    ]
    # Out of order on purpose: the page's number is its place.
    lake.write_table(lake.issue_pages(KEY), pa.Table.from_pylist(rows[::-1], schema=PAGE_SCHEMA), made_from="test")


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """True where a good part of a picture has about this colour."""
    return bool((np.abs(picture.astype(int) - colour).max(axis=-1) < 40).mean() > 0.005)


def assert_is_picture(picture: np.ndarray | None) -> np.ndarray:
    assert picture is not None
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    return picture


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def test_cut_shows_every_page_of_a_comic_with_its_boxes(lake: Lake) -> None:
    store_pages(lake, [page(300, RED), None, page(260, BLUE)])
    build_panels(KEY, lake, PanelParams(layout="pages"))
    seen = assert_is_picture(preview_cut(lake, KEY))
    assert has(seen[:, : seen.shape[1] // 2], RED)
    assert has(seen[:, seen.shape[1] // 2 :], BLUE)
    assert not has(seen, GREEN)


def test_cut_shows_a_strip_of_slices_of_unequal_widths(lake: Lake) -> None:
    store_pages(lake, [page(300, RED), page(240, GREEN), page(300, BLUE)])
    assert build_panels(KEY, lake, PanelParams(layout="strip")).layout == "strip"
    seen = assert_is_picture(preview_cut(lake, KEY))
    width, height = COLUMN_PX
    assert seen.shape == (height, width + 8, 3)
    for part, colour in zip(np.array_split(seen[: round(1200 * width / 300)], 3), (RED, GREEN, BLUE), strict=True):
        assert has(part, colour)


def test_a_long_strip_goes_on_in_the_next_column(lake: Lake) -> None:
    store_pages(lake, [page(300, RED, 1400), page(300, BLUE, 1400)])
    build_panels(KEY, lake, PanelParams(layout="strip"))
    width, height = COLUMN_PX
    seen = assert_is_picture(preview_cut(lake, KEY))
    assert seen.shape == (height, 2 * (width + 8), 3)
    assert has(seen[:, : width + 8], RED)
    assert has(seen[:, width + 8 :], BLUE)


def test_cut_of_an_issue_without_pages_is_nothing(lake: Lake) -> None:
    store_pages(lake, [page(300, RED)])
    build_panels(KEY, lake, PanelParams())
    store_pages(lake, [None])
    assert preview_cut(lake, KEY) is None


def test_panels_are_shown_apart_by_whether_they_pass(lake: Lake) -> None:
    store_pages(lake, [page(300, RED), page(120, GREEN), page(300, (90, 90, 90))])
    build_panels(KEY, lake, PanelParams(layout="pages"))
    seen = preview_panels(lake, KEY)
    assert list(seen) == ["passing panels", "dropped panels"]
    assert has(assert_is_picture(seen["passing panels"]), RED)
    assert not has(seen["passing panels"], GREEN)
    assert has(seen["dropped panels"], GREEN)  # too small
    assert has(seen["dropped panels"], (90, 90, 90))
    store_pages(lake, [page(300, RED)])
    build_panels(KEY, lake, PanelParams())
    assert list(preview_panels(lake, KEY)) == ["passing panels"]


def decide(lake: Lake, reasons: dict[str, tuple[str, str] | None]) -> None:
    """Decisions by panel_id: None keeps it, (reason, duplicate_of) drops it."""
    rows = []
    for panel_id, dropped in reasons.items():
        title, issue, number = panel_id.split("__")
        reason, duplicate_of = dropped or (None, None)
        rows.append(
            {
                "title": title,
                "issue": issue,
                "panel": int(number),
                "panel_id": panel_id,
                "width_px": 80,
                "height_px": 60,
                "phash": "0" * 16,
                "sha256": "0" * 64,
                "is_flat": False,
                "thumbnail": bytes(768),
                "sequence": 0,
                "kept": dropped is None,
                "reason": reason,
                "duplicate_of": duplicate_of,
                "distance_bits": 3 if duplicate_of else None,
            }
        )
    lake.write_table(lake.unique_panels, pa.Table.from_pylist(rows, schema=DECISION_SCHEMA), made_from="test")


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((60, 80, 3), colour, np.uint8)


@pytest.fixture
def decided(tmp_path: Path, write_lake) -> Lake:
    """A red and a green panel that are kept, a blue one that repeats the red one."""
    issues = {("sun", "1"): ("train", [plain(RED), plain(GREEN)]), ("sun", "2"): ("test", [plain(BLUE)])}
    lake = write_lake(tmp_path / "decided", issues)
    decide(lake, {"sun__1__0001": None, "sun__1__0002": None, "sun__2__0001": ("near_duplicate", "sun__1__0001")})
    return lake


def test_decisions_show_what_is_kept_and_each_duplicate_beside_its_original(decided: Lake) -> None:
    seen = preview_decisions(decided)
    assert list(seen) == ["kept panels", "near-duplicates"]
    assert [has(assert_is_picture(seen["kept panels"]), colour) for colour in (RED, GREEN, BLUE)] == [True, True, False]
    twins = assert_is_picture(seen["near-duplicates"])
    middle = twins.shape[1] // 2
    assert [has(twins[:, :middle], colour) for colour in (RED, GREEN, BLUE)] == [False, False, True]
    assert [has(twins[:, middle:], colour) for colour in (RED, GREEN, BLUE)] == [True, False, False]


def test_decisions_that_keep_nothing_show_nothing(decided: Lake) -> None:
    decide(decided, {"sun__1__0001": ("too_small", "")})
    assert preview_decisions(decided) == {}


def test_titles_show_panels_that_are_kept(decided: Lake) -> None:
    seen = assert_is_picture(preview_titles(decided)["titles"])
    assert [has(seen, colour) for colour in (RED, GREEN, BLUE)] == [True, True, False]
    decide(decided, {"sun__1__0001": ("too_small", "")})
    assert preview_titles(decided) == {}


def test_leaks_show_both_panels(decided: Lake) -> None:
    leak = Lookalikes("sun__2__0001", "test", "sun__1__0002", "train", 0.99, 3)
    seen = assert_is_picture(preview_leaks(decided, [leak])["lookalikes"])
    middle = seen.shape[1] // 2
    assert has(seen[:, :middle], BLUE)
    assert has(seen[:, middle:], GREEN)
    assert preview_leaks(decided, []) == {}


@pytest.mark.parametrize(("kind", "columns"), [("gray", 2), ("edge", 2), ("line", 6)])
def test_variants_stand_beside_their_colour(small_lake: Lake, kind: str, columns: int) -> None:
    build_variant(kind, "val", small_lake, VariantParams(resolutions=[64, 96]))
    seen = assert_is_picture(preview_variant(kind, "val", small_lake)[f"{kind} of val"])
    assert columns * 64 < seen.shape[1] < columns * 96
    chroma = np.ptp(seen.astype(int), axis=-1)
    step = seen.shape[1] // columns
    assert chroma[:, :step].max() > 60
    assert chroma[:, step + 8 :].max() == 0


def test_a_variant_stands_beside_the_colour_that_it_was_made_from(small_lake: Lake) -> None:
    build_variant("gray", "val", small_lake, VariantParams(resolutions=[64]))
    expected = preview_variant("gray", "val", small_lake)["gray of val"]
    build_variant("color", "val", small_lake, VariantParams(resolutions=[32]))
    np.testing.assert_array_equal(preview_variant("gray", "val", small_lake)["gray of val"], expected)


def test_a_variant_of_an_empty_split_shows_nothing(tmp_path: Path, write_lake) -> None:
    lake = write_lake(tmp_path / "empty", {("solo", "1"): ("train", [plain(RED)])})
    build_variant("gray", "test", lake, VariantParams(resolutions=[32]))
    assert preview_variant("gray", "test", lake) == {}
