"""Pictures that are damaged inside and end well are refused by name, in every format that lets one see it."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import tifffile
from PIL import Image

from pipelines.images.decode import decode_picture
from pipelines.images.opened import PictureError
from pipelines.images.png import png_chunks

CASES = Path(__file__).parents[4] / "shared" / "cases"
END = b"\xff\xd9"


def drawn(width: int = 240, height: int = 320) -> Image.Image:
    rng = np.random.default_rng(4)
    small = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or drawn()).save(buffer, form, **options)
    return buffer.getvalue()


def refused(data: bytes, seen: str = "no whole picture") -> None:
    with pytest.raises(PictureError, match=rf"^ep 1, page 3: (?s:.*){seen}.*; ") as raised:
        decode_picture(data, name="ep 1, page 3")
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def damaged_jpegs(tmp_path_factory) -> Path:
    if not (CASES / "jpeg_damaged_inside.py").exists():
        pytest.skip("no shared cases here")
    folder = tmp_path_factory.mktemp("damaged")
    subprocess.run([sys.executable, "-B", CASES / "jpeg_damaged_inside.py", folder], check=True)
    return folder


@pytest.mark.parametrize(
    "case",
    ["cut", "cut_eoi", "zero_tail", "zero_hole", "missing_middle", "two_mixed", "prog_cut_eoi"],
)
def test_a_jpeg_that_is_damaged_inside(damaged_jpegs, case):
    refused((damaged_jpegs / f"{case}.jpg").read_bytes())


def test_the_whole_jpeg_of_the_case_is_taken(damaged_jpegs):
    assert decode_picture((damaged_jpegs / "whole.jpg").read_bytes(), name="whole").shape == (1130, 800, 3)


def scans(data: bytes) -> list[int]:
    """The places where scans of a JPEG file start."""
    return [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]


@pytest.mark.parametrize("kept", [1, 2, 5, -1])
def test_a_progressive_jpeg_that_stops_between_two_scans(kept):
    data = encoded("JPEG", progressive=True, quality=85)
    assert simplejpeg.decode_jpeg(data[: scans(data)[kept]] + END).shape  # the codec takes it for whole
    refused(data[: scans(data)[kept]] + END, "scans of")


def test_a_progressive_jpeg_without_its_middle_scan():
    data = encoded("JPEG", progressive=True, quality=85)
    at = scans(data)
    refused(data[: at[3]] + data[at[4] :])


def test_a_whole_progressive_jpeg_in_gray():
    data = encoded("JPEG", drawn().convert("L"), progressive=True)
    assert decode_picture(data, name="a").shape == (320, 240, 3)


def in_three_scans(data: bytes) -> bytes:
    """A baseline JPEG of three components, one scan each: of a picture of one colour, whose scans are alike."""
    gray = encoded("JPEG", Image.new("L", (240, 320), 200))
    head, scan = gray[: scans(gray)[0]], gray[scans(gray)[0] : -2]
    at = head.index(b"\xff\xc0")
    frame = head[at + 4 : at + 9] + b"\x03" + b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    parts = [scan[:5] + bytes([number]) + scan[6:] for number in (1, 2, 3)]
    return head[:at] + b"\xff\xc0" + struct.pack(">H", 17) + frame + head[at + 13 :] + b"".join(parts) + data


def test_a_baseline_jpeg_of_three_scans_that_lacks_one():
    whole = in_three_scans(END)
    assert decode_picture(whole, name="a").shape == (320, 240, 3)
    refused(whole[: scans(whole)[2]] + END, "scans of 1 of its 3 components")


@pytest.mark.parametrize("marker", [b"\xff\xd3", b"\xff\xd0"])
def test_a_jpeg_that_lost_what_is_between_two_restart_markers(marker):
    data = encoded("JPEG", restart_marker_rows=1)
    at = data.index(marker)
    following = data.index(b"\xff" + bytes([marker[1] + 1]))
    refused(data[:at] + data[following:])


def test_more_scans_than_any_encoder_writes_are_refused():
    data = encoded("JPEG", progressive=True)
    at = scans(data)
    refused(data[: at[-1]] + 300 * data[at[-1] : -2] + END, "over 200 scans")


@pytest.mark.parametrize(
    "after", [b"\0" * 5000, b"\n<!-- served -->", b"Samsung trailer" * 40, encoded("JPEG"), b"\xff\xd9", b"PK\x03\x04"]
)
def test_what_follows_the_end_of_a_jpeg_does_no_harm(after):
    whole = encoded("JPEG")
    assert np.array_equal(decode_picture(whole + after, name="a"), decode_picture(whole, name="a"))


def test_zeroes_by_which_a_camera_pads_do_no_harm():
    whole = encoded("JPEG")
    for padding in (1, 7, 20):
        padded = decode_picture(whole[:-2] + bytes(padding) + END, name="a")
        assert np.array_equal(padded, decode_picture(whole, name="a"))
    refused(whole[:-2] + bytes(700) + END, "extraneous bytes")
    refused(whole[:-2] + 10 * b"\x13\x57" + END, "extraneous bytes")


def test_headers_that_a_codec_warns_of_and_does_not_need():
    whole = encoded("JPEG")
    jfif = whole.index(b"JFIF\0") + 5
    scan = scans(whole)[0]
    end = scan + 2 + struct.unpack(">H", whole[scan + 2 : scan + 4])[0]
    for odd in (
        whole[:jfif] + b"\x07" + whole[jfif + 1 :],
        whole[: end - 3] + b"\0\0\0" + whole[end:],
    ):
        assert np.array_equal(decode_picture(odd, name="a"), decode_picture(whole, name="a"))
        refused(odd[: len(odd) // 2] + END)


def test_a_jpeg_of_12_bits_is_named():
    data = encoded("JPEG")
    at = data.index(b"\xff\xc0") + 4
    refused(data[:at] + b"\x0c" + data[at + 1 :])


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def parts(data: bytes) -> tuple[bytes, bytes]:
    """The header of a PNG file, and its unpacked rows."""
    chunks = [(kind, bytes(content)) for kind, content in png_chunks(data)]
    return chunks[0][1], zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_png_with_a_hole(mode, share):
    data = encoded("PNG", drawn().convert(mode))
    at = int(share * len(data))
    refused(data[:at] + bytes(40) + data[at + 40 :])
    refused(data[:at] + bytes(len(data) - at))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_png_whose_rows_end_early_with_good_checksums(mode, share):
    header, rows = parts(encoded("PNG", drawn().convert(mode)))
    short = zlib.compress(rows[: int(share * len(rows))])
    refused(png([(b"IHDR", header), (b"IDAT", short), (b"IEND", b"")]))


def test_an_interlaced_png_whose_last_pass_is_missing():
    image = drawn(24, 32)
    rows = b"".join(
        b"\0" + np.asarray(image)[y, x::dx].tobytes()
        for x, y0, dx, dy in (
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        )
        for y in range(y0, 32, dy)
    )
    header = struct.pack(">IIBBBBB", 24, 32, 8, 2, 0, 0, 1)
    whole = png([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])
    assert np.array_equal(decode_picture(whole, name="a"), np.asarray(image))
    refused(png([(b"IHDR", header), (b"IDAT", zlib.compress(rows[:-1200])), (b"IEND", b"")]))


def test_a_png_that_ends_with_a_black_row_is_whole():
    pixels = np.asarray(drawn()).copy()
    pixels[-5:] = 0
    assert np.array_equal(decode_picture(encoded("PNG", Image.fromarray(pixels)), name="a"), pixels)


def test_a_png_that_lost_a_chunk_its_end_or_has_a_wrong_checksum():
    data = encoded("PNG")
    header, rows = parts(data)
    packed = zlib.compress(rows)
    pieces = [(b"IDAT", packed[at : at + 1000]) for at in range(0, len(packed), 1000)]
    head, end = [(b"IHDR", header)], [(b"IEND", b"")]
    refused(png([*head, *pieces[:2], *pieces[3:], *end]))
    refused(png([*head, *pieces[:-1], *end]))
    refused(png([*head, *pieces]), "cut off")
    refused(data[:-12] + chunk(b"tEXt", b"a\0b")[:-1] + b"?" + data[-12:], "'tEXt' is wrong")
    assert decode_picture(data + b"served by us", name="a").shape == (320, 240, 3)


def test_a_png_with_a_black_end_and_a_wrong_checksum_of_its_rows():
    pixels = np.asarray(drawn()).copy()
    pixels[-1] = 0
    header, rows = parts(encoded("PNG", Image.fromarray(pixels)))
    packed = zlib.compress(rows)
    refused(png([(b"IHDR", header), (b"IDAT", packed[:-4] + b"abcd"), (b"IEND", b"")]))
    refused(png([(b"IHDR", header), (b"IDAT", packed[:-4]), (b"IDAT", b"abcd"), (b"IEND", b"")]))


def gif_blocks(data: bytes) -> list[int]:
    """The places of the blocks of a GIF file's first frame."""
    at = data.index(b"\x2c", 13 + (3 << ((data[10] & 7) + 1))) + 11
    found = []
    while data[at]:
        found.append(at)
        at += data[at] + 1
    return [*found, at]


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_that_lost_blocks_or_was_changed_inside(interlace):
    data = encoded("GIF", drawn().quantize(64), interlace=interlace)
    blocks = gif_blocks(data)
    middle = blocks[len(blocks) // 2]
    refused(data[:middle] + b"\0\x3b", "pixels")
    refused(data[: blocks[3]] + data[middle:])
    rng = np.random.default_rng(2)
    taken = 0
    for at in rng.integers(blocks[1], blocks[-2], 40):
        try:
            decode_picture(data[:at] + rng.bytes(3) + data[at + 3 :], name="a")
            taken += 1
        except PictureError:
            continue
    assert taken <= 3  # other codes of as many pixels: no reader can tell


def test_a_gif_whose_second_frame_is_damaged_shows_its_first():
    frames = [drawn().quantize(64), drawn().rotate(180).quantize(64)]
    data = encoded("GIF", frames[0], save_all=True, append_images=frames[1:])
    assert decode_picture(data[: int(0.8 * len(data))] + b"\0\x3b", name="a").shape == (320, 240, 3)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "group4"])
