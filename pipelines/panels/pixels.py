"""The pixels of panels, cut again out of their pages, which the lake keeps as they were served.

A table of panels holds no pixels. A row says where they are: `pages_sha256` names the pages by their bytes, `page_box`
is the place from the first of them on, and `strip_width_px` the width to which slices of a strip are brought. Each page
is decoded once, in the order of the panels, and what is cut is compared with the `sha256` of its row: whoever reads a
panel has the pixels that it was hashed and chosen by, or an error.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from pipelines.images.decode import decode_picture
from pipelines.lake import DamagedFileError, Lake, split_issue_key
from pipelines.panels.hashing import pixels_sha256
from pipelines.panels.strip import at_width

PAGES_AT_A_TIME = 8
"""So many decoded pages are in memory, unless one panel touches more."""

_COLUMNS = ["panel_id", "pages_sha256", "page_box", "strip_box", "strip_width_px", "sha256"]

Map = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]
"""`map`, or that of a pool of threads."""


class PagesChanged(ValueError):
    """Pages of an issue are no longer those that its panels were cut from. The message names it and the remedy."""


def read_panels(lake: Lake, panel_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Panels by id, uint8 RGB (H, W, 3), in the given order, of any issues; decodes their pages only.

    Raises KeyError for an id that is in no table, and what `panel_batches` raises.
    """
    found: dict[str, np.ndarray] = {}
    for key in dict.fromkeys(panel_id.rpartition("__")[0] for panel_id in panel_ids):
        found |= panels_of(lake, key, panel_ids)
    return {panel_id: found[panel_id] for panel_id in panel_ids}


def panels_of(lake: Lake, key: str, panel_ids: Collection[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Those panels of an issue that are among `panel_ids`, one by one, with their ids: see `panel_batches`."""
    return chain.from_iterable(panel_batches(lake, key, panel_ids))


def panel_batches(
    lake: Lake, key: str, panel_ids: Collection[str], *, each: Map = map
) -> Iterator[list[tuple[str, np.ndarray]]]:
    """Panels of an issue, (id, uint8 RGB (H, W, 3)), in the order of their table and in batches of a few pages.

    Args:
        lake: Holds the pages and the table of panels.
        key: Of the issue.
        panel_ids: Which panels; other ids are passed over.
        each: Decodes the pages of a batch and cuts its panels: `map` of a pool of threads for several at a time.

    Raises FileNotFoundError where a table is missing, PagesChanged, DamagedFileError for a panel whose pixels are not
    those that were cut, and PictureError for a page that cannot be decoded.
    """
    path = lake.panels(key)
    there = lake.columns(path)  # a table of an earlier version lacks the strip's width
    table = lake.read_table(path, [name for name in _COLUMNS if name in there])
    wanted = set(panel_ids)
    rows = [row for row in table.to_pylist() if row["panel_id"] in wanted]
    source = _Pages(lake, key) if rows else None
    pages: dict[str, np.ndarray] = {}
    for batch in _batches(rows):
        assert source
        named = dict.fromkeys(digest for row in batch for digest in row["pages_sha256"])
        pages = {digest: pages[digest] for digest in named if digest in pages}
        missing = source.read([digest for digest in named if digest not in pages])
        pages |= dict(zip(missing, each(source.decode, missing.items()), strict=True))
        cut = each(lambda row, pages=pages: _checked(row, pages, lake, key), batch)
        yield [(row["panel_id"], rgb) for row, rgb in zip(batch, cut, strict=True)]


def _batches(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in their order, as many at a time as touch no more than PAGES_AT_A_TIME pages."""
    batch: list[dict[str, Any]] = []
    touched: set[str] = set()
    for row in rows:
        own = set(row["pages_sha256"])
        if batch and len(touched | own) > PAGES_AT_A_TIME:
            yield batch
            batch, touched = [], set()
        batch.append(row)
        touched |= own
    if batch:
        yield batch


class _Pages:
    """The pages of an issue by the digest of their bytes."""

    def __init__(self, lake: Lake, key: str) -> None:
        self._lake, self._key, self._path = lake, key, lake.issue_pages(key)
        rows = lake.read_table(self._path, ["page", "name", "status", "sha256"]).to_pylist()
        self._places = {row["sha256"]: place for place, row in enumerate(rows) if row["status"] == "ok"}
        title, issue = split_issue_key(key)
        self._names = {row["sha256"]: f"{title}, issue {issue}, page {row['page']} ({row['name']})" for row in rows}

    def read(self, digests: Sequence[str]) -> dict[str, bytes]:
        """The encoded pages by their digests. Raises PagesChanged."""
        if gone := [digest for digest in digests if digest not in self._places]:
            raise PagesChanged(
                f"{self._key}: {len(gone)} of the pages that its panels were cut from are no longer there (its pages "
                "changed); cut it again: tintoon run panels unique_panels"
            )
        if not digests:
            return {}
        table = self._lake.read_rows(self._path, [self._places[digest] for digest in digests], ["image"])
        images = table["image"].to_pylist()
        return {digest: image["bytes"] for digest, image in zip(digests, images, strict=True)}

    def decode(self, page: tuple[str, bytes]) -> np.ndarray:
        """The pixels of a page of `read`: uint8 RGB (H, W, 3)."""
        digest, data = page
        return decode_picture(data, name=self._names[digest])


def _checked(row: Mapping[str, Any], pages: Mapping[str, np.ndarray], lake: Lake, key: str) -> np.ndarray:
    """The pixels of a panel, where they are those that were cut."""
    rgb = _cut_again(row, [pages[digest] for digest in row["pages_sha256"]])
    if pixels_sha256(rgb) != row["sha256"]:
        path = lake.panels(key)
        raise DamagedFileError(
            f"{row['panel_id']}: its pixels are not those that were cut (the table was damaged, or pages are decoded "
            f"otherwise here): {path}: {lake.remedy(path)}"
        )
    return rgb


def _cut_again(row: Mapping[str, Any], pages: Sequence[np.ndarray]) -> np.ndarray:
    """The pixels inside of the box of a row, out of the pages that it touches: uint8 RGB (H, W, 3)."""
    x, y, width, height = row["page_box"]
    if not row["strip_box"]:
        return np.ascontiguousarray(pages[0][y : y + height, x : x + width])
    strip_width = row.get("strip_width_px") or max(page.shape[1] for page in pages)
    parts = []
    for page in pages:
        part = page[y : y + height]
        parts.append(at_width(part, strip_width)[:, x : x + width])
        y, height = 0, height - len(part)
    return np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)
