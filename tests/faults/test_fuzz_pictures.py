"""Any bytes that look like a picture are one, or an error of one line with its name: every format, every way in."""

import io
import json
import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner, Result

from pipelines.books.picture_file import read_picture_file
from pipelines.images import opened
from pipelines.images.decode import decode_picture
from pipelines.images.opened import PictureError, read_header
from pipelines.images.profiles import srgb_profile
from pipelines.issue_pages.picture import read_picture
from studio.cli.app import app
from studio.cli.options import UsageError
from tests.pipelines.images.profiles import gray_profile

WIDTH, HEIGHT = 48, 36
MAX_PIXELS = 2_000_000
MAX_GROWTH_KIB = 400_000  # of the process's memory, in one test: decoders hold some copies of MAX_PIXELS pixels
JUNK = [b"", b"\0", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xd9", b"\x80\0\0\0", b"IEND"]
NAME = "ch 3/page [7].png"


def drawn() -> Image.Image:
    small = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(small).resize((WIDTH, HEIGHT))


def encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    drawn().convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def by_opencv(suffix: str, kind: type) -> bytes:
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[kind]
    done, data = cv2.imencode(suffix, (np.asarray(drawn()) * np.float64(scale)).astype(kind))
    assert done
    return data.tobytes()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


WHOLE = {
    **{form.lower(): encoded(form) for form in ("AVIF", "BMP", "DDS", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "SGI")},
    **{form.lower(): encoded(form) for form in ("PCX", "TGA", "TIFF", "WEBP")},
    "gif": encoded("GIF", "P"),
    "animated": encoded("GIF", "P", save_all=True, append_images=[drawn().convert("P").rotate(180)]),
    "progressive": encoded("JPEG", progressive=True),
    "with exif": encoded("JPEG", exif=turned()),
    "restarts": encoded("JPEG", restart_marker_blocks=2),
    "cmyk": encoded("JPEG", "CMYK"),
    "with profile": encoded("PNG", icc_profile=srgb_profile()),
    "gray with profile": encoded("JPEG", "L", icc_profile=gray_profile(1.8)),
    "palette": encoded("PNG", "P"),
    "transparent": encoded("PNG", "RGBA"),
    "lossless": encoded("WEBP", "RGBA", lossless=True),
    **{
        f"tiff {one}": encoded("TIFF", compression=one)
        for one in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
    },
    "fax": encoded("TIFF", "1", compression="group4"),
    "cmyk tiff": encoded("TIFF", "CMYK"),
    **{f"deep {suffix}": by_opencv(suffix, np.uint16) for suffix in (".png", ".tif", ".ppm")},
    **{suffix: by_opencv(suffix, np.uint8) for suffix in (".ras", ".pam")},
    **{suffix: by_opencv(suffix, np.float32) for suffix in (".hdr", ".pfm")},
}


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A picture of which some bytes are replaced, lost, doubled, or cut off; heads are hit as often as pixels."""
    data = bytearray(WHOLE[draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)) | st.integers(0, 64))
        lost = draw(st.integers(0, 8) | st.integers(0, 2000))
        data[place : place + lost] = draw(st.binary(max_size=4) | st.sampled_from(JUNK) | st.just(bytes(lost)))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 5)) == 0 else data)


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    """Heads that announce much are refused early, so that what decoding takes shows in the process's memory."""
    monkeypatch.setattr(opened, "MAX_PIXELS", MAX_PIXELS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB


def check_one_line(error: Exception, name: str) -> None:
    assert str(error).startswith(f"{name}: ")
    assert len(str(error).splitlines()) == 1
    assert "object at 0x" not in str(error)


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_not_spoilt_is_read(kind):
    rgb = decode_picture(WHOLE[kind], name=NAME)
    assert (rgb.shape, rgb.dtype) in (((HEIGHT, WIDTH, 3), np.uint8), ((WIDTH, HEIGHT, 3), np.uint8))


@settings(max_examples=20 * settings().max_examples)
@given(spoilt())
def test_spoilt_pictures_have_the_size_that_they_say_or_are_errors_with_a_name(data):
    try:
        header = read_header(data, name=NAME)
        picture = read_picture_file(data, name=NAME)
        rgb = decode_picture(data, name=NAME)
    except PictureError as error:
        check_one_line(error, NAME)
        return
    sizes = {(header.height_px, header.width_px), (header.width_px, header.height_px)}
    assert rgb.shape[:2] in sizes
    assert (rgb.dtype, rgb.shape[2], picture.rgb.shape) == (np.uint8, 3, rgb.shape)
    assert (read_picture(data, name=NAME).height_px, read_picture(data, name=NAME).width_px) == rgb.shape[:2]


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: b"\xff\xd8\xff" + data))
def test_any_bytes_are_a_picture_or_an_error_with_a_name(data):
    try:
        decode_picture(data, name=NAME)
    except PictureError as error:
        check_one_line(error, NAME)


def by_command(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=True)


@given(files=st.lists(spoilt(), min_size=1, max_size=4))
@pytest.mark.parametrize("command", ["cut", "hash"])
def test_cut_and_hash_name_what_they_cannot_read_and_go_on(command, files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoilt")
    paths = [folder / f"{number}.png" for number in range(len(files) + 1)]
    for path, data in zip(paths, [*files, WHOLE["png"]], strict=True):
        path.write_bytes(data)
    result = by_command(command, *paths, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit | UsageError)
    found = json.loads(result.stdout)
    assert str(paths[-1]) in found
    assert (result.exit_code == 0) == (len(found) == len(paths))
    named = [line for line in result.stderr.splitlines() if line.startswith("tintoon: ")]
    assert len(named) == len(paths) - len(found)


@settings(max_examples=max(2, settings().max_examples // 10))
@given(files=st.lists(spoilt(), min_size=3, max_size=6))
def test_colorize_colours_the_others_and_names_the_bad_ones(files, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("spoilt")
    monkeypatch.setenv("TINTOON_HOME", str(folder / "home"))
    source, out = folder / "in", folder / "out"
    source.mkdir()
    for number, data in enumerate([*files, WHOLE["png"]]):
        (source / f"{number}.png").write_bytes(data)
    result = by_command("colorize", source, out)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code in (0, 1)
    written = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert {Path(name).stem for name in written} == {str(number) for number in range(len(files) + 1)}
    bad = [number for number, data in enumerate(files) if not is_picture(data)]
    assert result.exit_code == (1 if bad else 0)
    for number in bad:
        assert f"{number}.png: " in result.stderr
        assert (out / f"{number}.png").read_bytes() == files[number]  # copied as it was


def is_picture(data: bytes) -> bool:
    try:
        read_picture_file(data, name=NAME)
    except PictureError:
        return False
    return True
