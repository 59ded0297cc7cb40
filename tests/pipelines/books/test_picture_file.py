"""Picture files of every kind: everything of the file comes out again, in colour, or is refused with a reason."""

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageDraw, JpegImagePlugin
from PIL.PngImagePlugin import PngInfo

from pipelines.books.encode import _chunk, encode_picture, encoding_notes
from pipelines.books.formats import FORMATS, format_of_suffix, refusal
from pipelines.books.metadata import Metadata
from pipelines.books.picture_file import PictureFile, read_picture_file
from pipelines.images.color import rgb_to_gray
from pipelines.images.opened import MAX_PIXELS, read_header
from pipelines.images.profiles import matrix_profile, srgb_profile
from tests.pipelines.books.drawn import drawing, encoded, redder
from tests.pipelines.images.profiles import gray_profile

STORED = {
    **{2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM},
    **{5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE},
    **{8: Image.Transpose.ROTATE_270},
}
"""How an upright picture is stored under each EXIF orientation."""
LOSSLESS = ["png", "bmp", "tiff", "jp2"]


def colored(data: bytes, form: str | None = None) -> tuple[PictureFile, Image.Image]:
    """A picture, and the file that comes of it."""
    picture = read_picture_file(data, name="page")
    written = encode_picture(redder(picture), like=picture, form=form or picture.format)
    image = Image.open(io.BytesIO(written))
    image.load()
    return picture, image


def luma(image: Image.Image) -> np.ndarray:
    return rgb_to_gray(np.array(image.convert("RGB"))).astype(int)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_keeps_size_and_lightness_and_has_colour(form):
    _, image = colored(encoded(drawing()), form)
    assert image.size == (60, 80)
    assert image.mode == "RGB"
    assert np.abs(luma(image) - np.array(drawing()).astype(int)).max() <= (2 if form in LOSSLESS else 12)
    assert np.ptp(np.array(image).astype(int), axis=2).mean() > 20


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (400, 1), (1, 90), (3, 5)])
def test_small_pictures(form, size):
    assert colored(encoded(Image.new("L", size, 128)), form)[1].size == size


@pytest.mark.parametrize(
    ("source", "form"),
    [
        *((drawing().convert("1"), form) for form in ("PNG", "TIFF", "BMP", "GIF")),
        *((drawing().convert("P"), form) for form in ("PNG", "GIF", "TIFF")),
        *((drawing(), form) for form in ("JPEG", "WEBP", "AVIF", "JPEG2000", "PPM", "TGA", "PCX")),
    ],
)
def test_bilevel_palette_and_gray_become_rgb(source, form):
    picture, image = colored(encoded(source, form), "png")
    assert image.mode == "RGB"
    assert (picture.rgb.shape, picture.alpha, picture.notes) == ((80, 60, 3), None, ())
    assert np.ptp(picture.rgb, axis=2).max() == 0 or form in ("JPEG", "WEBP", "AVIF")


def test_fax_pages_come_out_as_rgb_tiff():
    _, image = colored(encoded(drawing().convert("1"), "TIFF", compression="group4", dpi=(300, 300)))
    assert (image.format, image.mode) == ("TIFF", "RGB")
    assert tuple(round(float(dpi)) for dpi in image.info["dpi"]) == (300, 300)


@pytest.mark.parametrize("form", ["png", "jpeg", "tiff", "bmp"])
def test_resolution_is_kept(form):
    pillow = form.upper()
    _, image = colored(encoded(drawing(), pillow, dpi=(600, 300)))
    assert [round(float(dpi)) for dpi in image.info["dpi"]] == [600, 300]


@pytest.mark.parametrize("form", ["webp", "avif"])
def test_resolution_goes_to_exif_where_there_is_no_other_place(form):
    _, image = colored(encoded(drawing(), dpi=(600, 600)), form)
    exif = image.getexif()
    assert (float(exif[0x011A]), float(exif[0x011B]), exif[0x0128]) == (pytest.approx(600, abs=0.1),) * 2 + (2,)


