"""Size is checked by the head, before a pixel is decoded: the same limits and words for every format."""

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.images import opened
from pipelines.images.decode import decode_picture
from pipelines.images.opened import MAX_PIXELS, PictureError, read_header
from tests.pipelines.images.test_damaged import chunk

SMALL = Image.new("RGB", (64, 48), (200, 30, 60))


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    SMALL.save(buffer, form)
    return buffer.getvalue()


def with_size(form: str, width: int, height: int) -> bytes:
    """A picture whose head says another size."""
    if form in ("hdr", "pfm", "pam"):
        pixels = np.asarray(SMALL)
        data = cv2.imencode(f".{form}", pixels if form == "pam" else pixels.astype(np.float32))[1].tobytes()
        old = {"hdr": (b"-Y 48 +X 64", b"-Y %d +X %d" % (height, width)), "pfm": (b"64 48", b"%d %d" % (width, height))}
        if form in old:
            return data.replace(*old[form], 1)
        return data.replace(b"WIDTH 64", b"WIDTH %d" % width).replace(b"HEIGHT 48", b"HEIGHT %d" % height)
    data = bytearray(encoded({"jp2": "JPEG2000", "jpeg": "JPEG"}.get(form, form.upper())))
    if form == "jpeg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    elif form == "png":
        return bytes(data[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + bytes(data[24:29])) + data[33:])
    elif form == "gif":
        data[6:10] = struct.pack("<HH", width, height)
    elif form == "bmp":
        data[18:26] = struct.pack("<ii", width, height)
    elif form == "tiff":
        for tag, value in ((256, width), (257, height)):
            at = (
                data.index(struct.pack("<HHI", tag, 4, 1))
                if struct.pack("<HHI", tag, 4, 1) in data
                else data.index(struct.pack("<HHI", tag, 3, 1))
            )
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, value)
    elif form == "ppm":
        return bytes(data).replace(b"64 48", b"%d %d" % (width, height), 1)
    elif form == "tga":
        data[12:16] = struct.pack("<HH", width, height)
    elif form == "pcx":
        data[8:12] = struct.pack("<HH", width - 1, height - 1)
    elif form == "sgi":
        data[6:10] = struct.pack(">HH", width, height)
    elif form == "qoi":
        data[4:12] = struct.pack(">II", width, height)
    elif form == "jp2":
        at = data.index(b"ihdr") + 4
        data[at : at + 8] = struct.pack(">II", height, width)
        at = data.index(b"\xff\x51") + 6
        data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


@pytest.mark.parametrize(
    "form",
    ["jpeg", "png", "gif", "bmp", "tiff", "ppm", "tga", "pcx", "sgi", "qoi", "jp2", "hdr", "pfm", "pam"],
)
def test_a_head_of_60_000_by_60_000_is_one_clear_error(form):
    data = with_size(form, 60_000, 60_000)
    tracemalloc.start()
    for read in (read_header, decode_picture):
        with pytest.raises(PictureError, match=r"^page 3: 60000 x 60000 px, over 200 million pixels; make it smaller"):
            read(data, name="page 3")
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_a_webp_of_16383_by_16383_is_refused_by_its_head():
    data = encoded("WEBP")
    at = data.index(b"VP8 ") + 8 + 6
    large = data[:at] + struct.pack("<HH", 16383, 16383) + data[at + 4 :]
    with pytest.raises(PictureError, match=r"^page 3: "):
        decode_picture(large, name="page 3")


@pytest.mark.parametrize("form", ["png", "jpeg", "bmp", "ppm"])
def test_below_the_limit_formats_are_alike(form, monkeypatch):
    monkeypatch.setattr(opened, "MAX_PIXELS", 64 * 48)
    assert decode_picture(with_size(form, 64, 48), name="a").shape == (48, 64, 3)
    monkeypatch.setattr(opened, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(PictureError, match="64 x 48 px, over"):
        decode_picture(with_size(form, 64, 48), name="a")


def test_a_scan_of_186_million_pixels_is_read():
    header = struct.pack(">IIBBBBB", 12_000, 15_500, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * 1500) * 15_500)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert MAX_PIXELS > 12_000 * 15_500
    assert (read_header(data, name="a").width_px, read_header(data, name="a").height_px) == (12_000, 15_500)


@pytest.mark.parametrize(("width", "height"), [(1_000_001, 1), (1, 1_000_001)])
def test_a_side_is_limited_too(width, height):
    with pytest.raises(PictureError, match=r"over 1,000,000 px a side; cut it into parts"):
        decode_picture(with_size("png", width, height), name="a")


@pytest.mark.parametrize(("form", "width", "height"), [("png", 0, 5), ("jpeg", 5, 0), ("bmp", 0, 0), ("pam", 0, 4)])
def test_pictures_of_no_size_are_errors(form, width, height):
    with pytest.raises(PictureError, match=r"^a: no whole picture"):
        decode_picture(with_size(form, width, height), name="a")
