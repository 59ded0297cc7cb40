"""Checks that bytes are a whole picture, and finds its format and size. Reads bytes, writes nothing."""

from dataclasses import dataclass

from pipelines.images.decode import decode_picture

_SIGNATURES = (
    ("jpeg", 0, b"\xff\xd8\xff"),
    ("png", 0, b"\x89PNG\r\n\x1a\n"),
    ("gif", 0, b"GIF87a"),
    ("gif", 0, b"GIF89a"),
    ("webp", 8, b"WEBP"),
    ("avif", 4, b"ftypavif"),
    ("avif", 4, b"ftypavis"),
    ("jp2", 0, b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
    ("tiff", 0, b"II*\x00"),
    ("tiff", 0, b"MM\x00*"),
    ("bmp", 0, b"BM"),
    ("hdr", 0, b"#?RADIANCE\n"),
    ("hdr", 0, b"#?RGBE\n"),
    ("pfm", 0, b"PF\n"),
    ("pfm", 0, b"Pf\n"),
    ("pam", 0, b"P7\n"),
    ("sun", 0, b"\x59\xa6\x6a\x95"),
    ("exr", 0, b"\x76\x2f\x31\x01"),
)


@dataclass(frozen=True)
class Picture:
    """The bytes of a whole picture as served, and what they hold."""

    data: bytes
    format: str
    width_px: int
    height_px: int


def format_of(data: bytes) -> str | None:
    """The format by the first bytes ("jpeg", "png", ...), whatever the name says; None where they are no picture's."""
    for name, start, signature in _SIGNATURES:
        if data[start : start + len(signature)] == signature:
            return name
    return None


def read_picture(data: bytes, *, name: str, format_by_name: str | None = None) -> Picture:
    """Decodes the bytes in full, because a truncated file opens well and fails late.

    `format_by_name` counts where the bytes have no signature that is known here (TGA, for example).
    Raises ValueError with the kind of the bytes where they are no whole picture.
    """
    if not data:
        raise ValueError("0 bytes")
    form = format_of(data) or format_by_name
    if form is None:
        raise ValueError(f"{_nature(data)} instead of a picture ({len(data)} bytes)")
    height_px, width_px = decode_picture(data, name=name).shape[:2]
    return Picture(data=data, format=form, width_px=width_px, height_px=height_px)


def _nature(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<head" in start or b"<body" in start:
        return "an HTML page"
    if start.startswith((b"{", b"[")):
        return "JSON"
    return f"bytes that begin with {data[:8]!r}"