def deep_gray() -> np.ndarray:
    """A ramp of 16 bits that 8 bits would break into steps."""
    return (np.arange(4800).reshape(80, 60) * 13 + 40).astype(np.uint16)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_gray_keeps_its_depth_under_colour(form):
    picture = read_picture_file(encoded(Image.fromarray(deep_gray()), form, dpi=(600, 600)), name="page")
    written = encode_picture(redder(picture), like=picture, form=picture.format)
    pixels = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert (pixels.dtype, pixels.shape) == (np.uint16, (80, 60, 3))
    found = pixels[..., ::-1].astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(found - deep_gray()).max() <= 1
    assert np.ptp(pixels.astype(int), axis=2).mean() > 5000
    with Image.open(io.BytesIO(written)) as image:
        image.load()
        assert [round(float(dpi)) for dpi in image.info["dpi"]] == [600, 600]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_rgb_keeps_its_depth(suffix, channels):
    deep = np.repeat(deep_gray()[..., np.newaxis], channels, axis=2)
    if channels == 4:
        deep[..., 3] = 65535
        deep[:10, :, 3] = 0
    data = cv2.imencode(suffix, deep)[1].tobytes()
    picture = read_picture_file(data, name="page")
    assert picture.deep is not None
    assert (picture.alpha is None) == (channels == 3)
    written = encode_picture(picture.rgb, like=picture, form=picture.format)
    pixels = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == deep.shape
    assert np.abs(pixels[10:].astype(int) - deep[10:]).max() <= 1
    if channels == 4:
        assert (pixels[..., 3] == deep[..., 3]).all()


@pytest.mark.parametrize("layout", ["little", "big", "planes", "white is zero"])
def test_16_bit_tiff_in_any_layout(layout):
    deep = np.repeat(deep_gray()[..., np.newaxis], 3, axis=2)
    file = io.BytesIO()
    if layout == "planes":
        tifffile.imwrite(file, np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate")
    elif layout == "white is zero":
        tifffile.imwrite(file, 65535 - deep_gray(), photometric="miniswhite")
    else:
        tifffile.imwrite(file, deep, photometric="rgb", byteorder=">" if layout == "big" else "<")
    picture = read_picture_file(file.getvalue(), name="page")
    assert picture.deep is not None
    assert (picture.deep == (deep_gray() if layout == "white is zero" else deep)).all()
    assert (picture.rgb == (deep >> 8)).all()


def test_16_bit_gray_with_alpha_becomes_8_bit_and_says_so():
    gray, alpha = deep_gray(), np.full((80, 60), 65535, np.uint16)
    alpha[:10] = 0
    rows = np.dstack([gray, alpha]).astype(">u2").reshape(80, -1).view(np.uint8)
    header = struct.pack(">IIBBBBB", 60, 80, 16, 4, 0, 0, 0)
    packed = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    )
    picture = read_picture_file(data, name="page")
    assert (picture.rgb[10:, :, 0] == gray[10:] >> 8).all()
    assert picture.alpha is not None
    assert (picture.alpha == alpha >> 8).all()
    assert picture.notes == ("16 bits a channel became 8",)


def test_16_bits_become_8_with_a_note_where_the_format_holds_no_more():
    picture, image = colored(encoded(Image.fromarray(deep_gray())), "jpeg")
    assert image.size == (60, 80)
    assert encoding_notes(picture, "jpeg") == ("16 bits a channel became 8, for JPEG holds no more",)
    assert encoding_notes(picture, "png") == ()


def test_a_profile_is_kept_beside_16_bits():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = cv2.imencode(".png", np.repeat(deep_gray()[..., np.newaxis], 3, axis=2))[1].tobytes()
    with Image.open(io.BytesIO(data)) as image:
        data_with = encoded(image.convert("RGB"), icc_profile=profile)
    assert colored(data_with)[1].info["icc_profile"] == profile
    picture = read_picture_file(data, name="page")
    with_profile = replace(picture, metadata=Metadata(icc=profile, dpi=(300, 300)))
    for form in ("png", "tiff"):
        with Image.open(io.BytesIO(encode_picture(picture.rgb, like=with_profile, form=form))) as image:
            image.load()
            assert image.info["icc_profile"] == profile


