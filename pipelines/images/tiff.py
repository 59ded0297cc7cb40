"""TIFF files: whether the first picture is whole, and is the picture and not a preview. Touches no files.

libtiff goes on after errors in the codes of a fax, does not compare the checksum of zlib once a strip is full, and its
JPEG decoder fills what is missing. Its errors are heard only where Pillow brings its own libtiff, as its wheels do; a
Pillow that was built with the system's says nothing of errors after which libtiff goes on.
"""

import ctypes
import threading
import zlib
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import PIL
import simplejpeg
from PIL import Image, TiffImagePlugin

from pipelines.images.inflate import inflated_bytes
from pipelines.images.jpeg import decode_jpeg
from pipelines.images.opened import MAX_PIXELS

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _CHANNELS = 254, 256, 257, 258, 259, 277
_STRIPS, _STRIP_SIZES, _ROWS, _TILES, _TILE_SIZES, _TILE_WIDTH, _TILE_HEIGHT = 273, 279, 278, 324, 325, 322, 323
_JPEG_TABLES, _DNG, _PLANES = 347, 50706, 284
_PLAIN, _FAX, _JPEG, _DEFLATE = 1, (2, 4), 7, (8, 32946)
_MAX_PADDING = 16  # zeroes after the codes of a fax
_MAX_EXTRA_ROWS = 15  # by which some writers fill the blocks of the last strip of JPEG
_ERROR_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_heard = threading.local()


def require_whole(data: bytes, image: Image.Image) -> None:
    """Raises ValueError where strips are missing, outside of the file, or damaged, or the picture is a preview.

    image: of `data`, open. A camera's raw file begins with a small preview of its picture.
    """
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    tags = image.tag_v2
    if _DNG in tags or (tags.get(_SUBFILE, 0) == 1 and getattr(image, "n_frames", 1) > 1):
        raise ValueError("the first picture in it is a preview, as in a camera's raw file; develop it, or convert it")
    is_tiled = _TILES in tags
    places = _numbers(tags.get(_TILES if is_tiled else _STRIPS))
    sizes = _numbers(tags.get(_TILE_SIZES if is_tiled else _STRIP_SIZES))
    compression = tags.get(_COMPRESSION, _PLAIN)
    width, height = tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)  # as stored
    columns, rows = (tags.get(_TILE_WIDTH, 0), tags.get(_TILE_HEIGHT, 0)) if is_tiled else (width, height)
    if not is_tiled:
        rows = min(tags.get(_ROWS, height), height)
    planes = len(image.getbands()) if tags.get(_PLANES, 1) == 2 else 1
    if min(columns, rows) < 1 or len(places) < (wanted := -(-height // rows) * -(-width // columns) * planes):
        raise ValueError(f"{len(places)} strips of {columns} x {rows} px do not hold {width} x {height} px")
    if wanted * columns * rows > planes * 2 * MAX_PIXELS:
        raise ValueError(f"tiles of {columns} x {rows} px, far over {width} x {height} px")
    if compression != _PLAIN and len(sizes) != len(places):
        raise ValueError(f"{len(places)} strips and {len(sizes)} sizes of them")
    strips = sorted(set(zip(places[:wanted], sizes, strict=False)))  # no more than libtiff looks at, and each once
    for at, size in strips:
        if at + size > len(data) or at < 8 or (size < 1 and compression != _PLAIN):
            raise ValueError(f"a strip of {size} bytes at {at}, of {len(data)} bytes")
    if compression == _PLAIN:
        return
    if any(at + size > following for (at, size), (following, _) in pairwise(strips)):
        raise ValueError("its strips lie over each other")
    bits = max(_numbers(tags.get(_BITS)), default=1) * tags.get(_CHANNELS, 1)
    for at, size in strips:
        strip = data[at : at + size]
        if compression in _DEFLATE:
            _require_checksum(strip, rows * -(-columns * bits // 8))
        if compression in _FAX:
            _require_no_hole(strip)
        if compression == _JPEG:
            _require_jpeg(strip, tags.get(_JPEG_TABLES, b""), columns, rows)


def load(image: Image.Image) -> None:
    """Decodes the pixels. Raises ValueError where libtiff finds an error, also one after which it goes on."""
    _listen()
    _heard.errors = []
    image.load()
    if _heard.errors:
        raise ValueError(f"its codes are damaged ({len(_heard.errors)} errors)")


@lru_cache(maxsize=1)
def _listen() -> object:
    """Takes the errors of Pillow's libtiff, which it would print. None where Pillow was not built with its own."""

    def hear(*error: Any) -> None:
        if hasattr(_heard, "errors"):
            _heard.errors.append(error)

    folder = Path(PIL.__file__).parent
    found = [*folder.parent.glob("pillow.libs/libtiff*"), *folder.glob(".dylibs/libtiff*")]
    if not found:
        return None
    handler = _ERROR_HANDLER(hear)
    library = ctypes.CDLL(str(found[0]))
    library.TIFFSetErrorHandler.argtypes = [_ERROR_HANDLER]
    library.TIFFSetErrorHandler(handler)
    return handler  # kept here: libtiff calls it from now on


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else () if value is None else (int(str(value)),)


def _require_checksum(strip: bytes, wanted: int) -> None:
    """A strip of ZIP stands for `wanted` bytes at most, fewer where it is the last one."""
    try:
        found, has_ended = inflated_bytes([strip], at_most=wanted)
    except zlib.error as error:
        raise ValueError(f"a strip of it is damaged: {error}") from error
    if not has_ended:
        raise ValueError(f"a strip of it {'holds more than its rows' if found > wanted else 'is cut off'}")


def _require_no_hole(strip: bytes) -> None:
    """No codes of a fax have more than ten zero bits in a row (ITU-T T.4); what does is taken for its end."""
    codes = strip.rstrip(b"\0")
    if b"\0\0\0" in codes or len(strip) - len(codes) > _MAX_PADDING:
        raise ValueError("there are zeroes where its codes should be")


def _require_jpeg(strip: bytes, tables: bytes, columns: int, rows: int) -> None:
    """A strip is a JPEG file whose tables stand elsewhere, of at most so many columns and rows."""
    whole = tables[:-2] + strip[2:] if tables.startswith(b"\xff\xd8") else strip
    height, width = map(int, simplejpeg.decode_jpeg_header(whole, strict=False)[:2])
    if width > columns or height > rows + _MAX_EXTRA_ROWS:
        raise ValueError(f"a strip of {width} x {height} px, where one of {columns} x {rows} px should be")
    decode_jpeg(whole, "GRAY")
