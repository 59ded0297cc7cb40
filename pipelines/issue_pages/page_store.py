"""The pages of an issue in the lake: its table, and those of an interrupted collection.

issue_pages/<title>/<issue>.parquet          the pages of an issue
issue_pages/<title>/.<issue>.partial/        pages of an interrupted collection, one file a page: its row as one line
                                             of JSON, then its bytes; a small table in earlier versions
"""

import glob
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from upath import UPath

from pipelines.errors.leftovers import remove_leftovers
from pipelines.issue_pages.client.fetch_error import Gone
from pipelines.issue_pages.entry import SKIP_STATUSES
from pipelines.issue_pages.page import PAGE_SCHEMA, PageRow
from pipelines.lake import DamagedFileError, Lake, digest_of
from pipelines.terms.dropped import Drop, Dropped

OK = "ok"
_KEPT = ".page"
_HARMLESS = frozenset({OK}) | SKIP_STATUSES
KnownPages = dict[str, tuple[PageRow, bytes]]
"""Whole pages by address, with their bytes."""


def stored_pages(lake: Lake, key: str) -> tuple[list[PageRow], KnownPages]:
    """The rows of an issue's table, and of these the whole pages; nothing before its first collection."""
    path = lake.issue_pages(key)
    if not path.exists():
        return [], {}
    stored = list(_rows(lake.read_table(path)))
    return [row for row, _ in stored], {row.url: (row, data) for row, data in stored if row.status == OK and data}


def is_complete(lake: Lake, key: str) -> bool:
    """True where every page of an issue is there that its last collection found."""
    path = lake.issue_pages(key)
    return path.exists() and _HARMLESS.issuperset(lake.read_table(path, ["status"])["status"].to_pylist())


def settled_pages(lake: Lake, key: str, rows: Collection[PageRow], stored: KnownPages) -> KnownPages:
    """Whole pages that a collection need not ask a host for.

    These are the pages of an interrupted collection, and, where pages of the last one failed, its other pages.
    `rows` and `stored` are the issue's `stored_pages`.
    """
    was_incomplete = any(map(has_failed, rows))
    whole = {url: page for url, page in stored.items() if was_incomplete and not has_failed(page[0])}
    return {**whole, **kept_partial(lake, key)}


def kept_partial(lake: Lake, key: str) -> KnownPages:
    """Whole pages of an interrupted collection."""
    folder = partial_folder(lake, key)
    if not folder.exists():
        return {}
    pages = [_kept_page(lake, path) for path in sorted(folder.glob(f"*{_KEPT}"))]
    pages += (page for path in sorted(folder.glob("*.parquet")) for page in _rows(lake.read_table(path)))
    return {row.url: (row, data) for row, data in pages if data}


def keep_partial(lake: Lake, key: str, row: PageRow, picture: bytes) -> None:
    """Stores a page that has come, so that an interruption does not lose it."""
    # Named by its address, so that a list that changes between two attempts mixes no pages up.
    name = f"{sha256(row.url.encode()).hexdigest()[:24]}{_KEPT}"
    line = json.dumps(vars(row), default=datetime.isoformat, ensure_ascii=False)
    lake.write_bytes(partial_folder(lake, key) / name, line.encode() + b"\n" + picture)


def _kept_page(lake: Lake, path: UPath) -> tuple[PageRow, bytes | None]:
    """What `keep_partial` stored. Raises DamagedFileError."""
    line, _, picture = path.read_bytes().partition(b"\n")
    try:
        values = json.loads(line)
        times = {name: datetime.fromisoformat(values[name]) for name in ("fetched_at", "checked_at")}
        row = PageRow(**{**values, **times})
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedFileError(f"{path}: damaged, no page ({error}); {lake.remedy(path)}") from None
    if sha256(picture).hexdigest() != row.sha256:
        raise DamagedFileError(f"{path}: damaged, its bytes are not those of its page; {lake.remedy(path)}")
    return row, picture


def clear_partial(lake: Lake, key: str) -> None:
    """Removes what the table now has, and what a killed process left half-written."""
    folder, path = partial_folder(lake, key), lake.issue_pages(key)
    if folder.exists():
        folder.fs.rm(folder.path, recursive=True)
    if isinstance(path, Path):
        # A process collects an issue alone: what is there now without a living writer, nobody writes.
        remove_leftovers(Path(path.parent), f".{glob.escape(path.name)}.*.part", abandoned_after_s=-1)


def content_digest(rows: Collection[PageRow]) -> str:
    """Digest of the content that later stages read: the pictures in order, with licence and attribution."""
    return digest_of([[row.sha256, row.licence, row.attribution] for row in rows if row.status == OK])


def dropped_row(row: PageRow, drop: Drop) -> PageRow:
    """The row of a page that was dropped: its place and its digest stay, without what a source could confirm."""
    return replace(row, status="dropped", detail=drop.why, etag=None, last_modified=None, note=None)


def all_dropped(lake: Lake, key: str, dropped: Dropped) -> bool:
    """True where an issue has pages that were dropped, and no other page with a picture."""
    path = lake.issue_pages(key)
    if not path.exists():
        return False
    table = lake.read_table(path, ["status", "sha256"])
    return OK not in table["status"].to_pylist() and any(map(dropped.bytes, table["sha256"].to_pylist()))


def drop_pages(lake: Lake, key: str, pages: Mapping[str, Drop]) -> int:
    """Takes the pictures of pages, by their addresses, out of an issue's table; their rows stay. Returns the bytes."""
    path = lake.issue_pages(key)
    stored = list(_rows(lake.read_table(path)))
    rows = [dropped_row(row, pages[row.url]) if row.url in pages else row for row, _ in stored]
    pictures = [None if row.url in pages else data for row, data in stored]
    lake.write_table(path, page_table(rows, pictures), made_from=content_digest(rows))
    return sum(len(data) for row, data in stored if data and row.url in pages)


def partial_folder(lake: Lake, key: str) -> UPath:
    """The folder of the pages of an interrupted collection."""
    path = lake.issue_pages(key)
    return path.with_name(f".{path.name.removesuffix('.parquet')}.partial")


def has_failed(row: PageRow) -> bool:
    """True where the last attempt to fetch or to check a page failed. Its row then has the reason.

    A page that is there and that its source no longer has is no failure: nothing would mend it.
    """
    return row.status not in _HARMLESS or (row.status == OK and row.detail is not None and not is_gone(row))


def is_gone(row: PageRow) -> bool:
    """True where a page is there though its source no longer has it. `detail` then has the source's answer."""
    return row.status == OK and (row.detail or "").startswith(f"{Gone.reason}: ")


def page_table(rows: list[PageRow], pictures: list[bytes | None]) -> pa.Table:
    """The table of an issue: one row a page, with its bytes where they came."""
    records = [
        {**vars(row), "image": None if data is None else {"bytes": data, "path": row.name}}
        for row, data in zip(rows, pictures, strict=True)
    ]
    return pa.Table.from_pylist(records, schema=PAGE_SCHEMA)


def _rows(table: pa.Table) -> Iterator[tuple[PageRow, bytes | None]]:
    for record in table.to_pylist():
        image = record.pop("image")
        yield PageRow(**record), image["bytes"] if image else None
