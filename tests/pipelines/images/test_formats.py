"""Formats are known by their first bytes; what is not read is named, with the remedy."""

import io

import numpy as np
import pytest
from PIL import Image

from pipelines.images.formats import (
    FORMATS,
    PICTURE_SUFFIXES,
    START_BYTES,
    format_of,
    format_of_suffix,
    is_picture_start,
    reason_against,
)

WRITTEN = {
    **{"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "GIF": "gif", "WEBP": "webp", "AVIF": "avif", "JPEG2000": "jp2"},
    **{"TIFF": "tiff", "BMP": "bmp", "DIB": "bmp", "PPM": "ppm", "TGA": "tga", "PCX": "pcx", "SGI": "sgi"},
    **{"DDS": "dds", "QOI": "qoi"},
}
NOT_READ = [
    (bytes.fromhex("0000000c4a584c200d0a870a"), "JPEG XL"),
    (b"\xff\x0a" + bytes(20), "JPEG XL"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
    (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "raw"),
    (b"II*\0\x10\0\0\0CR\x02\0", "raw"),
    (b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    (b"8BPS\0\x02" + bytes(20), "Photoshop document that is large"),
    (b"8BPS\0\x01" + bytes(16) + b"\0\x10\0\3", "of 16 bits a channel"),
    (b"gimp xcf v011", "GIMP"),
    (b"CSFCHUNK" + bytes(20), "Clip Studio"),
    (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/x-krita", "Krita"),
    (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
    (b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR"),
    (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0", "icon"),
]


def written(form: str, mode: str) -> bytes:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_what_pillow_writes_is_known_by_its_first_bytes(form, mode):
    try:
        data = written(form, mode)
    except (OSError, ValueError):  # the format has no such mode
        return
    assert format_of(data[:START_BYTES]) == WRITTEN[form]
    assert is_picture_start(data[:START_BYTES])
    assert reason_against(data, suffix=".jxl") is None


@pytest.mark.parametrize(("start", "named"), NOT_READ)
def test_what_is_not_read_is_named_with_a_remedy(start, named):
    reason = reason_against(start, suffix=".png")
    assert reason is not None
    assert named in reason
    assert "which is not read here; " in reason
    assert not is_picture_start(start)


def test_an_avif_picture_in_a_heif_container_is_one():
    assert format_of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif") == "avif"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"P3 in the morning is a time", b"BM is the mark of a bitmap, not this", b"<html><svg></svg></html>"),
        *(bytes(100), b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(100), b"PK\x03\x04" + bytes(60), b"%PDF-1.7"),
    ],
)
def test_other_bytes_are_no_picture(data):
    assert format_of(data) is None
    assert reason_against(data) is None


def test_suffixes_are_those_of_one_format_each():
    assert sum(len(form.suffixes) for form in FORMATS.values()) == len(
        {s for f in FORMATS.values() for s in f.suffixes}
    )
    assert format_of_suffix(".JPG") == "jpeg"
    assert format_of_suffix(".docx") is None
    assert {".avif", ".jp2", ".tga"} <= PICTURE_SUFFIXES
    assert ".jxl" not in PICTURE_SUFFIXES
    assert "JPEG XL" in (reason_against(b"", suffix=".jxl") or "")
