"""Writes the report of a coloured book.

report.html          the page; it opens without a network and without scripts
report_files/        its pictures, and what is known of each page, so that a killed run goes on
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.books.book import Page
from pipelines.books.writer import PageResult
from pipelines.colorize.page import ColoredPanel
from pipelines.colorize.proposals import FROM_HINT, FROM_NETWORK, FROM_NOTHING
from pipelines.colorize.report.pictures import (
    COLORS,
    LETTERS,
    PAGE_PX,
    Source,
    doubt_map,
    reference_picture,
    source_map,
    sources_of,
    visible,
)
from pipelines.colorize.shelf import Shelf, thumbnail
from pipelines.issue_pages.local_files import shown
from pipelines.lake import atomic_write

_OURS = re.compile(r"(\d{4,}-[0-9a-f]{12}|[0-9a-f]{20})\.(json|jpg)")
_SURE = 0.5  # confidence from which a place counts as sure


class ColoringReport:
    """The report of one book while it is coloured."""

    def __init__(self, file: Path) -> None:
        """file: Its HTML page. Raises ValueError where its name does not end in .html."""
        if file.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"{file}: expected a name that ends in .html")
        self.file = file
        self._folder = file.with_name(f"{file.stem}_files")
        self._digest = ""

    def begin(self, digest: str) -> None:
        """digest: of all that the colours of the book depend on; records of another one do not count."""
        self._digest = digest
        self._folder.mkdir(parents=True, exist_ok=True)

    def has(self, page: Page) -> bool:
        """True where a page was recorded before."""
        return self._record(page.number).exists()

    def add(
        self, page: Page, before: np.ndarray, after: np.ndarray, panels: Sequence[ColoredPanel], shelf: Shelf
    ) -> None:
        """Records a page.

        Args:
            page: The page.
            before: (H, W, 3) uint8 RGB.
            after: The same in colour.
            panels: Its panels, with boxes that may run past the page where it is a slice.
            shelf: The references that colours came from.
        """
        is_colored = any(panel.proposals is not None for panel in panels)
        record = {
            "before": self._keep(thumbnail(before, PAGE_PX)),
            "after": self._keep(thumbnail(after, PAGE_PX)) if (before != after).any() else None,
            "doubt": self._keep(doubt_map(before, panels)) if is_colored else None,
            "width_px": before.shape[1],
            "height_px": before.shape[0],
            "panels": [self._panel(number, one, before, shelf) for number, one in enumerate(panels, start=1)],
        }
        with atomic_write(self._record(page.number)) as temporary:
            temporary.write_text(json.dumps(record, ensure_ascii=False))

    def add_damaged(self, page: Page) -> None:
        """Records a page that cannot be shown."""
        with atomic_write(self._record(page.number)) as temporary:
            temporary.write_text("null")

    def finish(
        self,
        results: Sequence[PageResult],
        *,
        title: str,
        about: Mapping[str, str],
        notes: Sequence[str],
        credits: Sequence[str],
        lacks_sources: bool,
    ) -> Path:
        """Writes the page and removes what no longer belongs to it. Returns its path.

        Args:
            results: What became of each page.
            title: Of the book.
            about: The settings.
            notes: On the book as a whole.
            credits: Whom to name for the references, with their licences.
            lacks_sources: Whether there was nothing to take colours from.
        """
        pages, used = [], set()
        for result in results:
            path = self._record(result.number)
            record = json.loads(path.read_text()) if path.exists() else None
            pages.append({"result": replace(result, name=shown(result.name)), "record": record})
            used |= {path.name, *_files(record)}
        text = (
            _environment()
            .get_template("page.html.j2")
            .render(
                title=title,
                about=about,
                notes=notes,
                lacks_sources=lacks_sources,
                pages=pages,
                folder=self._folder.name,
                styles={letter: _style(color) for letter, color in zip(LETTERS, COLORS, strict=True)},
                credits=credits,
                counts={outcome: sum(one.outcome == outcome for one in results) for outcome in _OUTCOMES},
                outcomes=_OUTCOMES,
            )
        )
        with atomic_write(self.file) as temporary:
            temporary.write_text(text)
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in used:
                path.unlink()
        return self.file

    def _panel(self, number: int, panel: ColoredPanel, page: np.ndarray, shelf: Shelf) -> dict[str, Any]:
        found: dict[str, Any] = {"number": number, "had_color": panel.had_color, "is_marked": panel.is_marked}
        x, y, width, height = panel.box
        pixels = page[max(0, y) : y + height, max(0, x) : x + width]
        if panel.proposals is None or not pixels.size:
            return found | {"sources": None}
        proposals = visible(panel.proposals, panel.box, page.shape)
        sources = sources_of(proposals)
        found["sure"] = float((proposals.confidence >= _SURE).mean())
        found["from_hint"] = float((proposals.reference == FROM_HINT).mean())
        found["from_network"] = float((proposals.reference == FROM_NETWORK).mean())
        found["from_nothing"] = float((proposals.reference == FROM_NOTHING).mean())
        found["map"] = self._keep(source_map(np.ascontiguousarray(pixels), proposals, sources))
        found["sources"] = [
            {
                "letter": source.letter,
                "name": source.name,
                "share": source.share,
                "picture": self._source(source, shelf),
            }
            for source in sources
        ]
        return found

    def _source(self, source: Source, shelf: Shelf) -> str | None:
        """The picture of a reference, where there is one."""
        jpeg = shelf.thumbnail(source.name)
        return None if jpeg is None else self._keep(reference_picture(jpeg, source))

    def _keep(self, jpeg: bytes) -> str:
        name = f"{sha256(jpeg).hexdigest()[:20]}.jpg"
        if not (self._folder / name).exists():
            with atomic_write(self._folder / name) as temporary:
                temporary.write_bytes(jpeg)
        return name

    def _record(self, number: int) -> Path:
        key = sha256(f"{self._digest} {number}".encode()).hexdigest()[:12]
        return self._folder / f"{number:04}-{key}.json"


_OUTCOMES = {"colored": "coloured", "kept": "kept", "copied": "copied as it was", "left_out": "left out"}


def _files(record: Mapping[str, Any] | None) -> set[str]:
    """The pictures that a record names."""
    if record is None:
        return set()
    found = {record["before"], record["after"], record["doubt"]}
    for panel in record["panels"]:
        found |= {panel.get("map"), *(source["picture"] for source in panel["sources"] or ())}
    return found - {None}


def _style(color: tuple[int, int, int]) -> dict[str, str]:
    """The ground of a letter, and the ink that is read on it, as CSS has them."""
    is_light = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 130
    return {"ground": "rgb({}, {}, {})".format(*color), "ink": "#000" if is_light else "#fff"}


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return found
