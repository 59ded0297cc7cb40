"""The end of the demo: its newest issue as a gray book, coloured from the earlier issues and a few marks."""

import io
import zipfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.page import cut_panels, panel_pixels
from pipelines.colorize.segment_hints import hint_of_largest_segments
from pipelines.colorize.title_references import load_title_references
from pipelines.images.color import rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.lake import Lake, atomic_write, natural_key, split_issue_key
from studio.colorize import Wanted, colorize
from studio.progress import CommandProgress

MARKED_PANELS, MARKS = 2, 3
"""A person marks so few: the rest follows."""


@dataclass(frozen=True)
class DemoBook:
    """The files that were written."""

    gray: Path
    colored: Path
    report: Path


def color_newest_issue(lake: Lake, title: str, folder: Path, *, cache: Path, progress: CommandProgress) -> DemoBook:
    """Writes the newest issue of a title as a gray CBZ, the references, the hints, the coloured CBZ and its report.

    Raises FileNotFoundError before the title has references.
    """
    known = load_title_references(lake, title, cache=cache)
    keys = {path.stem for path in lake.issue_pages(f"{title}__0").parent.glob("*.parquet")}
    issue = max(keys, key=natural_key)
    key = f"{title}__{issue}"
    table = lake.read_table(lake.issue_pages(key), columns=["page", "status", "image"]).to_pylist()
    pages = {
        f"{row['page']:03}.png": decode_picture(row["image"]["bytes"], name=f"{key}, page {row['page']}")
        for row in sorted(table, key=lambda row: row["page"])
        if row["status"] == "ok"
    }
    folder.mkdir(parents=True, exist_ok=True)
    gray, index, hints = folder / f"{issue}_gray.cbz", folder / "references.safetensors", folder / "hints.json"
    with atomic_write(gray) as temporary:
        temporary.write_bytes(_gray_book(pages))
    earlier = replace(
        known, entries=tuple(one for one in known if split_issue_key(one.name.rpartition("__")[0])[1] != issue)
    )
    earlier.save(index)
    with atomic_write(hints) as temporary:
        temporary.write_text(_hints(pages), "utf-8")
    book = DemoBook(gray, folder / f"{issue}_colored.cbz", folder / f"{issue}_report.html")
    wanted = Wanted(gray, book.colored, references=(index,), hints=hints, report=book.report)
    colorize(wanted, progress=partial(progress.listener, with_time_left=True))
    return book


def _gray_book(pages: dict[str, np.ndarray]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, rgb in pages.items():
            archive.writestr(zipfile.ZipInfo(name), cv2.imencode(".png", rgb_to_gray(rgb))[1].tobytes())
    return written.getvalue()


def _hints(pages: dict[str, np.ndarray]) -> str:
    """The hints file of a person who marks the largest segments of a few panels with their true colours."""
    found: dict[str, Hint] = {}
    marked = 0
    for name, rgb in pages.items():
        height, width = rgb.shape[:2]
        points = []
        for cut in cut_panels(rgb)[: MARKED_PANELS - marked]:
            marked += 1
            x, y, w, h = cut.box
            points += [
                Point((x + dot.x * w) / width, (y + dot.y * h) / height, dot.rgb)
                for dot in hint_of_largest_segments(panel_pixels(rgb, cut), MARKS).points
            ]
        if points:
            found[name] = Hint(points=tuple(points))
        if marked == MARKED_PANELS:
            break
    pages_of_hints = ", ".join(f'"{name}": {hint.to_json()}' for name, hint in found.items())
    return f'{{"pages": {{{pages_of_hints}}}}}\n'
