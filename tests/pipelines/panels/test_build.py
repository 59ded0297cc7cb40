import json
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.images.decode import decode_picture
from pipelines.issue_pages.page import PAGE_SCHEMA
from pipelines.lake import Lake
from pipelines.panels.build import build_panels
from pipelines.panels.filters import DROP_REASONS
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.panels.params import PanelParams
from pipelines.panels.pixels import read_panels
from pipelines.params import UniqueParams
from pipelines.previews.panels import preview_cut
from pipelines.unique_panels import build_unique_panels

KEY = "drawn-title__ep01"
PARAMS = PanelParams(min_side_px=60, max_side_px=320)


def painted(height, width, seed, *, is_gray=False):
    coarse = np.random.default_rng(seed).integers(40, 210, (6, 6, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.repeat(picture[..., :1], 3, axis=2) if is_gray else picture


def drawn_page(*placed, height=500, width=400):
    page = np.full((height, width, 3), 255, np.uint8)
    for x, y, picture in placed:
        page[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return page


def png(pixels):
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def store(lake, pages, facts=None):
    """Writes a table of pages: encoded bytes, or None for a page that was not kept."""
    rows = [
        {
            "title": "drawn-title",
            "issue": "ep01",
            "page": number,
            "name": f"{number:02d}.png",
            "url": f"https://comics.test/{number}",
            "status": "ok" if data else "duplicate",
            "sha256": sha256(data).hexdigest() if data else None,
            "licence": "CC-BY-4.0",
            "attribution": "A. Painter",
            "facts": json.dumps(facts or {}),
            "image": {"bytes": data, "path": f"{number:02d}.png"} if data else None,
        }
        for number, data in enumerate(pages, start=1)
    ]
    # Out of order on purpose: the page's number is its place.
    lake.write_table(lake.issue_pages(KEY), pa.Table.from_pylist(rows[::-1], schema=PAGE_SCHEMA), made_from="drawn")


def pixels_of(lake, row):
    return read_panels(lake, [row["panel_id"]])[row["panel_id"]]


def three_pages():
    return [
        png(
            drawn_page((20, 20, painted(200, 300, 1)), (20, 240, painted(240, 160, 2)), (340, 260, painted(40, 40, 3)))
        ),
        None,
        png(drawn_page((20, 20, painted(200, 300, 4, is_gray=True)), (20, 240, painted(240, 360, 5)))),
    ]


@pytest.fixture
def lake(tmp_path):
    lake = Lake.at(tmp_path)
    store(lake, three_pages())
    return lake


def test_report_counts_by_reason(lake):
    report = build_panels(KEY, lake, PARAMS)
    found = {"passing": 2, "too_small": 1, "too_large": 1, "gray": 1}
    assert report.counts == {"passing": 0, **dict.fromkeys(DROP_REASONS, 0), **found}
    assert (report.pages, report.panels, report.layout, report.unchanged) == (2, 5, "pages", False)


def test_every_panel_has_its_row_with_place_reason_and_pixels(lake):
    build_panels(KEY, lake, PARAMS)
    table = lake.read_table(lake.panels(KEY))
    assert table.schema.equals(PANEL_SCHEMA)
    rows = table.to_pylist()
    assert [row["panel_id"] for row in rows] == [f"{KEY}__{number:04d}" for number in range(1, 6)]
    assert [(row["page"], row["page_box"]) for row in rows] == [
        (1, [20, 20, 300, 200]),
        (1, [20, 240, 160, 240]),
        (1, [340, 260, 40, 40]),
        (3, [20, 20, 300, 200]),
        (3, [20, 240, 360, 240]),
    ]
    assert [row["drop_reason"] for row in rows] == [None, None, "too_small", None, "too_large"]
    assert [row["is_gray"] for row in rows] == [False, False, False, True, False]
    assert {row["strip_box"] for row in rows} == {None}
    assert np.array_equal(pixels_of(lake, rows[1]), painted(240, 160, 2))
    assert rows[3]["pages_sha256"] == [sha256(three_pages()[2]).hexdigest()]
    assert {(row["licence"], row["attribution"]) for row in rows} == {("CC-BY-4.0", "A. Painter")}


def lettered(page, text, place):
    """A page with a line of lettering, 14 px high."""
    page = page.copy()
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (10, 10, 10), 2)
    return page


def two_panels(**size):
    return drawn_page((20, 60, painted(180, 360, 1)), (20, 260, painted(180, 360, 2)), **size)


@pytest.mark.parametrize("place", [(40, 40), (180, 485)], ids=["title", "page number"])
def test_what_is_drawn_beside_the_panels_has_rows_after_them(tmp_path, place):
    lake = Lake.at(tmp_path)
    store(lake, [png(lettered(two_panels(), "A TITLE", place)), png(two_panels())])
    report = build_panels(KEY, lake, PanelParams(min_side_px=60))
    assert (report.panels, report.counts["passing"], report.counts["not_a_panel"]) == (4, 4, 1)
    rows = lake.read_table(lake.panels(KEY)).to_pylist()
    assert [(row["page"], row["drop_reason"]) for row in rows] == [
        *[(page, None) for page in (1, 1, 2, 2)],
        (1, "not_a_panel"),
    ]
    assert [row["panel_id"] for row in rows] == [f"{KEY}__{number:04d}" for number in range(1, 6)]
    x, y, w, h = rows[4]["page_box"]
    assert (x, y + h) == (pytest.approx(place[0], abs=4), pytest.approx(place[1], abs=4))
    assert pixels_of(lake, rows[4]).shape == (h, w, 3)
    assert build_panels(KEY, lake, PanelParams(min_side_px=60)).counts == report.counts
    build_unique_panels(lake, UniqueParams(), title_order=[])
    decided = lake.read_table(lake.unique_panels, ["panel_id"])["panel_id"].to_pylist()
    assert decided == [row["panel_id"] for row in rows[:4]]
    assert preview_cut(lake, KEY) is not None


def test_masked_panel_keeps_the_pixels_of_its_box(lake):
    page = drawn_page()
    outline = np.zeros((500, 400), np.uint8)
    cv2.fillPoly(outline, [np.array([(20, 20), (380, 20), (380, 300), (20, 480)])], 1)
    page[outline > 0] = painted(500, 400, 1)[outline > 0]
    store(lake, [png(page)])
    build_panels(KEY, lake, PARAMS)
    (row,) = lake.read_table(lake.panels(KEY)).to_pylist()
    mask = decode_picture(row["mask"], name="mask")[..., 0]
    x, y, w, h = row["page_box"]
    assert mask.shape == (h, w)
    assert set(np.unique(mask)) == {0, 255}
    assert ((mask > 0) ^ (outline[y : y + h, x : x + w] > 0)).mean() < 0.02
    assert np.array_equal(pixels_of(lake, row), page[y : y + h, x : x + w])


def test_nothing_is_written_when_nothing_changed(lake):
    first = build_panels(KEY, lake, PARAMS)
    written = lake.panels(KEY).stat().st_mtime_ns
    again = build_panels(KEY, lake, PARAMS)
    assert again == replace(first, unchanged=True)
    assert lake.panels(KEY).stat().st_mtime_ns == written


def test_rows_and_report_say_which_explanation_found_the_panels(lake):
    report = build_panels(KEY, lake, PARAMS)
    rows = lake.read_table(lake.panels(KEY), ["explanation", "page_score"]).to_pylist()
    assert {row["explanation"] for row in rows} == {"ground"}
    assert all(0.8 < row["page_score"] <= 1 for row in rows)
    assert report.explanations == {"ground": 2}
    assert build_panels(KEY, lake, PanelParams(layout="whole")).explanations == {"whole": 2}


def test_other_parameters_or_pages_make_another_table(lake):
    first = build_panels(KEY, lake, PARAMS)
    wider = build_panels(KEY, lake, PARAMS.model_copy(update={"max_side_px": 800}))
    assert not wider.unchanged
    assert (wider.counts["too_large"], wider.digest != first.digest) == (0, True)
    store(lake, three_pages()[:1])
    assert build_panels(KEY, lake, PARAMS).panels == 3


def test_slices_are_stitched_and_boxes_given_in_both_frames(lake):
    strip = drawn_page((20, 60, painted(700, 300, 1)), (40, 900, painted(250, 300, 2)), height=1200)
    store(lake, [png(strip[:500]), png(strip[500:1000]), png(strip[1000:])])
    report = build_panels(KEY, lake, PARAMS)
    rows = lake.read_table(lake.panels(KEY)).to_pylist()
    assert report.layout == "strip"
    assert build_panels(KEY, lake, PARAMS) == replace(report, unchanged=True)
    assert [row["strip_box"] for row in rows] == [[20, 60, 300, 700], [40, 900, 300, 250]]
    assert [(row["page"], row["page_box"]) for row in rows] == [(1, [20, 60, 300, 700]), (2, [40, 400, 300, 250])]
    assert [len(row["pages_sha256"]) for row in rows] == [2, 2]


def test_a_page_of_another_width_is_cut_on_its_own_and_the_strip_goes_on_around_it(lake):
    strip = drawn_page((20, 60, painted(700, 300, 1)), (40, 900, painted(250, 300, 2)), height=1200)
    banner = drawn_page((20, 20, painted(100, 200, 3)), (260, 20, painted(100, 200, 4)), height=140, width=480)
    store(lake, [png(banner), png(strip[:500]), png(banner), png(strip[500:1000]), png(strip[1000:])])
    report = build_panels(KEY, lake, PARAMS)
    rows = lake.read_table(lake.panels(KEY)).to_pylist()
    assert (report.layout, report.pages) == ("strip and pages", 5)
    assert [(row["page"], row["strip_box"]) for row in rows] == [
        (1, None),
        (1, None),
        (2, [20, 60, 300, 700]),
        (3, None),
        (3, None),
        (4, [40, 900, 300, 250]),
    ]
    assert [row["page_box"] for row in rows][-1] == [40, 400, 300, 250]
    assert [len(row["pages_sha256"]) for row in rows] == [1, 1, 2, 1, 1, 2]
    assert preview_cut(lake, KEY) is not None


def test_full_width_drawings_on_both_sides_of_another_page_stay_apart(lake):
    one, other = painted(700, 400, 1), painted(700, 400, 2)
    pages = [one[:350], one[350:], painted(100, 300, 3), other[:350], other[350:]]
    store(lake, [png(page) for page in pages])
    build_panels(KEY, lake, PARAMS)
    rows = lake.read_table(lake.panels(KEY), ["page", "strip_box"]).to_pylist()
    assert [(row["page"], row["strip_box"]) for row in rows] == [
        (1, [0, 0, 400, 700]),
        (3, None),
        (4, [0, 700, 400, 700]),
    ]


@pytest.mark.parametrize(
    ("setting", "said", "first"),
    [
        ("auto", {}, 20),
        ("auto", {"reading_direction": "rtl"}, 220),
        ("ltr", {"reading_direction": "rtl"}, 20),
        ("rtl", {}, 220),
    ],
)
def test_panels_are_numbered_from_the_right_where_the_source_or_the_title_says_so(lake, setting, said, first):
    page = drawn_page((20, 20, painted(200, 160, 1)), (220, 20, painted(200, 160, 2)), (20, 260, painted(200, 360, 3)))
    store(lake, [png(page)], facts=said)
    build_panels(KEY, lake, PARAMS.model_copy(update={"reading_direction": setting}))
    rows = lake.read_table(lake.panels(KEY), ["panel", "page_box"]).to_pylist()
    assert [row["page_box"][0] for row in rows] == [first, 240 - first, 20]
    assert build_panels(KEY, lake, PARAMS.model_copy(update={"reading_direction": setting})).unchanged


def test_layout_can_be_set(lake):
    assert build_panels(KEY, lake, PARAMS.model_copy(update={"layout": "strip"})).layout == "strip"


def test_damaged_page_is_named_and_nothing_is_written(lake):
    store(lake, [three_pages()[0], three_pages()[2][:-400]])
    with pytest.raises(ValueError, match=r"drawn-title, issue ep01, page 2 \(02\.png\)"):
        build_panels(KEY, lake, PARAMS)
    assert not lake.panels(KEY).exists()


def test_issue_without_pages_says_what_to_do(lake):
    with pytest.raises(FileNotFoundError, match=r"drawn-title__ep99.*collect"):
        build_panels("drawn-title__ep99", lake, PARAMS)
    store(lake, [None, None])
    with pytest.raises(ValueError, match="none of 2 pages"):
        build_panels(KEY, lake, PARAMS)


def test_blank_issue_has_an_empty_table(lake):
    store(lake, [png(drawn_page())])
    assert build_panels(KEY, lake, PARAMS).panels == 0
    assert lake.read_table(lake.panels(KEY)).num_rows == 0


def test_filters_that_are_off_leave_the_table_as_it_was(lake):
    first = build_panels(KEY, lake, PARAMS)
    on = build_panels(KEY, lake, PARAMS.model_copy(update={"max_aspect": 1.4}))
    assert (first.counts["extreme_aspect"], first.panels) == (0, 5)
    assert (on.counts["extreme_aspect"], on.counts["passing"], on.panels) == (3, 0, 5)
    reasons = lake.read_table(lake.panels(KEY))["drop_reason"].to_pylist()
    assert reasons == ["extreme_aspect", "extreme_aspect", "too_small", "extreme_aspect", "too_large"]
    again = build_panels(KEY, lake, PARAMS)
    assert (again.unchanged, again.digest) == (False, first.digest)


def test_panels_are_dropped_for_their_looks_after_their_size_and_keep_their_pixels(lake):
    dark = np.full((240, 240, 3), 12, np.uint8)
    dark[::9, ::9] = (60, 20, 20)
    store(lake, [png(drawn_page((20, 20, dark), (20, 280, painted(200, 300, 1))))])
    report = build_panels(KEY, lake, PARAMS.model_copy(update={"low_key_lightness": 25.0}))
    assert (report.counts["passing"], report.counts["low_key"], report.panels) == (1, 1, 2)
    row = lake.read_table(lake.panels(KEY)).to_pylist()[0]
    assert row["drop_reason"] == "low_key"
    assert np.array_equal(pixels_of(lake, row), dark)


def test_whole_pages_are_not_cut(lake):
    report = build_panels(KEY, lake, PanelParams(layout="whole"))
    assert (report.layout, report.panels, report.counts["passing"]) == ("whole", 2, 2)
    rows = lake.read_table(lake.panels(KEY)).to_pylist()
    assert [(row["page"], row["page_box"], row["mask"]) for row in rows] == [
        (1, [0, 0, 400, 500], None),
        (3, [0, 0, 400, 500], None),
    ]
    assert build_panels(KEY, lake, PanelParams(layout="whole")).unchanged