def test_a_gray_profile_is_applied_and_the_result_is_tagged_as_srgb():
    picture, image = colored(encoded(drawing(), icc_profile=gray_profile(1.0)))
    assert image.info["icc_profile"] == srgb_profile()
    assert picture.notes == ("its levels of gray became those of sRGB by its colour profile",)
    assert picture.rgb.mean() > np.array(drawing()).mean() + 20


def test_a_profile_that_cannot_be_used_is_named():
    gray = bytearray(srgb_profile())
    gray[16:20] = b"GRAY"
    picture, image = colored(encoded(drawing(), icc_profile=bytes(gray)))
    assert "icc_profile" not in image.info
    assert "its colour profile cannot be used" in picture.notes[-1]
    assert (picture.rgb[..., 0] == np.array(drawing())).all()


def test_16_bits_are_kept_where_a_profile_is_applied():
    wide = matrix_profile(2.2, (0.3127, 0.329), ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)))
    deep = np.repeat(deep_gray()[..., np.newaxis], 3, axis=2)
    deep[..., 0] //= 2
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    with_profile = data[:33] + _chunk(b"iCCP", b"icc\0\0" + zlib.compress(wide)) + data[33:]
    picture = read_picture_file(with_profile, name="page")
    assert picture.deep is not None
    assert len(np.unique(picture.deep)) > 3000
    assert (picture.rgb == picture.deep >> 8).all()
    shallow = read_picture_file(encoded(Image.fromarray((deep >> 8).astype(np.uint8)), icc_profile=wide), name="page")
    assert np.abs(picture.rgb.astype(int) - shallow.rgb).max() <= 2
    written = Image.open(io.BytesIO(encode_picture(picture.rgb, like=picture, form="png")))
    assert written.info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_and_says_so(form):
    black = Image.merge("CMYK", [Image.new("L", (60, 80), 0)] * 3 + [Image.eval(drawing(), lambda gray: 255 - gray)])
    picture, image = colored(encoded(black, form, **({"quality": 100} if form == "JPEG" else {})))
    assert image.mode == "RGB"
    assert "CMYK became RGB" in picture.notes[0]
    assert np.abs(luma(image) - np.array(drawing()).astype(int)).mean() < 3


def test_a_cmyk_profile_that_cannot_be_used_is_named():
    picture, image = colored(encoded(drawing().convert("CMYK"), "JPEG", icc_profile=b"no profile" * 20))
    assert "its colour profile cannot be used" in picture.notes[-1]
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_turned_page_stands_upright(orientation, form):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "a camera"
    options: dict[str, Any] = {"quality": 100} if form != "PNG" else {}
    stored = drawing() if orientation == 1 else drawing().transpose(STORED[orientation])
    _, image = colored(encoded(stored, form, exif=exif.tobytes(), **options))
    assert image.size == (60, 80)
    assert np.abs(luma(image) - np.array(drawing()).astype(int)).mean() < 3
    assert image.getexif().get(0x0112, 1) == 1
    if form != "TIFF":
        assert image.getexif()[0x010F] == "a camera"


