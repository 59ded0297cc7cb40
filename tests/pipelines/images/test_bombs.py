"""Small files cost no more than their picture does: counted, not timed, or of a size that would take minutes."""

import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pipelines.books import metadata
from pipelines.images import png, tiff
from pipelines.images.decode import decode_picture
from pipelines.images.formats import format_of
from pipelines.images.gif import require_whole_frame
from pipelines.images.inflate import inflated_bytes
from pipelines.images.opened import PictureError, read_header
from pipelines.images.zeroes import require_no_hole_in_webp
from tests.pipelines.images.test_damaged import chunk, drawn, encoded, refused


@pytest.mark.parametrize(
    "start",
    [
        *(b"<!---->" * 140, b"<?xml?>" * 140, b"<!DOCTYPE svg>" * 70, b" " * 1023, b"<!--" * 255, b"<!-- -->\n" * 110),
        *(b"<?xml" * 200, b"<" + b"a" * 1000, b"<a:" * 300, b"\xef\xbb\xbf" * 300, b"<!---->" * 60 + b"<!--" * 100),
    ],
)
def test_no_start_of_a_file_takes_time_without_end(start):
    assert format_of(start + b"x") is None


@pytest.mark.parametrize(
    "start",
    [
        b"<svg>",
        b"\xef\xbb\xbf <?xml version='1.0'?><!-- a -- b - --><!---->\n<!DOCTYPE svg PUBLIC 'a'>\r\n<svg width='1'>",
        b"<!-- <svg> -->\n\n<s:svg xmlns:s='a'>",
        b"<!----><!----><svg\n>",
    ],
)
def test_drawings_are_known_as_before(start):
    assert format_of(start) == "svg"


@pytest.mark.parametrize(
    "text", [b"<svgx>", b"<!-- <svg>", b"<?xml ?><html><svg>", b"a <svg>", b"<!DOCTYPE html><svg>"]
)
def test_other_texts_are_no_drawings(text):
    assert format_of(text) is None


@pytest.mark.parametrize(
    "data",
    [
        *(b"P7\n" + b"\nWIDTH " * 600, b"P7\n" + b"\nWIDTH 5\n" * 500, b"P7\nWIDTH" + b" " * 4000),
        *(
            b"PF\n" + b"1" * 4090,
            b"PF\n" + b"P" * 4090,
            b"#?RADIANCE\n" + b"\n-Y " * 1000,
            b"#?RGBE\n\n-Y" + b" " * 4000,
        ),
        b"P7\nWIDTH " + b"9" * 2000 + b"\nHEIGHT " + b"9" * 1900 + b"\nDEPTH 3\n",
    ],
)
def test_heads_without_a_size_are_short_errors(data):
    with pytest.raises(PictureError, match=r"^a: ") as raised:
        read_header(data, name="a")
    assert len(str(raised.value)) < 200


def test_an_xmp_packet_of_blanks_is_searched_once():
    xmp = b"<x/>" + b" " * 3_000_000 + b"<y/>"
    assert metadata._XMP_ORIENTATION.sub(b"", xmp) == xmp
    assert metadata._XMP_ORIENTATION.sub(b"", b'<a b="c"  tiff:Orientation="6"/>') == b'<a b="c"/>'


@pytest.fixture
def inflated(monkeypatch) -> list[int]:
    """The sizes of what zlib gives out, one after the other."""
    seen: list[int] = []
    make = zlib.decompressobj

    class Counting:
        def __init__(self) -> None:
            self._stream = make()

        def decompress(self, packed: bytes, limit: int) -> bytes:
            found = self._stream.decompress(packed, limit)
            seen.append(len(found))
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    return seen


def test_a_stream_is_counted_up_to_its_end_or_to_what_is_wanted(inflated):
    packed = zlib.compress(bytes(5_000_000))
    assert inflated_bytes([packed], at_most=5_000_000) == (5_000_000, True)
    assert inflated_bytes([packed[:99], b"", packed[99:]], at_most=9_000_000) == (5_000_000, True)
    assert inflated_bytes([packed[:-4]], at_most=5_000_000) == (5_000_000, False)
    assert inflated_bytes([], at_most=1) == (0, False)
    inflated.clear()
    assert inflated_bytes([zlib.compress(bytes(50_000_000))], at_most=1000) == (1001, False)
    assert sum(inflated) == 1001
    with pytest.raises(zlib.error):
        inflated_bytes([packed[:-4] + b"abcd"], at_most=5_000_000)


def test_a_png_with_more_rows_than_its_head_says_is_not_unpacked(inflated):
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(60_000_000))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    png.require_all_rows(data)
    assert sum(inflated) <= 8 * 9 + 1


