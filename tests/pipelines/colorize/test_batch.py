"""Batches as artists have them: the bad pages are named, the others coloured, and nothing is left out in silence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.books.open import open_book
from pipelines.colorize.book import ColoredBook, color_book
from pipelines.colorize.page import Painter
from pipelines.colorize.report.report import ColoringReport
from pipelines.colorize.shipped import default_colorizer
from pipelines.images.decode import decode_picture
from pipelines.images.profiles import matrix_profile, srgb_profile
from tests.pipelines.books.drawn import outcomes, write_files
from tests.pipelines.colorize.pages import file_of, gray_page

SCRIPT = Path(__file__).parents[4] / "shared" / "cases" / "colorize_batch.py"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    """Batches as people reported them."""
    if not SCRIPT.exists():
        pytest.skip("no shared cases here")
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([sys.executable, "-B", SCRIPT, folder], check=True)
    return folder


def color(source: Path, out: Path, report: ColoringReport | None = None) -> ColoredBook:
    return color_book(
        open_book(source),
        out,
        lambda variant: Painter(default_colorizer(variant)),
        colorizer_digest="d",
        report=report,
    )


def written(out: Path) -> list[str]:
    """What is in OUT, but for the notes of the work."""
    files = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return sorted(name for name in files if not name.startswith(".tintoon/"))


@pytest.mark.parametrize(
    ("batch", "pages", "left_alone"),
    [
        ("batch", ["001.png", "002.png", "003.png", "004.png"], []),
        ("mac", ["001.jpg", "002.jpg"], []),
        ("folders", ["Ch 1/001.png", "Ch 2/001.png"], []),
        ("folders_and_page", ["001.png", "extras/002.png"], []),
        ("dir_called_png", ["001.png"], ["old.png"]),
        ("avif_only", ["001.avif"], []),
        ("avif_among", ["001.png", "002.avif", "003.jp2"], []),
    ],
)
def test_what_is_a_page_of_a_batch(cases, batch, pages, left_alone):
    book = open_book(cases / batch)
    assert [page.name for page in book.pages] == pages
    assert [one.name for one in book.left_alone] == left_alone


@pytest.mark.parametrize(("batch", "bad"), [("batch", ["002.png"]), ("avif_among", [])])
def test_the_others_are_coloured_once_and_the_bad_ones_named(cases, tmp_path, batch, bad):
    pages = sorted(page.name for page in open_book(cases / batch).pages)
    done = color(cases / batch, tmp_path / "out")
    assert written(tmp_path / "out") == pages
    assert [one.name for one in done.problems] == bad
    assert {name for name, outcome in outcomes(list(done.results)) if outcome == "colored"} == set(pages) - set(bad)
    for name in bad:
        assert (tmp_path / "out" / name).read_bytes() == (cases / batch / name).read_bytes()
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in pages}
    assert color(cases / batch, tmp_path / "out").results == done.results
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in pages} == before


def test_bad_pages_of_every_kind_are_named_with_their_reasons_also_in_the_report(tmp_path):
    good = file_of(gray_page())
    jpeg = file_of(gray_page(), "jpeg")
    source = write_files(
        tmp_path / "in",
        {
            **{"1.png": good, "2.heic": HEIC, "3.png": b"", "4.png": good[:2000], "5.jpg": good[: len(good) // 2]},
            **{"6.jpg": jpeg[: len(jpeg) // 2] + b"\xff\xd9", "7.png": b"<html>not found</html>", "8.jpg": jpeg},
        },
    )
    report = ColoringReport(tmp_path / "report.html")
    done = color(source, tmp_path / "out", report)
    reasons = {one.name: one.reason for one in done.problems}
    assert list(reasons) == ["2.heic", "3.png", "4.png", "5.jpg", "6.jpg", "7.png"]
    for name, part in {"2.heic": "a HEIC picture", "3.png": "empty file", "4.png": "cut off", "7.png": "HTML"}.items():
        assert part in reasons[name]
    assert [one.name for one in done.results if one.outcome == "colored"] == ["1.png", "8.jpg"]
    shown = (tmp_path / "report.html").read_text()
    assert all(name in shown for name in reasons)
    assert "a HEIC picture" in shown


def test_a_page_in_a_wide_colour_space_comes_out_in_srgb_and_says_so(tmp_path):
    wide = matrix_profile(1.8, (0.3127, 0.329), ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)))
    source = tmp_path / "in"
    source.mkdir()
    Image.fromarray(gray_page()).save(source / "1.png", icc_profile=wide, dpi=(300, 300))
    done = color(source, tmp_path / "out")
    assert "its colours became sRGB by its colour profile" in done.results[0].reason
    with Image.open(tmp_path / "out" / "1.png") as image:
        assert image.info["icc_profile"] == srgb_profile()
        assert round(image.info["dpi"][0]) == 300
    seen, found = (
        decode_picture((folder / "1.png").read_bytes(), name="1").astype(int) for folder in (source, tmp_path / "out")
    )
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs(seen @ luma - found @ luma).mean() < 3