@pytest.mark.parametrize("layout", ["gray png", "gray tiff", "rgb tiff", "planar tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bits_are_turned_as_8_are(orientation, layout):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if layout.startswith("gray"):
        data = encoded(Image.fromarray(deep_gray()), layout.removeprefix("gray ").upper(), exif=exif.tobytes())
    else:
        pixels, planar = np.repeat(deep_gray()[..., np.newaxis], 3, axis=2), layout == "planar tiff"
        file = io.BytesIO()
        tifffile.imwrite(
            file,
            np.moveaxis(pixels, -1, 0) if planar else pixels,
            photometric="rgb",
            planarconfig="separate" if planar else "contig",
            extratags=[(274, "H", 1, orientation, True)],
        )
        data = file.getvalue()
    deep = read_picture_file(data, name="page")
    shallow = Image.fromarray((deep_gray() >> 8).astype(np.uint8))
    assert (deep.rgb == read_picture_file(encoded(shallow, exif=exif.tobytes()), name="page").rgb).all()


def ink(level: int, form: str = "RGBA") -> Image.Image:
    """Lines of one ink on nothing."""
    image = Image.new("RGBA", (60, 80), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((8, 8, 50, 60), outline=(level, level, level, 255), width=4)
    return image.convert(form)


@pytest.mark.parametrize(("level", "ground"), [(0, 255), (60, 255), (255, 0)])
def test_lines_on_nothing_are_seen_on_their_ground(level, ground):
    picture = read_picture_file(encoded(ink(level)), name="page")
    assert picture.ground == ground
    assert picture.is_ink_layer
    assert np.ptp(picture.rgb) == abs(ground - level)


@pytest.mark.parametrize("form", ["png", "webp", "tiff", "avif", "jp2"])
def test_lines_stay_and_colour_is_laid_under_them(form):
    picture = read_picture_file(encoded(ink(0)), name="page")
    flat = picture.rgb.copy()
    inside = np.zeros((80, 60), bool)
    inside[25:45, 20:40] = True
    flat[inside] = (220, 140, 100)
    with Image.open(io.BytesIO(encode_picture(flat, like=picture, form=form))) as image:
        pixels = np.array(image.convert("RGBA")).astype(int)
    lines = np.array(ink(0))[..., 3] == 255
    assert (pixels[lines, 3] > 250).all()
    assert pixels[lines, :3].mean() < 5
    assert (pixels[27:43, 22:38, 3] > 250).all()
    assert np.abs(pixels[27:43, 22:38, :3] - [220, 140, 100]).mean() < 6
    assert pixels[0, 0, 3] < 5


def test_white_lines_do_not_become_a_blank_page():
    _, image = colored(encoded(ink(255)))
    pixels = np.array(image)
    lines = np.array(ink(255))[..., 3] == 255
    assert (pixels[lines] == 255).all()
    assert (pixels[~lines, 3] == 0).all()


@pytest.mark.parametrize("form", ["png", "webp", "tiff", "jp2"])
def test_a_cut_out_figure_keeps_its_alpha(form):
    figure = drawing().convert("RGBA")
    alpha = np.zeros((80, 60), np.uint8)
    alpha[20:60, 10:50] = 255
    alpha[20:60, 10] = 100
    figure.putalpha(Image.fromarray(alpha))
    picture, image = colored(encoded(figure), form)
    assert not picture.is_ink_layer
    assert (np.array(image)[..., 3] == alpha).all()
    laid = Image.alpha_composite(Image.new("RGBA", (60, 80), "white"), image.convert("RGBA"))
    assert np.abs(np.array(laid)[..., :3].astype(int) - redder(picture)).mean() < 4


def test_palettes_with_a_transparent_colour():
    palette = ink(0).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    data = encoded(palette, "PNG", transparency=palette.getpixel((0, 0)))
    picture = read_picture_file(data, name="page")
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == 0
    assert colored(data)[1].mode == "RGBA"


def test_opaque_alpha_is_no_alpha():
    picture, image = colored(encoded(drawing().convert("RGBA")))
    assert picture.alpha is None
    assert image.mode == "RGB"


def test_an_animation_is_its_first_frame_and_says_so():
    data = encoded(drawing(1), "GIF", save_all=True, append_images=[drawing(9), drawing(17)])
    picture, _ = colored(data, "png")
    assert picture.notes == ("the first of 3 frames or pages; the others are left out",)
    assert encoding_notes(picture, "png")[-1] == "GIF became PNG"


def test_a_tiff_file_of_several_pages_is_its_first_and_says_so():
    for first in (drawing(1), Image.fromarray(deep_gray())):
        data = encoded(first, "TIFF", save_all=True, append_images=[drawing(9)])
        picture, image = colored(data)
        assert picture.notes == ("the first of 2 frames or pages; the others are left out",)
        assert (picture.deep is not None) == (first.mode != "L")
        assert image.size == (60, 80)


def test_jpeg_is_never_worse_than_it_was():
    def tables(image: Image.Image) -> dict[int, list[int]]:
        return image.quantization  # pyright: ignore[reportAttributeAccessIssue]

    fine, coarse = (encoded(drawing(), "JPEG", quality=quality) for quality in (99, 60))
    with (
        Image.open(io.BytesIO(fine)) as source,
        Image.open(io.BytesIO(encoded(drawing(), "JPEG", quality=95))) as usual,
    ):
        assert tables(colored(fine)[1])[0] == tables(source)[0]
        assert tables(colored(coarse)[1])[0] == tables(usual)[0]
    assert JpegImagePlugin.get_sampling(colored(coarse)[1]) == 0


def test_lossless_webp_stays_lossless():
    picture, image = colored(encoded(drawing(), "WEBP", lossless=True))
    assert (np.array(image.convert("RGB")) == redder(picture)).all()


def test_texts_of_png_are_kept():
    info = PngInfo()
    info.add_text("Author", "Ænne")
    image = colored(encoded(drawing(), pnginfo=info))[1]
    assert image.text["Author"] == "Ænne"  # pyright: ignore[reportAttributeAccessIssue]


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:creator="Ann"/></x:xmpmeta>"""


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_xmp_is_kept_without_an_orientation(form):
    image = colored(encoded(drawing(), form.upper(), xmp=XMP))[1]
    assert image.info["xmp"] == XMP.replace(b' tiff:Orientation="6"', b"")


def test_xmp_of_png_is_kept_without_an_orientation():
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    for data in (encoded(drawing(), pnginfo=info), encoded(Image.fromarray(deep_gray()), pnginfo=info)):
        image = colored(data)[1]
        assert image.text["XML:com.adobe.xmp"].encode() == XMP.replace(b' tiff:Orientation="6"', b"")  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("source", [drawing(), Image.fromarray(deep_gray())], ids=["8 bit", "16 bit"])
def test_tags_of_tiff_are_kept(source):
    image = colored(encoded(source, "TIFF", tiffinfo={315: "Ann", 33432: "CC BY"}, compression="tiff_lzw"))[1]
    exif = image.getexif()
    assert (exif[315], exif[33432]) == ("Ann", "CC BY")


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "empty file"),
        (b"not a picture", "and no picture"),
        (encoded(drawing())[:300], "cut off"),
        (encoded(drawing(), "JPEG")[:300], "Truncated"),
        (cv2.imencode(".png", np.full((80, 60, 3), 999, np.uint16))[1].tobytes()[:90], "cut off"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL picture"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC picture"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "32 bit"),
    ],
)
def test_what_is_no_picture_is_named(data, seen):
    with pytest.raises(ValueError, match=rf"^page: .*{seen}.*; ") as raised:
        read_picture_file(data, name="page")
    assert str(raised.value).count("page:") == 1


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_too_many_pixels_are_refused_whatever_the_format(form, monkeypatch):
    monkeypatch.setattr("pipelines.images.opened.MAX_PIXELS", 4000)
    with pytest.raises(ValueError, match=r"page: 60 x 80 px, over .* million pixels; make it smaller"):
        read_header(encoded(drawing(), form), name="page")


def test_more_pixels_than_pillow_takes_by_itself():
    tall = Image.new("1", (10_000, 18_500))
    assert tall.width * tall.height > 2 * (Image.MAX_IMAGE_PIXELS or 0)
    assert tall.width * tall.height < MAX_PIXELS
    header = read_header(encoded(tall, "TIFF", compression="group4"), name="page")
    assert (header.width_px, header.height_px) == tall.size


@pytest.mark.parametrize(
    ("form", "size", "is_transparent", "seen"),
    [
        ("jpeg", (10, 65_500), False, None),
        ("jpeg", (10, 65_501), False, "at most 65,500 px"),
        ("webp", (16_383, 1), False, None),
        ("webp", (16_384, 1), False, "at most 16,383 px"),
        ("png", (10, 70_000), True, None),
        ("jpeg", (10, 10), True, "transparent"),
        ("bmp", (10, 10), True, "transparent"),
    ],
)
def test_limits_of_formats(form, size, is_transparent, seen):
    found = refusal(form, width_px=size[0], height_px=size[1], is_transparent=is_transparent)
    assert (found is None) if seen is None else (found is not None and seen in found and "write it as" in found)


def test_suffixes():
    assert format_of_suffix(".JPG") == "jpeg"
    assert format_of_suffix(".gif") is None
