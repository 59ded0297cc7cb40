"""The cut and the filters on real, openly licensed comics, where they lie beside the repository."""

import json
from pathlib import Path

import pytest

from pipelines.images.decode import decode_picture
from pipelines.panels.cut import Cut, cut_page, cut_strip
from pipelines.panels.filters import MeasuredPanel, colored_share, is_gray
from pipelines.panels.params import PanelParams
from pipelines.panels.slices import are_slices
from pipelines.panels.strip import stitch

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
PARAMS = PanelParams()

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no pictures at {DATA}: the folder lies beside the repository"
)


def pages(issue):
    files = sorted(path for path in (DATA / issue).iterdir() if path.suffix != ".txt")
    return [decode_picture(path.read_bytes(), name=str(path)) for path in files]


def overlap(one, other):
    """Intersection over union of two boxes."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def panels(cuts: list[Cut], page):
    """Pixels of the panels that are no scraps."""
    boxes = [cut.box for cut in cuts if min(cut.box[2:]) >= PARAMS.min_side_px]
    return [page[y : y + h, x : x + w] for x, y, w, h in boxes]


@pytest.fixture(scope="module")
def annotated():
    """Pages of Pepper&Carrot with their boxes as annotated and as cut."""
    images = json.loads((DATA / "annotations/pepper-carrot_panels.json").read_text())["images"]
    found = []
    for name, annotation in images.items():
        page = decode_picture((DATA / "comics" / name).read_bytes(), name=name)
        found.append((name, page, [tuple(box) for box in annotation["panels"]], cut_page(page, PARAMS)))
    return found


def test_annotated_panels_are_found(annotated):
    drawn = sum(len(boxes) for _, _, boxes, _ in annotated)
    cut = sum(len(cuts) for *_, cuts in annotated)
    hits = sum(any(overlap(box, one.box) >= 0.9 for one in cuts) for _, _, boxes, cuts in annotated for box in boxes)
    assert drawn == 223
    assert hits / drawn >= 0.99
    assert hits / cut >= 0.99


def test_annotated_panels_come_in_reading_order_with_edges_within_two_pixels(annotated):
    for name, _, boxes, cuts in annotated:
        assert len(cuts) == len(boxes), name
        for (x, y, w, h), cut in zip(boxes, cuts, strict=True):
            left, top, width, height = cut.box
            shifts = (left - x, top - y, left + width - x - w, top + height - y - h)
            assert max(map(abs, shifts)) <= 2, (name, cut.box)


def test_coloured_panels_are_not_marked_gray(annotated):
    pictures = [picture for _, page, _, cuts in annotated for picture in panels(cuts, page)]
    marks = [is_gray(colored_share(MeasuredPanel(picture), PARAMS), PARAMS) for picture in pictures]
    assert sum(marks) / len(marks) <= 0.02


def test_black_and_white_comics_are_gray():
    # Four pictures of this collection are coloured: two photographs of a book, and two drawings.
    coloured = {"2007-cover-open", "2007-cover-shut", "dwemthy-back-castol", "quil-3"}
    for path in sorted((DATA / "extras/bw-negatives").glob("*/*")):
        page = decode_picture(path.read_bytes(), name=path.name)
        marks = [
            is_gray(colored_share(MeasuredPanel(picture), PARAMS), PARAMS)
            for picture in panels(cut_page(page, PARAMS), page)
        ]
        assert all(marks) != (path.stem in coloured) or not marks, path.name


@pytest.mark.parametrize(
    "issue",
    [
        "pepper-carrot/ep07",
        "pepper-carrot/ep13",
        "book-dash/sindi-and-the-moon",
        "african-storybook-wiehan-de-jager/0006-anansi-and-wisdom",
        "african-storybook-wiehan-de-jager/0096-rainbow-visits-the-village",
        "wesnoth/liberty",
    ],
)
def test_pages_are_no_slices(issue):
    assert not are_slices(pages(f"comics/{issue}"))


def test_webtoon_is_one_strip_that_no_slice_border_cuts():
    slices = pages("comics/climate-frogs-webtoon/ep01")
    assert are_slices(slices)
    strip = stitch(slices)
    boxes = [cut.box for cut in cut_strip(strip.image, PARAMS)]
    borders = set(strip.offsets[1:-1])
    large = [(y, y + h) for _, y, _, h in boxes if h > 100]
    assert not any(edge in borders for edges in large for edge in edges)
    # On black from within slice 19 to within slice 24: what ends there does so at the change of the ground.
    on_black = [(top, bottom) for top, bottom in large if 24_300 < (top + bottom) / 2 < 30_400]
    assert on_black
    assert all(top > 24_200 and bottom < 30_420 for top, bottom in on_black)


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ("ep04/P03", 5),  # slanted gutters and outlines
        ("ep06/P04", 8),  # slanted gutters
        ("ep07/P04", 4),  # torn edges
        ("ep08/P02", 5),  # rounded corners
        ("ep09/P06", 8),  # a pentagon among slanted gutters
        ("ep09/P07", 3),  # the last one borderless
        ("ep13/P06", 2),  # the first one borderless
        ("ep16/P04", 4),  # an inset
        ("ep18/P02", 5),  # soft edges
        ("ep22/P08", 6),  # curved gutters
    ],
)
def test_panels_that_are_no_rectangles_are_found(page, count):
    picture = decode_picture((DATA / f"comics/pepper-carrot/{page}.jpg").read_bytes(), name=page)
    assert len(cut_page(picture, PARAMS)) == count
