"""The formats in which pictures are written, and what each of them cannot hold. Works on names and numbers."""

from dataclasses import dataclass

from pipelines.images import formats


@dataclass(frozen=True)
class WrittenFormat:
    """A format of picture files that Tintoon writes."""

    name: str  # as in `pipelines.images.formats`
    suffix: str  # the usual one
    max_side_px: int | None = None
    has_alpha: bool = True
    has_16_bit: bool = False


FORMATS = {
    form.name: form
    for form in (
        WrittenFormat("png", ".png", has_16_bit=True),
        WrittenFormat("jpeg", ".jpg", max_side_px=65_500, has_alpha=False),
        WrittenFormat("webp", ".webp", max_side_px=16_383),
        WrittenFormat("bmp", ".bmp", has_alpha=False),
        WrittenFormat("tiff", ".tif", has_16_bit=True),
        WrittenFormat("avif", ".avif", max_side_px=65_535),
        WrittenFormat("jp2", ".jp2"),
    )
}
"""The formats by name. A page in any other format (GIF, PSD, ...) is written as PNG."""


def format_of_suffix(suffix: str) -> str | None:
    """The name of the format that a suffix stands for, or None where it is not written."""
    name = formats.format_of_suffix(suffix)
    return name if name in FORMATS else None


def written_format(source_format: str) -> str:
    """The format in which a picture of a format is written: its own, or PNG."""
    return source_format if source_format in FORMATS else "png"


def refusal(form: str, *, width_px: int, height_px: int, is_transparent: bool) -> str | None:
    """What a format cannot hold of a picture, with the remedy; None where it can hold it."""
    about = FORMATS[form]
    if about.max_side_px is not None and max(width_px, height_px) > about.max_side_px:
        return (
            f"{width_px} x {height_px} px; {form.upper()} holds at most {about.max_side_px:,} px a side; "
            "write it as .png or .tif"
        )
    if is_transparent and not about.has_alpha:
        return f"it is transparent in places, which {form.upper()} cannot hold; write it as .png, .webp or .tif"
    return None
