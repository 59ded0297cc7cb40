import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.images.decode import decode_picture


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(height: int = 48, width: int = 64) -> np.ndarray:
    ys, xs = np.mgrid[0:height, 0:width]
    return np.dstack([xs * 255 // width, ys * 255 // height, np.full_like(xs, 60)]).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_lossless_pictures_come_back_unchanged(kind):
    data = encoded(Image.fromarray(drawn()), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(decode_picture(data, name="a"), drawn())


def test_whole_jpeg_has_the_pixels_that_pillow_gives():
    data = encoded(Image.fromarray(drawn()), "JPEG", quality=90)
    assert np.array_equal(decode_picture(data, name="a"), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated_picture_is_refused_by_name(kind, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(ValueError, match="ep01/P02"):
        decode_picture(data[: int(len(data) * share)], name="ep01/P02")


def test_truncated_progressive_jpeg_is_refused():
    data = encoded(Image.fromarray(drawn(200, 200)), "JPEG", progressive=True)
    with pytest.raises(ValueError, match="a: no whole picture"):
        decode_picture(data[: len(data) // 2], name="a")


def test_bytes_after_the_end_of_a_jpeg_do_no_harm():
    data = encoded(Image.fromarray(drawn()), "JPEG")
    assert np.array_equal(decode_picture(data + b"\n<!-- served -->", name="a"), decode_picture(data, name="a"))


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"\xff\xd8\xff\xff\xd9"])
def test_no_picture_is_refused(data):
    with pytest.raises(ValueError, match="P03"):
        decode_picture(data, name="P03")


def test_transparency_is_laid_on_white():
    rgba = np.dstack([drawn(), np.zeros((48, 64), np.uint8)])
    rgba[:, 32:, 3] = 255
    pixels = decode_picture(encoded(Image.fromarray(rgba), "PNG"), name="a")
    assert (pixels[:, :32] == 255).all()
    assert np.array_equal(pixels[:, 32:], drawn()[:, 32:])


def test_transparent_palette_is_laid_on_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 1), 1)
    pixels = decode_picture(encoded(image, "GIF", transparency=0), name="a")
    assert pixels[1, 1].tolist() == [200, 100, 50]
    assert pixels[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_become_eight(suffix, channels):
    deep = np.repeat(drawn()[..., :1], channels, axis=2).astype(np.uint16) * 257
    data = cv2.imencode(suffix, deep)[1].tobytes()
    assert np.array_equal(decode_picture(data, name="a"), np.repeat(drawn()[..., :1], 3, axis=2))


@pytest.mark.parametrize("suffix", [".hdr", ".pic", ".pfm"])
def test_formats_of_floating_point_that_only_opencv_reads(suffix):
    light = (drawn()[..., ::-1] / 255).astype(np.float32)
    light[0, 0] = 7.5  # lighter than white
    pixels = decode_picture(cv2.imencode(suffix, light)[1].tobytes(), name="a")
    assert pixels.dtype == np.uint8
    assert pixels[0, 0].tolist() == [255, 255, 255]
    # Radiance shares one exponent between the colours of a pixel.
    assert np.abs(pixels.astype(int) - drawn()).reshape(-1, 3)[1:].max() <= (0 if suffix == ".pfm" else 2)


def test_gray_floating_point():
    data = cv2.imencode(".pfm", (drawn()[..., 0] / 255).astype(np.float32))[1].tobytes()
    assert np.array_equal(decode_picture(data, name="a"), np.repeat(drawn()[..., :1], 3, axis=2))


def portable(depth: int, kind: str, pixels: bytes, most: int = 255) -> bytes:
    return f"P7\nWIDTH 64\nHEIGHT 48\nDEPTH {depth}\nMAXVAL {most}\nTUPLTYPE {kind}\nENDHDR\n".encode() + pixels


def test_portable_arbitrary_maps_that_only_opencv_reads():
    assert np.array_equal(decode_picture(portable(3, "RGB", drawn().tobytes()), name="a"), drawn())
    deep = (drawn().astype(">u2") * 257).tobytes()
    assert np.array_equal(decode_picture(portable(3, "RGB", deep, most=65535), name="a"), drawn())
    with pytest.raises(ValueError, match=r"P04: .*transparency.*convert it to PNG"):
        decode_picture(portable(4, "RGB_ALPHA", bytes(4 * 64 * 48)), name="P04")


@pytest.mark.parametrize("suffix", [".hdr", ".pfm", ".pam", ".ras"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated_rare_formats_are_refused_by_name(suffix, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = cv2.imencode(suffix, noise if suffix in (".pam", ".ras") else noise.astype(np.float32) / 255)[1].tobytes()
    with pytest.raises(ValueError, match="ep01/P02: no whole picture"):
        decode_picture(data[: int(len(data) * share)], name="ep01/P02")


def test_cmyk_becomes_rgb():
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = decode_picture(data, name="a")[8, 8].tolist()
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    upright = decode_picture(encoded(Image.fromarray(drawn()), kind, exif=exif), name="a")
    assert upright.shape == (64, 48, 3)
    assert np.abs(upright.astype(int) - np.rot90(drawn(), -1)).mean() < 3


def test_gray_picture_has_three_channels():
    assert decode_picture(encoded(Image.new("L", (5, 7), 99), "PNG"), name="a").tolist() == [[[99] * 3] * 5] * 7
