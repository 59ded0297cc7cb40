"""PDF files: a page that is one picture is that picture, any other is drawn."""

import io

import cv2
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from pipelines.images.decode import decode_picture
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.local_files import Unreadable
from pipelines.issue_pages.sources.archive import ArchiveSource
from tests.pipelines.issue_pages.packed import (
    write_pdf,
)
from tests.pipelines.issue_pages.small_site import picture
from tests.pipelines.issue_pages.sources.archive_titles import (
    stored,
    titled,
)


def png_picture() -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (60, 40, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(cv2.resize(noise, (400, 600))).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_pdf_page_that_is_one_picture_is_that_picture(tmp_path, all_sources, lake):
    png, jpeg = png_picture(), picture(3)
    write_pdf(tmp_path / "1.pdf", [png, jpeg])
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [row.format for row in report.rows] == ["png", "jpeg"]
    first, second = stored(lake, "mine__1")
    assert np.array_equal(decode_picture(first, name="1"), decode_picture(png, name="1"))
    assert second == jpeg
    assert report.rows[1].url.endswith("1.pdf#page=2")


@pytest.mark.parametrize(("rotated", "words"), [(90, ""), (180, ""), (0, "BANG")])
def test_a_pdf_page_that_shows_more_or_otherwise_is_drawn(tmp_path, all_sources, lake, rotated, words):
    png = png_picture()
    write_pdf(tmp_path / "1.pdf", [png], rotated=rotated, words=words)
    report = collect_issue("mine__1", titled(tmp_path, pdf_dpi=144), all_sources, lake)
    width, height = (600, 400) if rotated == 90 else (400, 600)
    assert [(row.format, row.width_px, row.height_px) for row in report.rows] == [("png", width, height)]
    drawn = decode_picture(stored(lake, "mine__1")[0], name="1").astype(int)
    expected = np.rot90(decode_picture(png, name="1"), k=-rotated // 90).astype(int)
    assert np.abs(drawn - expected).mean() < 4
    finer = collect_issue("mine__1", titled(tmp_path, pdf_dpi=288), all_sources, lake)
    assert (finer.rows[0].width_px, finer.unchanged) == (2 * width, False)


@pytest.mark.parametrize("words", ["", "BANG"])
def test_a_pdf_page_with_a_damaged_jpeg_is_not_drawn_with_gray_in_it(tmp_path, client, words):
    data = picture(3)
    write_pdf(tmp_path / "1.pdf", [picture(1), data[: len(data) // 2] + b"\xff\xd9"], words=words)
    source, title = ArchiveSource(client), titled(tmp_path)["mine"]
    whole, damaged = source.list_pages(title, "1")
    assert source.fetch(title, whole, None)
    with pytest.raises(Unreadable, match=r"1\.pdf.*page 2: no whole picture.*premature end"):
        source.fetch(title, damaged, None)


def test_a_pdf_page_of_any_size_takes_no_more_memory_than_allowed(tmp_path, client):
    document = pypdfium2.PdfDocument.new()
    document.new_page(14_000, 14_000)
    document.save(tmp_path / "1.pdf")
    source, title = ArchiveSource(client), titled(tmp_path)["mine"]
    (page,) = source.list_pages(title, "1")
    with pytest.raises(Unreadable, match=r"page 1 has 38889 x 38889 pixels, over max_entry_mib 256"):
        source.fetch(title, page, None)