@pytest.mark.parametrize("tag", ["StripOffsets", "StripByteCounts"])
def test_a_tiff_whose_last_strip_is_missing(compression, tag):
    image = drawn().convert("1") if compression == "group4" else drawn()
    data = bytearray(encoded("TIFF", image, compression=compression))
    about = tifffile.TiffFile(io.BytesIO(bytes(data))).pages.first.tags[tag]
    size = {3: 2, 4: 4}[about.dtype]
    at = about.valueoffset + size * (about.count - 1)
    data[at : at + size] = bytes(size)
    refused(bytes(data))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "group4"])
def test_a_tiff_with_a_hole(compression, capfd):
    image = drawn().convert("1") if compression == "group4" else drawn()
    data = encoded("TIFF", image, compression=compression)
    at = len(data) // 2
    refused(data[:at] + bytes(200) + data[at + 200 :])
    assert capfd.readouterr().err == ""  # no lines of the codec


def test_the_preview_of_a_raw_file_is_no_picture():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.zeros((20, 30, 3), np.uint8), photometric="rgb", subfiletype=1)
        writer.write(np.zeros((200, 300, 3), np.uint8), photometric="rgb")
    refused(file.getvalue(), "preview")


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_file_that_was_laid_out_in_full_before_its_download_broke_off(form, share):
    data = encoded(form, drawn(480, 640))
    at = int(share * len(data))
    refused(data[:at] + bytes(len(data) - at))


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
@pytest.mark.parametrize("level", [0, 130, 255])
def test_blank_pictures_have_zeroes_too(form, level):
    blank = Image.new("RGB", (720, 4000), (level, level, level))
    assert np.abs(decode_picture(encoded(form, blank), name="a").astype(int) - level).max() <= 2


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_that_was_cut_off_and_says_so_nowhere(share, lossless):
    data = bytearray(encoded("WEBP", lossless=lossless))
    del data[int(share * len(data)) // 2 * 2 :]
    data[4:8] = struct.pack("<I", len(data) - 8)
    data[16:20] = struct.pack("<I", len(data) - 20)
    refused(bytes(data))
