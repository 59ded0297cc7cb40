"""Pixels are sRGB, whatever colour space a file is in: against values worked out from the definitions."""

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
import tifffile
from PIL import Image, ImageCms

from pipelines.images.decode import decode_picture
from pipelines.images.opened import PictureError, open_picture
from pipelines.images.pixels import read_pixels
from pipelines.images.profiles import is_srgb, matrix_profile, srgb_profile, to_srgb
from tests.pipelines.images.profiles import gray_profile, ink_profile
from tests.pipelines.images.test_damaged import chunk

D65 = (0.3127, 0.3290)
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
COLORS = np.array(
    [[[0, 0, 0], [255, 255, 255], [128, 128, 128], [200, 120, 60], [60, 130, 100], [90, 90, 200]]], np.uint8
)


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    x, y = D65
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


def expected(pixels: np.ndarray, primaries: tuple[tuple[float, float], ...], gamma: float) -> np.ndarray:
    """The sRGB of pixels of a space with D65 as white, out of its definition (IEC 61966-2-1)."""
    level = pixels / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) if not gamma else level**gamma
    light = (light @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T).clip(0, 1)
    return np.rint(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def large(pixels: np.ndarray = COLORS) -> Image.Image:
    """Each colour 16 px wide, so that JPEG keeps it."""
    return Image.fromarray(np.repeat(np.repeat(pixels, 32, axis=0), 16, axis=1))


def read(data: bytes) -> np.ndarray:
    """The middle of each colour."""
    return decode_picture(data, name="page")[16, 8::16].astype(int)


SPACES = {"Display P3": (P3, 0.0), "Adobe RGB": (ADOBE, 2.2), "linear light": (SRGB, 1.0)}
OPTIONS = {
    **{"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}},
    **{"JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}},
}


@pytest.mark.parametrize("form", OPTIONS)
@pytest.mark.parametrize("space", SPACES)
def test_wide_and_linear_rgb(form, space):
    primaries, gamma = SPACES[space]
    profile = matrix_profile(gamma, D65, primaries)
    found = read(encoded(large(), form, icc_profile=profile, **OPTIONS[form]))
    # Linear light has few levels in the dark: one of them is many of sRGB.
    limit = (3 if form in ("PNG", "TIFF", "WEBP") else 6) + (9 if gamma == 1 and form == "AVIF" else 0)
    assert np.abs(found - expected(COLORS, primaries, gamma)[0]).max() <= limit


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("gamma", [1.0, 1.8])
def test_gray_with_a_profile(form, gamma):
    levels = np.array([[0, 20, 64, 128, 200, 255]], np.uint8)
    found = read(encoded(large(levels), form, icc_profile=gray_profile(gamma), **OPTIONS[form]))
    assert np.abs(found - expected(np.repeat(levels[..., np.newaxis], 3, axis=2), SRGB, gamma)[0]).max() <= 3
    assert (np.ptp(found, axis=1) == 0).all()


def test_gray_of_16_bits_with_a_profile():
    deep = np.array([[0, 20, 64, 128, 200, 255]], np.uint16) * 257
    data = encoded(Image.fromarray(np.repeat(np.repeat(deep, 32, 0), 16, 1)), "PNG", icc_profile=gray_profile(1.0))
    gray = expected(np.repeat((deep // 257)[..., np.newaxis], 3, axis=2), SRGB, 1.0)[0]
    assert np.abs(read(data) - gray).max() <= 3


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_palettes_and_transparent_pictures_have_profiles_too(mode):
    image = large().convert("RGBA").convert(mode) if mode != "P" else large().quantize(16)
    data = encoded(image, "PNG", icc_profile=gray_profile(1.0) if mode == "LA" else matrix_profile(1.0, D65, SRGB))
    levels = np.asarray(image.convert("RGB"))[16, 8::16]
    assert np.abs(read(data) - expected(levels[np.newaxis], SRGB, 1.0)[0]).max() <= 3


def test_a_profile_of_srgb_changes_nothing_in_rgb_and_gray():
    assert is_srgb(srgb_profile())
    assert to_srgb(COLORS, "RGB", srgb_profile()) is COLORS
    made = matrix_profile(0, D65, SRGB)
    assert is_srgb(made)
    gray = np.arange(256, dtype=np.uint8)[np.newaxis]
    assert to_srgb(gray, "L", srgb_profile()) is gray  # gray pictures with the profile of RGB are common
    pages = [encoded(large(), "PNG"), encoded(large(), "PNG", icc_profile=srgb_profile())]
    assert np.array_equal(*(decode_picture(page, name="a") for page in pages))
    assert srgb_profile() == srgb_profile()


def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def test_lab_becomes_srgb():
    lab = ImageCms.profileToProfile(
        large(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert np.abs(read(encoded(lab, "TIFF")) - COLORS[0]).max() <= 6


@pytest.mark.parametrize("profile", [b"no profile" * 30, srgb_profile()[:200], gray_profile(2.0)])
def test_a_profile_that_cannot_be_used_is_named_and_the_picture_is_taken_for_srgb(profile, caplog):
    data = encoded(large(), "PNG", icc_profile=profile)
    assert np.array_equal(read(data), COLORS[0])
    (line,) = caplog.messages
    assert line.startswith("page: its colour profile cannot be used (")
    assert "\n" not in line


def png_with(*chunks: bytes) -> bytes:
    data = encoded(large(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def gamma_chunk(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 / gamma)))


def primaries_chunk(primaries: tuple[tuple[float, float], ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * one) for point in (D65, *primaries) for one in point)))


@pytest.mark.parametrize(
    ("chunks", "primaries", "gamma"),
    [
        ([gamma_chunk(1.0)], SRGB, 1.0),
        ([gamma_chunk(1.8)], SRGB, 1.8),
        ([gamma_chunk(2.2)], SRGB, 0.0),
        ([gamma_chunk(2.2), primaries_chunk(SRGB)], SRGB, 0.0),
        ([gamma_chunk(2.2), primaries_chunk(P3)], P3, 0.0),
        ([gamma_chunk(1.0), chunk(b"sRGB", b"\0")], SRGB, 0.0),
        ([chunk(b"cICP", bytes([12, 13, 0, 1]))], P3, 0.0),
        ([chunk(b"cICP", bytes([1, 13, 0, 1])), gamma_chunk(1.0)], SRGB, 0.0),
    ],
)
def test_what_png_says_without_a_profile(chunks, primaries, gamma):
    assert np.abs(read(png_with(*chunks)) - expected(COLORS, primaries, gamma)[0]).max() <= 3


def points_chunk(*numbers: int) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


@pytest.mark.parametrize(
    "chunks",
    [
        *([chunk(b"gAMA", struct.pack(">I", one))] for one in (1, 16, 300, 0x7FFFFFFF)),
        [points_chunk(31270, 32900, *(64000, 33000) * 3)],  # three primaries in one place
        [points_chunk(31270, 32900, 10000, 10000, 20000, 20000, 30000, 30000)],  # on one line
        [points_chunk(31270, 1, *(64000, 33000, 30000, 60000, 15000, 6000))],
        [points_chunk(31270, 32900, 0x7FFFFFFF, 1, 0x7FFFFFFF, 2, 1, 0x7FFFFFFF)],
        [gamma_chunk(1.8), points_chunk(31270, 32900, *(64000, 33000) * 3)],
    ],
)
def test_what_makes_no_space_of_colours_is_named_and_the_picture_is_taken_for_srgb(chunks, caplog):
    assert np.array_equal(read(png_with(*chunks)), COLORS[0])
    (line,) = caplog.messages
    assert line.startswith("page: its colour profile cannot be used (gamma ")
    assert "\n" not in line


@pytest.mark.parametrize("chunks", [[chunk(b"gAMA", bytes(4))], [chunk(b"cICP", b"\x0c")], [points_chunk(*[0] * 8)]])
def test_what_says_nothing_of_colours_is_passed_over(chunks):
    assert np.array_equal(read(png_with(*chunks)), COLORS[0])


@pytest.mark.parametrize("profile", [None, lab_profile()])
def test_lab_is_named_in_the_notes(profile):
    lab = Image.new("LAB", (20, 20), (128, 20, 20))
    options = {"icc_profile": profile} if profile else {}
    with open_picture(encoded(lab, "TIFF", **options), name="a") as opened:
        pixels = read_pixels(opened)
    assert pixels.notes == (f"Lab became sRGB{' by its colour profile' if profile else ''}",)


@pytest.mark.parametrize("curve", [16, 18])
def test_high_dynamic_range_is_refused(curve):
    with pytest.raises(PictureError, match=r"page: .*high dynamic range.*save it in sRGB"):
        read(png_with(chunk(b"cICP", bytes([9, curve, 0, 1]))))


def test_the_code_points_of_avif():
    data = bytearray(encoded(large(), "AVIF", quality=100, subsampling="4:4:4"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 2] = b"\0\x0c"
    assert np.abs(read(bytes(data)) - expected(COLORS, P3, 0.0)[0]).max() <= 6
    data[at + 2 : at + 4] = b"\0\x10"
    with pytest.raises(PictureError, match="high dynamic range"):
        read(bytes(data))


def test_the_profile_of_a_jp2_file():
    data = encoded(large(), "JPEG2000")
    at = data.index(b"colr") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    box = b"colr\2\0\0" + matrix_profile(2.2, D65, ADOBE)
    head = data.index(b"jp2h") - 4
    head_size = struct.unpack(">I", data[head : head + 4])[0] + len(box) + 4 - size
    data = (
        data[:head]
        + struct.pack(">I", head_size)
        + data[head + 4 : at]
        + struct.pack(">I", len(box) + 4)
        + box
        + data[at + size :]
    )
    assert np.abs(read(data) - expected(COLORS, ADOBE, 2.2)[0]).max() <= 3


def test_the_profile_of_a_bmp_file():
    pixels = np.asarray(large())[::-1, :, ::-1]
    rows, profile = pixels.tobytes(), matrix_profile(2.2, D65, ADOBE)
    head = struct.pack("<IiiHHIIiiII", 124, 96, 32, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + bytes(16) + b"DEBM"
    head = head.ljust(112, b"\0") + struct.pack("<III", 124 + len(rows), len(profile), 0)
    data = b"BM" + struct.pack("<III", 14 + 124 + len(rows) + len(profile), 0, 14 + 124) + head + rows + profile
    assert np.abs(read(data) - expected(COLORS, ADOBE, 2.2)[0]).max() <= 3


INKS = np.array(
    [[[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 100, 200, 50]]], np.uint8
)


def shown(inks: np.ndarray) -> np.ndarray:
    """RGB of ink by the plain formula."""
    light = 1 - inks / 255
    return np.rint(255 * light[..., :3] * light[..., 3:])


def cmyk_jpeg() -> bytes:
    """With Adobe's marker, as Pillow writes it: light in place of ink."""
    return encoded(Image.fromarray(np.repeat(np.repeat(INKS, 32, 0), 16, 1), "CMYK"), "JPEG", quality=100)


def without_adobe(data: bytes) -> bytes:
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0] :]


def test_cmyk_with_and_without_the_marker_of_adobe():
    assert np.abs(read(cmyk_jpeg()) - shown(INKS)[0]).max() <= 4
    assert np.abs(read(without_adobe(cmyk_jpeg())) - shown(255 - INKS)[0]).max() <= 4
    image = Image.fromarray(255 - np.repeat(np.repeat(INKS, 32, 0), 16, 1), "CMYK")
    ink_as_it_is = without_adobe(encoded(image, "JPEG", quality=100))
    assert np.abs(read(ink_as_it_is) - shown(INKS)[0]).max() <= 4


def test_ycck_is_turned_into_cmyk():
    data = cmyk_jpeg()
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    stored = simplejpeg.decode_jpeg(data, "CMYK")
    as_ycck = data[:at] + b"\x02" + data[at + 1 :]
    found = simplejpeg.decode_jpeg(as_ycck, "CMYK")
    light = found[16, 8::16].astype(int)
    assert not np.array_equal(found, stored)
    assert np.abs(read(as_ycck) - shown(255 - light[np.newaxis])[0]).max() <= 4


def test_cmyk_tiff_is_ink():
    image = Image.fromarray(np.repeat(np.repeat(INKS, 32, 0), 16, 1), "CMYK")
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate"):
        assert np.abs(read(encoded(image, "TIFF", compression=compression)) - shown(INKS)[0]).max() <= 2


def lab_of_inks(inks: tuple[int, ...]) -> tuple[int, int, int]:
    """Of a press whose inks are paler than any formula says."""
    cyan, magenta, yellow, black = inks
    if black:
        return 0, 0, 0
    return 100 - 15 * cyan - 20 * magenta - 5 * yellow, 20 * magenta - 12 * cyan, 25 * yellow - 10 * cyan


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
def test_cmyk_by_its_profile(form):
    inks = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 0, 1, 0), (0, 0, 0, 1), (1, 1, 1, 1)]
    levels = 255 * np.array([inks], np.uint8)
    image = Image.fromarray(np.repeat(np.repeat(levels, 32, 0), 16, 1), "CMYK")
    options = {"quality": 100} if form == "JPEG" else {"compression": "tiff_adobe_deflate"}
    data = encoded(image, form, icc_profile=ink_profile(lab_of_inks), **options)
    lab = [lab_of_inks(one) for one in inks]
    seen = np.array([[[round(lightness * 2.55), a % 256, b % 256] for lightness, a, b in lab]], np.uint8)
    assert np.abs(read(data) - to_srgb(seen, "LAB", b"")[0]).max() <= 4
    with open_picture(data, name="a") as opened:
        assert read_pixels(opened).notes == ("CMYK became RGB by its colour profile",)


@pytest.mark.parametrize("profile", [gray_profile(2.2), srgb_profile(), ink_profile(lab_of_inks)[:300]])
def test_cmyk_with_a_profile_that_is_of_no_ink_becomes_rgb_by_the_formula(profile, caplog):
    image = Image.fromarray(np.repeat(np.repeat(INKS, 32, 0), 16, 1), "CMYK")
    assert np.abs(read(encoded(image, "TIFF", icc_profile=profile)) - shown(INKS)[0]).max() <= 2
    assert caplog.messages[0].startswith("page: its colour profile cannot be used (")


def test_a_tiff_of_16_bits_and_a_wide_profile():
    file = io.BytesIO()
    pixels = np.asarray(large()).astype(np.uint16) * 257
    tifffile.imwrite(file, pixels, photometric="rgb", iccprofile=matrix_profile(2.2, D65, ADOBE))
    assert np.abs(read(file.getvalue()) - expected(COLORS, ADOBE, 2.2)[0]).max() <= 3


def test_a_packed_profile_larger_than_it_may_be_is_an_error_and_takes_no_memory():
    bomb = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(200_000_000), 9))
    with pytest.raises(PictureError, match="page: "):
        read(png_with(bomb))
