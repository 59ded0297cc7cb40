"""A first look at the pages of a book: which are in gray, which have colour, and which are slices of one strip."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.books.book import Page
from pipelines.books.picture_file import read_picture_file
from pipelines.colorize.page import colored_panels, cut_panels
from pipelines.colorize.paper import is_line_art
from pipelines.images.color import rgb_to_gray
from pipelines.issue_pages.local_files import shown
from pipelines.panels.boxes import Box
from pipelines.panels.slices import are_slices, slices_of

Variant = Literal["gray", "line"]

STRIP_PX = 24_000_000
"""Slices are stitched up to so many pixels."""


@dataclass(frozen=True, eq=False)
class SeenPage:
    """What a first look at a page found."""

    page: Page
    problem: str = ""
    """Why it cannot be coloured; the rest then says nothing."""
    variant: Variant = "gray"
    """What it is: a picture in gray, or line art."""
    is_blank: bool = False
    """Nothing is drawn on it; its variant then says nothing."""
    boxes: tuple[Box, ...] = ()
    """The panels that have colour of their own."""
    is_kept: bool = False
    """All its panels have."""
    height_px: int = 0
    width_px: int = 0
    border: np.ndarray | None = None
    """Its first two rows above its last two: (4, W, 3) uint8 RGB."""


def look_at(page: Page, *, variant: Variant | None = None) -> SeenPage:
    """Decodes a page and looks at it. variant: what it is; None to find out."""
    try:
        picture = read_picture_file(page.read(), name=shown(page.name))
    except ValueError as error:
        return SeenPage(page, problem=str(error))
    rgb = picture.rgb
    variant = variant or ("line" if is_line_art(rgb_to_gray(rgb)) else "gray")
    cuts = cut_panels(rgb, is_line=variant == "line")
    had_color = colored_panels(rgb, cuts)
    return SeenPage(
        page,
        variant=variant,
        is_blank=not cuts,
        boxes=tuple(cut.box for cut, is_colored in zip(cuts, had_color, strict=True) if is_colored),
        is_kept=bool(cuts) and all(had_color),
        height_px=rgb.shape[0],
        width_px=rgb.shape[1],
        border=np.concatenate([rgb[:2], rgb[-2:]]) if len(rgb) >= 2 else None,
    )


def grouped(seen: Sequence[SeenPage]) -> Iterator[list[SeenPage]]:
    """The pages in reading order: each alone, or slices of one strip together, up to STRIP_PX.

    A page that cannot be read, or of another width than the strip, is alone; the others stay a strip.
    """
    readable = [one for one in seen if one.border is not None]
    slices = [readable[at] for at in slices_of([_pair(one) for one in readable])]
    group: list[SeenPage] = []
    for one in seen:
        pixels = sum(other.height_px * other.width_px for other in (*group, one))
        is_slice = any(one is other for other in slices)
        goes_on = is_slice and group and pixels <= STRIP_PX and are_slices([_pair(group[-1]), _pair(one)])
        if group and not goes_on:
            yield group
            group = []
        if is_slice:
            group.append(one)
        else:
            yield [one]
    if group:
        yield group


def _pair(one: SeenPage) -> np.ndarray:
    assert one.border is not None
    return one.border
