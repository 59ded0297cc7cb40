"""The pixels of panels, cut again out of their pages: the same as were cut, or an error that names the remedy."""

from hashlib import sha256

import cv2
import numpy as np
import pytest

from pipelines.lake import DamagedFileError, Lake
from pipelines.panels import pixels
from pipelines.panels.build import build_panels
from pipelines.panels.params import PanelParams
from pipelines.panels.pixels import PagesChanged, panel_batches, panels_of, read_panels
from pipelines.panels.strip import stitch
from tests.pipelines.panels.test_build import KEY, drawn_page, painted, png, store, three_pages

PARAMS = PanelParams(min_side_px=60)


def ids(lake: Lake) -> list[str]:
    return lake.read_table(lake.panels(KEY), ["panel_id"])["panel_id"].to_pylist()


def cut_strip_of(lake: Lake, slices: list[np.ndarray]) -> tuple[list[str], list[np.ndarray]]:
    """Stores and cuts slices; the ids of the panels, and their pixels as the stitched strip has them."""
    store(lake, [png(one) for one in slices])
    build_panels(KEY, lake, PARAMS.model_copy(update={"layout": "strip"}))
    rows = lake.read_table(lake.panels(KEY)).to_pylist()
    assert any(len(row["pages_sha256"]) > 1 for row in rows)
    strip = stitch(slices).image
    boxes = [row["strip_box"] for row in rows]
    return [row["panel_id"] for row in rows], [strip[y : y + h, x : x + w] for x, y, w, h in boxes]


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path)


@pytest.fixture
def cut(lake) -> Lake:
    """Three pages, of which one is not there, and five panels."""
    store(lake, three_pages())
    build_panels(KEY, lake, PARAMS)
    return lake


def test_a_panel_that_crosses_slices_has_the_pixels_of_the_strip(lake):
    strip = drawn_page((20, 60, painted(1100, 300, 1)), (40, 1300, painted(250, 300, 2)), height=1600)
    names, expected = cut_strip_of(lake, [strip[:500], strip[500:1000], strip[1000:]])
    found = read_panels(lake, names)
    assert list(found) == names
    for rgb, other in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(rgb, other)


@pytest.mark.parametrize("width", [397, 300])
def test_a_slice_of_another_width_is_laid_in_as_the_strip_has_it(lake, width):
    """One that rounding made narrower, and one that is narrower by far; the panel on it alone, too."""
    strip = drawn_page((0, 60, painted(600, 400, 1)), (40, 740, painted(200, 200, 2)), height=1500)
    narrow = cv2.resize(strip[500:1000], (width, 500)) if width == 397 else strip[500:1000, :width]
    names, expected = cut_strip_of(lake, [strip[:500], narrow, strip[1000:]])
    for (_, rgb), other in zip(panels_of(lake, KEY, names), expected, strict=True):
        np.testing.assert_array_equal(rgb, other)


def test_panels_of_several_issues_come_in_the_given_order(cut):
    one, two = ids(cut)[:2]
    assert list(read_panels(cut, [two, one])) == [two, one]
    with pytest.raises(KeyError, match=f"{KEY}__0009"):
        read_panels(cut, [f"{KEY}__0009"])
    with pytest.raises(FileNotFoundError, match="no such table"):
        read_panels(cut, ["drawn-title__ep99__0001"])


def test_every_page_is_decoded_once_and_few_are_in_memory(cut, monkeypatch):
    decoded = []
    decode = pixels.decode_picture
    monkeypatch.setattr(pixels, "decode_picture", lambda data, name: decoded.append(name) or decode(data, name=name))
    monkeypatch.setattr(pixels, "PAGES_AT_A_TIME", 1)
    batches = list(panel_batches(cut, KEY, ids(cut)))
    assert [len(batch) for batch in batches] == [3, 2]
    assert [name for batch in batches for name, _ in batch] == ids(cut)
    assert decoded == [f"drawn-title, issue ep01, page {page} (0{page}.png)" for page in (1, 3)]
    decoded.clear()
    assert len(list(panels_of(cut, KEY, ids(cut)[-1:]))) == 1
    assert len(decoded) == 1
    assert list(panels_of(cut, KEY, [])) == []


def test_pages_that_changed_after_the_cut_are_named_with_the_remedy(cut):
    names = ids(cut)
    store(cut, three_pages()[:2])
    assert len(read_panels(cut, names[:3])) == 3  # their page is there
    with pytest.raises(PagesChanged, match=rf"{KEY}: 1 of the pages .*tintoon run panels unique_panels"):
        read_panels(cut, names)
    build_panels(KEY, cut, PARAMS)
    assert len(read_panels(cut, ids(cut))) == 3


def test_pages_that_were_only_numbered_otherwise_are_found(cut):
    before = read_panels(cut, ids(cut))
    one, none, other = three_pages()
    store(cut, [none, other, one])
    for rgb, known in zip(read_panels(cut, ids(cut)).values(), before.values(), strict=True):
        np.testing.assert_array_equal(rgb, known)


def test_other_pixels_than_those_that_were_cut_are_an_error(cut):
    table = cut.read_table(cut.panels(KEY))
    rows = table.to_pylist()
    rows[1]["page_box"][0] += 1
    cut.write_table(cut.panels(KEY), table.from_pylist(rows, table.schema), made_from="test")
    with pytest.raises(DamagedFileError, match=rf"{KEY}__0002: its pixels are not .*tintoon run panels"):
        read_panels(cut, [rows[1]["panel_id"]])
    assert len(read_panels(cut, [rows[0]["panel_id"]])) == 1


def test_a_table_of_an_earlier_version_with_pictures_is_read(lake):
    strip = drawn_page((20, 60, painted(700, 300, 1)), height=1000)
    names, expected = cut_strip_of(lake, [strip[:500], strip[500:]])
    table = lake.read_table(lake.panels(KEY)).drop_columns(["strip_width_px"])
    image = [{"bytes": b"of an earlier version", "path": None}] * len(table)
    lake.write_table(lake.panels(KEY), table.append_column("image", [image]), made_from="earlier")
    np.testing.assert_array_equal(read_panels(lake, names)[names[0]], expected[0])


def test_the_table_holds_no_pixels(cut):
    assert cut.panels(KEY).stat().st_size < 30_000
    digests = cut.read_table(cut.panels(KEY), ["sha256"])["sha256"].to_pylist()
    found = read_panels(cut, ids(cut)).values()
    sizes = [f"{rgb.shape[1]}x{rgb.shape[0]} RGB\n".encode() for rgb in found]
    assert [sha256(size + rgb.tobytes()).hexdigest() for size, rgb in zip(sizes, found, strict=True)] == digests
