"""Pictures that few readers expect, by way of a site: kept as served, and decoded as the first thing a reader sees."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from demo.draw import DrawnIssue
from pipelines.images.decode import decode_picture
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.webtoons import WebtoonsSource
from pipelines.titles import Title
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