def tiff_of(strips: list[bytes], tags: dict[int, int], *, places: list[tuple[int, int]] | None = None) -> bytes:
    """A TIFF file of gray of strips, or of places in their bytes."""
    body = b"".join(strips)
    ends = np.cumsum([len(strip) for strip in strips])
    places = places or [(int(end) - len(strip), len(strip)) for end, strip in zip(ends, strips, strict=True)]
    starts, sizes = (324, 325) if 322 in tags else (273, 279)
    found = {258: [8], 262: [1], 277: [1], **{tag: [value] for tag, value in tags.items()}}
    found |= {starts: [8 + at for at, _ in places], sizes: [size for _, size in places]}
    body += bytes(len(body) % 2)
    at = 8 + len(body) + 2 + 12 * len(found) + 4
    directory, behind = struct.pack("<H", len(found)), b""
    for tag, values in sorted(found.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        place = packed if len(values) == 1 else struct.pack("<I", at + len(behind))
        directory += struct.pack("<HHI", tag, 4, len(values)) + place
        behind += packed if len(values) > 1 else b""
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory + bytes(4) + behind


ROWS = np.arange(64 * 32, dtype=np.uint8).reshape(32, 64)
SIZE = {256: 64, 257: 32}


def zipped(rows: np.ndarray) -> bytes:
    return zlib.compress(rows.tobytes())


def test_strips_and_tiles_that_are_made_here_are_read():
    strips = [zipped(ROWS[:20]), zipped(ROWS[20:])]
    for padded in (strips[1], zlib.compress(ROWS[20:].tobytes() + bytes(8 * 64))):  # the last may be filled up
        data = tiff_of([strips[0], padded], {**SIZE, 259: 8, 278: 20})
        assert np.array_equal(decode_picture(data, name="a")[..., 0], ROWS)
    tiles = [zipped(ROWS[y : y + 16, x : x + 16]) for y in (0, 16) for x in (0, 16, 32, 48)]
    data = tiff_of(tiles, {**SIZE, 259: 8, 322: 16, 323: 16})
    assert np.array_equal(decode_picture(data, name="a")[..., 0], ROWS)
    refused(tiff_of(tiles[:7], {**SIZE, 259: 8, 322: 16, 323: 16}), "7 strips of 16 x 16 px do not hold 64 x 32 px")


@pytest.mark.parametrize("same", [True, False])
def test_strips_that_nobody_looks_at_are_not_unpacked(same, inflated):
    """Listed 20,000 times, in one place or in places that lie over each other: gigabytes."""
    whole, bomb = zipped(ROWS), zlib.compress(bytes(20_000_000), 9)
    start = len(whole)
    more = [(start + (0 if same else at % 9000), len(bomb) - 9000) for at in range(20_000)]
    data = tiff_of([whole, bomb], {**SIZE, 259: 8, 278: 32}, places=[(0, start), *more])
    assert np.array_equal(decode_picture(data, name="a")[..., 0], ROWS)
    assert sum(inflated) == ROWS.size


def test_equal_strips_in_one_place_are_unpacked_once(inflated):
    row = zipped(ROWS[:1])
    data = tiff_of([row], {**SIZE, 259: 8, 278: 1}, places=[(0, len(row))] * 32)
    assert np.array_equal(decode_picture(data, name="a")[..., 0], np.repeat(ROWS[:1], 32, axis=0))
    assert sum(inflated) == 64


@pytest.mark.parametrize("compression", [8, 32946, 5, 7, 32773])
def test_packed_strips_do_not_lie_over_each_other(compression):
    data = tiff_of([zipped(ROWS)], {**SIZE, 259: compression, 278: 1}, places=[(at, 9) for at in range(32)])
    refused(data, "lie over each other")


def test_a_strip_is_unpacked_no_further_than_its_rows(inflated):
    refused(tiff_of([zlib.compress(bytes(30_000_000))], {**SIZE, 259: 8, 278: 32}), "holds more than its rows")
    assert sum(inflated) == ROWS.size + 1


@pytest.mark.parametrize(("columns", "rows"), [(65_520, 65_520), (16, 60_000_000)])
def test_tiles_far_larger_than_the_picture(columns, rows, inflated):
    tags = {256: 64, 257: 32, 259: 8, 322: columns, 323: rows}
    refused(tiff_of([zipped(ROWS)] * 4, tags))
    assert not inflated


def test_a_jpeg_inside_is_no_larger_than_its_strip(monkeypatch):
    def jpeg(height: int, width: int) -> bytes:
        return simplejpeg.encode_jpeg(np.full((height, width, 1), 99, np.uint8), colorspace="GRAY")

    tags = {**SIZE, 259: 7, 278: 32}
    assert (decode_picture(tiff_of([jpeg(32, 64)], tags), name="a") == 99).all()
    decoded: list[int] = []
    decode = tiff.decode_jpeg
    monkeypatch.setattr(tiff, "decode_jpeg", lambda data, space: (decoded.append(len(data)), decode(data, space))[1])
    for height, width in ((3000, 64), (32, 4000)):
        refused(tiff_of([jpeg(height, width)], tags), f"{width} x {height} px, where")
    assert not decoded
    strip = jpeg(32, 64)
    decode_picture(tiff_of([strip], tags, places=[(0, len(strip))] * 5000), name="a")
    assert len(decoded) == 1


def gif_of(codes: bytes, width: int = 4, height: int = 3) -> bytes:
    size = struct.pack("<HH", width, height)
    blocks = b"".join(bytes([len(part)]) + part for at in range(0, len(codes), 255) if (part := codes[at : at + 255]))
    return b"GIF89a" + size + b"\x80\0\0" + bytes(6) + b"\x2c\0\0\0\0" + size + b"\0\x02" + blocks + b"\0\x3b"


def gif_codes(codes: list[int]) -> bytes:
    """Codes of three bits each: with two bits a pixel, after each clear code."""
    bits = sum(code << 3 * at for at, code in enumerate(codes))
    return bits.to_bytes(-(-3 * len(codes) // 8), "little")


CLEAR, END = 4, 5


@pytest.mark.parametrize("found", [0, 1, 4, 11, 12, 13, 14, 4096, 5000])
def test_pixels_of_a_gif_are_counted_to_one(found):
    data = gif_of(gif_codes([CLEAR, 1] * found + [END]))
    if found == 12:
        assert decode_picture(data, name="a").shape == (3, 4, 3)
    else:
        refused(data, f"{'fewer' if found < 12 else 'more'} than 12 pixels")


def test_what_follows_the_end_of_a_gifs_codes_is_no_pixel():
    refused(gif_of(gif_codes([CLEAR, 1] * 11 + [END] + [CLEAR, 1] * 50)), "fewer")
    assert decode_picture(gif_of(gif_codes([CLEAR, 1] * 12 + [END] + [1] * 50)), name="a").shape == (3, 4, 3)


def test_a_gif_of_clear_codes_is_refused():
    refused(gif_of(gif_codes([CLEAR] * 8) * 750_000), "fewer than 12 pixels")  # 2.25 MB


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (4096, 3), (4097, 1), (333, 777)])
@pytest.mark.parametrize("colors", [2, 5, 256])
def test_whole_gifs_of_many_sizes_are_whole(size, colors):
    noise = np.random.default_rng(3).integers(0, colors, size[::-1], np.uint8)
    require_whole_frame(encoded("GIF", Image.fromarray(noise)))
    require_whole_frame(encoded("GIF", Image.fromarray(noise).resize(size).quantize(colors)))


def test_a_gif_whose_first_frame_has_no_pixels():
    refused(gif_of(gif_codes([CLEAR, END]), 4, 0))


def holed(data: bytes) -> bytes:
    """The last two thirds of a lossy WebP's pixels are zeroes."""
    at = data.index(b"VP8 ") + 8
    size = int.from_bytes(data[at - 4 : at], "little")
    return data[: at + size // 3] + bytes(size - size // 3) + data[at + size :]


def animated_webp() -> bytes:
    return encoded("WEBP", drawn(480, 640), save_all=True, append_images=[drawn(480, 640).rotate(180)])


@pytest.mark.parametrize(
    "data",
    [
        encoded("WEBP", drawn(480, 640), icc_profile=np.random.default_rng(0).bytes(9001)),
        encoded("WEBP", drawn(480, 640).convert("RGBA"), exif=b"Exif\0\0II*\0" + bytes(8001)),
        animated_webp(),
    ],
    ids=["after a long profile", "with exif", "animated"],
)
def test_a_hole_in_a_lossy_webp_wherever_its_pixels_stand(data):
    assert decode_picture(data, name="a").shape == (640, 480, 3)
    refused(holed(data), "a hole of")


def test_a_hole_in_a_lossy_webp_behind_its_alpha():
    image = drawn(480, 640).convert("RGBA")
    alpha = np.random.default_rng(1).integers(0, 256, (640, 480), np.uint8)
    image.putalpha(Image.fromarray(alpha))
    data = encoded("WEBP", image)
    assert data.index(b"VP8 ", 12) > 4096
    assert decode_picture(data, name="a").shape == (640, 480, 3)
    refused(holed(data), "a hole of")


def test_zeroes_in_metadata_of_a_webp_are_no_hole():
    data = encoded("WEBP", drawn(), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(5000), xmp=bytes(4000))
    assert decode_picture(data, name="a").shape == (320, 240, 3)


def test_many_short_runs_of_zeroes_are_searched_once():
    side = 14_000  # a hole has 23,989 zeroes
    runs = (bytes(23_900) + b"\1") * 200
    data = b"RIFF\0\0\0\0WEBPVP8 " + struct.pack("<I", len(runs)) + runs
    require_no_hole_in_webp(data, side, side)
    with pytest.raises(ValueError, match="a hole of 23989 zeroes"):
        require_no_hole_in_webp(data.replace(b"\1", b"\0", 1), side, side)
