"""The cut of pages that nobody tuned to: the cases beside the repository, and pages drawn in many styles."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.images.decode import decode_picture
from pipelines.panels.cut import cut_page, cut_strip, explain_page
from pipelines.panels.params import PanelParams
from pipelines.panels.slices import slices_of
from pipelines.panels.strip import stitch
from tests.pipelines.panels.drawn_pages import STYLES, drawn_page, hits, painted

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
HELD_OUT = 100  # seeds below were looked at while the cut was written
PARAMS = PanelParams()


@cache
def decoded(data):
    """Of files that are the same, once: several folders of the cases hold the same slices."""
    return decode_picture(data, name="a case")


@cache
def held_out(style):
    """A page that nobody looked at while the cut was written, and how it is cut."""
    drawn = drawn_page(style, HELD_OUT)
    return drawn, explain_page(drawn.page, PARAMS)


def found_on(page):
    return [cut.box for cut in cut_page(page, PARAMS)]


def made(case, folder):
    if not CASES.is_dir():
        pytest.skip(f"no cases at {CASES}: the folder lies beside the repository")
    subprocess.run([sys.executable, "-B", str(CASES / f"{case}.py"), str(folder)], check=True, timeout=60)
    return folder


def assert_found(page, truth, name):
    found = found_on(page)
    count = hits(found, truth)
    assert count >= 0.9 * len(truth), (name, found)
    assert count >= 0.9 * len(found), (name, found)


def test_hand_framed_pages_of_the_cases(tmp_path):
    folder = made("hand_framed", tmp_path)
    truths = json.loads((folder / "truth.json").read_text())
    assert len(truths) == 8
    for name, truth in truths.items():
        assert_found(decode_picture((folder / name).read_bytes(), name=name), [tuple(box) for box in truth], name)


def grid_of_four(margin, gutter, width, height, left=0):
    return [
        (left + margin + column * (width + gutter), margin + row * (height + gutter), width, height)
        for row in range(2)
        for column in range(2)
    ]


def turned(boxes, degrees, size):
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1)
    around = []
    for x, y, w, h in boxes:
        corners = np.array([(x, y), (x + w, y), (x, y + h), (x + w, y + h)]) @ turn[:, :2].T + turn[:, 2]
        around.append((*corners.min(axis=0), *np.ptp(corners, axis=0)))
    return around


def test_framed_pages_of_the_cases(tmp_path):
    folder = made("cut_pages", tmp_path)
    plain = grid_of_four(40, 24, 348, 513)
    truths = {
        "black": plain,
        "black_q80": plain,
        "frameless_third": [(8 + 184 * column, 8, 173, 265) for column in range(4)],
        "gutter4": grid_of_four(40, 4, 358, 523),
        "scan_turned": turned(plain, 1.5, (800, 1130)),
        "spread": plain + grid_of_four(40, 24, 348, 513, left=800),
    }
    files = sorted(folder.iterdir())
    assert len(files) == 17
    for file in files:
        page = decode_picture(file.read_bytes(), name=file.name)
        assert_found(page, truths.get(file.stem, plain), file.name)


def test_strips_of_the_cases_are_whole(tmp_path):
    folder = made("strip_widths", tmp_path)
    variants = sorted(path.name for path in folder.iterdir())
    assert variants == ["black", "cover", "credits", "gradient", "onepx", "same", "tall", "whole"]
    cut = {}
    for name in variants:
        pages = [decoded(file.read_bytes()) for file in sorted((folder / name / "ep1").iterdir())]
        slices = slices_of(pages)
        assert len(pages) - len(slices) == {"cover": 1, "credits": 1, "tall": 1, "whole": 1}.get(name, 0)
        if slices:
            chosen = tuple(id(pages[at]) for at in slices)
            if chosen not in cut:
                cut[chosen] = [one.box for one in cut_strip(stitch([pages[at] for at in slices]).image, PARAMS)]
            found = cut[chosen]
        else:
            found = found_on(pages[0])
        truth = [(40, 160 + 780 * row, 720, 620) for row in range(24 if name == "tall" else 8)]
        assert hits(found, truth) == len(truth) == len(found), name


def test_drawn_pages_of_many_styles_are_found():
    drawn = found = right = 0
    for style in STYLES:
        page, explained = held_out(style)
        boxes = [cut.box for cut in explained.cuts]
        drawn, found, right = drawn + len(page.boxes), found + len(boxes), right + hits(boxes, page.boxes)
    assert right / drawn >= 0.95
    assert right / found >= 0.95


@pytest.mark.parametrize("style", ["splash", "borderless"])
def test_one_picture_stays_one_picture(style):
    assert len(held_out(style)[1].cuts) == 1
    assert len(found_on(drawn_page(style, HELD_OUT + 1).page)) == 1


def test_what_reaches_over_gutters_does_not_hide_them():
    for seed in range(HELD_OUT, HELD_OUT + 8):
        page = drawn_page("bridged_gutters", seed)
        boxes = found_on(page.page)
        assert hits(boxes, page.boxes) == len(page.boxes) == len(boxes), seed


@pytest.mark.parametrize(
    ("style", "explanation"),
    [("clean", "ground"), ("inset", "ground"), ("touching_frames", "gutters"), ("turned_scan", "turned")],
)
def test_the_explanation_that_won_is_named_with_its_score(style, explanation):
    _, cut = held_out(style)
    assert cut.explanation == explanation
    assert 0.8 < cut.score <= 1


@pytest.mark.parametrize("degrees", [-3.0, 0.5])
def test_turned_scans_are_cut_with_masks(degrees):
    page = drawn_page("clean", 1).page
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    scan = cv2.warpAffine(page, turn, (width, height), borderValue=(60, 55, 50))
    truth = turned(drawn_page("clean", 1).boxes, degrees, (width, height))
    cuts = cut_page(scan, PARAMS)
    assert hits([cut.box for cut in cuts], truth) == len(truth) == len(cuts)
    assert abs(degrees) < 1 or all(cut.mask is not None for cut in cuts)


@pytest.mark.parametrize("band", [np.s_[400:408], np.s_[:, 520:532]])
def test_a_full_bleed_picture_with_a_horizon_or_the_post_of_a_door_is_one_picture(band):
    page = painted(np.random.default_rng(3), 700, 700)
    page[band] = (40, 70, 60)
    assert found_on(page) == [(0, 0, 700, 700)]


def test_small_pages_are_cut_without_a_judgement():
    cut = explain_page(np.full((20, 30, 3), 200, np.uint8), PARAMS)
    assert (cut.cuts, cut.score) == ([], None)


def test_boxes_lie_on_the_page_whatever_is_on_it():
    rng = np.random.default_rng(0)
    for number in range(24):
        height, width = rng.integers(1, 400, 2).tolist()
        page = np.full((height, width, 3), 255, np.uint8)
        if number % 4 == 0:
            page = rng.integers(0, 256, page.shape, dtype=np.uint8)
        for _ in range(8):
            corners = rng.integers(-50, 450, (2, 2)).tolist()
            colour = rng.integers(0, 256, 3).tolist()
            cv2.rectangle(page, corners[0], corners[1], colour, int(rng.choice([-1, 1, 3])))
        for cut in [*cut_page(page, PARAMS), *cut_strip(page, PARAMS)]:
            x, y, w, h = cut.box
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
            assert cut.mask is None or cut.mask.shape == (h, w)
