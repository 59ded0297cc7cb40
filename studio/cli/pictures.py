"""The commands on single pictures: cut, hash."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from studio.cli.options import AsJson, Pictures, existing, out, say


def cut(
    files: Pictures,
    strip: Annotated[bool, typer.Option("--strip", help="The files are slices of one vertical strip.")] = False,
    right_to_left: Annotated[bool, typer.Option("--right-to-left", help="Number the panels from the right.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Find the panels of pages: boxes \[x, y, width, height] in pixels, in reading order, before any size filter.

    With --strip, the files are stitched in the given order, and the boxes are those of the strip.
    """
    from pipelines.images.decode import decode_picture
    from pipelines.panels.cut import cut_page, cut_strip
    from pipelines.panels.params import PanelParams
    from pipelines.panels.strip import stitch

    params = PanelParams(reading_direction="rtl" if right_to_left else "ltr")
    pages = [decode_picture(existing(file).read_bytes(), name=str(file)) for file in files]
    if strip:
        cuts = {"strip": cut_strip(stitch(pages).image, params)}
    else:
        cuts = {str(file): cut_page(page, params) for file, page in zip(files, pages, strict=True)}
    boxes = {name: [list(map(int, one.box)) for one in found] for name, found in cuts.items()}
    if as_json:
        typer.echo(json.dumps(boxes))
        return
    for name, found in boxes.items():
        table = Table("panel", "x", "y", "width", "height", title=escape(f"{name}: {len(found)} panels"))
        for number, box in enumerate(found, start=1):
            table.add_row(str(number), *map(str, box))
        out.print(table)


def hash_pictures(files: Pictures, as_json: AsJson = False) -> None:
    """Print the perceptual hash (pHash, 64 bits) of pictures, as imagehash computes it."""
    from pipelines.images.decode import decode_picture
    from pipelines.panels.hashing import phash

    hashes = {str(file): phash(decode_picture(existing(file).read_bytes(), name=str(file))) for file in files}
    if as_json:
        typer.echo(json.dumps(hashes))
        return
    for name, value in hashes.items():
        say(f"{value}  {name}")
