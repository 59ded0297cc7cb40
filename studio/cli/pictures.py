"""The commands on single pictures: cut, hash."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from studio.cli.options import AsJson, Pictures, UsageError, complain, existing, out, say

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


def cut(
    files: Pictures,
    strip: Annotated[bool, typer.Option("--strip", help="The files are slices of one vertical strip.")] = False,
    right_to_left: Annotated[bool, typer.Option("--right-to-left", help="Number the panels from the right.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Find the panels of pages: boxes \[x, y, width, height] in pixels, in reading order, before any size filter.

    With --strip, the files are stitched in the given order, and the boxes are those of the strip. A file that cannot
    be read is named, the others go on, and the exit status is 1; a strip needs all its slices. The table's title says
    which explanation of the page won, and its score. A line below it has the boxes of what is drawn beside the panels,
    lettering for the most part.
    """
    from pipelines.panels.cut import CutPage, cut_strip, explain_page
    from pipelines.panels.params import PanelParams
    from pipelines.panels.strip import stitch

    params = PanelParams(reading_direction="rtl" if right_to_left else "ltr")
    if strip:
        cuts = cut_strip(stitch([_decoded(file) for file in files]).image, params)
        pages, are_all_read = {"strip": CutPage(cuts, "strip", None)}, True
    else:
        pages, are_all_read = _of_each(files, lambda page: explain_page(page, params))
    boxes = {name: [list(map(int, one.box)) for one in page.cuts] for name, page in pages.items()}
    if as_json and boxes:
        typer.echo(json.dumps(boxes))
    for name, found in boxes.items() if not as_json else ():
        score = pages[name].score
        why = pages[name].explanation if score is None else f"{pages[name].explanation}, score {score:.2f}"
        title = escape(f"{name}: {len(found)} panels ({why})")
        table = Table("panel", "x", "y", "width", "height", title=title)
        for number, box in enumerate(found, start=1):
            table.add_row(str(number), *map(str, box))
        out.print(table)
        if beside := pages[name].left_out:
            shown = ", ".join(str(list(map(int, box))) for box in beside)
            out.print(f"left out, no panels: {len(beside)}: {shown}", style="dim", markup=False, soft_wrap=True)
    if not are_all_read:
        raise typer.Exit(1)


def hash_pictures(files: Pictures, as_json: AsJson = False) -> None:
    """Print the perceptual hash (pHash, 64 bits) of pictures, as imagehash computes it.

    A file that cannot be read is named, the others go on, and the exit status is 1.
    """
    from pipelines.panels.hashing import phash

    hashes, are_all_read = _of_each(files, phash)
    if as_json and hashes:
        typer.echo(json.dumps(hashes))
    for name, value in hashes.items() if not as_json else ():
        say(f"{value}  {name}")
    if not are_all_read:
        raise typer.Exit(1)


def _of_each(files: Sequence[Path], work: "Callable[[np.ndarray], T]") -> tuple[dict[str, T], bool]:
    """What is found in each file, by its name, and whether all could be read; those that could not are named."""
    found: dict[str, T] = {}
    are_all_read = True
    for file in files:
        try:
            found[str(file)] = work(_decoded(file))
        except (UsageError, ValueError) as error:
            complain(str(error))
            are_all_read = False
    return found, are_all_read


def _decoded(file: Path) -> "np.ndarray":
    from pipelines.books.folder import reader
    from pipelines.images.decode import decode_picture

    return decode_picture(reader(existing(file))(), name=str(file))
