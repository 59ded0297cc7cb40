"""Pictures that few readers expect, by way of a site: kept as served, and decoded as the first thing a reader sees."""

import io
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from demo.draw import DrawnIssue
from pipelines.images.decode import decode_picture
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.webtoons import WebtoonsSource
from pipelines.titles import Title
from tests.pipelines.issue_pages.packed import write_zip
from tests.pipelines.issue_pages.small_site import small_webtoon
from tests.sites.webtoons import WebtoonsSite, WebtoonsTitle

RED, BLUE = (200, 30, 40), (20, 40, 210)


def plain(color: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (40, 60), color)


def saved(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def animated_gif() -> bytes:
    return saved(plain(RED), "GIF", save_all=True, append_images=[plain(BLUE)], duration=100, loop=0)


def animated_png() -> bytes:
    return saved(plain(RED), "PNG", save_all=True, append_images=[plain(BLUE)], duration=100)


def cmyk_jpeg() -> bytes:
    return saved(plain(RED).convert("CMYK"), "JPEG", quality=95)


def png_of_16_bit() -> bytes:
    pixels = np.full((60, 40, 3), RED[::-1], np.uint16) * 257
    return cv2.imencode(".png", pixels)[1].tobytes()


def palette_with_transparency() -> bytes:
    image = Image.new("RGBA", (40, 60), (*RED, 255))
    return saved(image.quantize(8), "PNG")


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (animated_gif, "gif"),
        (animated_png, "png"),
        (cmyk_jpeg, "jpeg"),
        (png_of_16_bit, "png"),
        (palette_with_transparency, "png"),
    ],
)
def test_odd_pictures_come_as_served_and_show_their_first_frame(client, lake, make, form):
    data = make()
    title = WebtoonsTitle(small_webtoon(1), issues=[DrawnIssue(1, "1화", (data,), ())])
    with WebtoonsSite({7: title}) as site:
        declared = Title(
            key="days",
            source="webtoons",
            address=site.address(7),
            licence="x",
            attribution="x",
            settings=site.settings,
        )
        report = collect_issue("days__0001", {"days": declared}, {"webtoons": WebtoonsSource(client)}, lake)
    assert [(row.status, row.format, row.width_px, row.height_px) for row in report.rows] == [("ok", form, 40, 60)]
    (image,) = lake.read_table(lake.issue_pages("days__0001"))["image"].to_pylist()
    assert image["bytes"] == data
    pixels = decode_picture(image["bytes"], name="1")
    assert (pixels.shape, pixels.dtype) == ((60, 40, 3), np.uint8)
    assert np.abs(pixels.reshape(-1, 3).mean(axis=0) - RED).max() < 4


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_profile_that_cannot_be_used_stays_noted_in_the_row_of_its_page(tmp_path, all_sources, lake, kind, caplog):
    pages = {"1.png": saved(plain(RED), "PNG", icc_profile=b"none" * 50), "2.png": saved(plain(BLUE), "PNG")}
    (tmp_path / "books" / "1").mkdir(parents=True)
    for name, data in pages.items():
        (tmp_path / "books" / "1" / name).write_bytes(data)
    if kind == "archive":
        write_zip(tmp_path / "books" / "1.cbz", pages)
        shutil.rmtree(tmp_path / "books" / "1")
    title = Title(key="books", source=kind, address=str(tmp_path / "books"), licence="x", attribution="x")

    def notes() -> list[str | None]:
        return lake.read_table(lake.issue_pages("books__1"))["note"].to_pylist()

    collect_issue("books__1", {"books": title}, all_sources, lake)
    first = notes()
    assert (first[0] or "").startswith("its colour profile cannot be used (")
    assert first[1] is None
    assert [line for line in caplog.messages if line.startswith("books__1: page 1, 1.png: its colour profile")]
    again = collect_issue("books__1", {"books": title}, all_sources, lake)
    assert (again.not_modified, again.unchanged, notes()) == (2, True, first)
    # Where the table has to be written anew, and nothing was fetched.
    collect_issue("books__1", {"books": title.model_copy(update={"attribution": "y"})}, all_sources, lake)
    assert notes() == first


def test_tables_of_earlier_versions_have_no_notes(tmp_path, all_sources, lake):
    (tmp_path / "books" / "1").mkdir(parents=True)
    (tmp_path / "books" / "1" / "1.png").write_bytes(saved(plain(RED), "PNG"))
    title = Title(key="books", source="folder", address=str(tmp_path / "books"), licence="x", attribution="x")
    collect_issue("books__1", {"books": title}, all_sources, lake)
    path = lake.issue_pages("books__1")
    lake.write_table(path, lake.read_table(path).drop_columns(["note"]), made_from="old")
    again = collect_issue("books__1", {"books": title.model_copy(update={"licence": "z"})}, all_sources, lake)
    assert (again.not_modified, [row.licence for row in again.rows]) == (1, ["z"])
    assert lake.read_table(path)["note"].to_pylist() == [None]
