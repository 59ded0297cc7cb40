"""Stage 1: collects the pages of one issue, exactly as served.

Reads the source and the pages that the lake already has; writes the issue's table (`page_store.py`) and its state
(`catalogue.py`). Each page is stored as soon as it has come, so that an interruption costs one page at most.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from pipelines.issue_pages.catalogue import note_state, note_title_state
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.discretion import hidden_facts, hidden_skip, hiding
from pipelines.issue_pages.entry import (
    Fetched,
    IssueUnavailable,
    ListingFailed,
    PageEntry,
    Skip,
    TitleUnavailable,
)
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.page_store import (
    OK,
    clear_partial,
    content_digest,
    dropped_row,
    has_failed,
    is_gone,
    keep_partial,
    kept_partial,
    page_table,
    settled_pages,
    stored_pages,
)
from pipelines.issue_pages.sources.source import Source
from pipelines.lake import Lake, split_issue_key
from pipelines.progress import Progress
from pipelines.terms.dropped import Dropped, drop_command, read_dropped
from pipelines.titles import Title

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PagesReport:
    """The result of collecting one issue."""

    key: str
    counts: dict[str, int]  # pages by status
    fetched: int  # pages whose bytes came now
    not_modified: int  # pages that the source confirmed, by its answer or with equal bytes
    resumed: int  # pages kept by an earlier collection that was interrupted, or left pages out
    gone: int  # of those that are ok, the ones that the source no longer has
    bytes_fetched: int
    digest: str  # digest of the pages that are ok: the data version
    unchanged: bool  # the content is what the lake had
    rows: tuple[PageRow, ...]


class PagesFailed(Exception):
    """Some pages of an issue did not come. Those that did are kept; `report` has them all."""

    def __init__(self, report: PagesReport, failures: Mapping[int, str]):
        shown = [f"page {page}: {failure}" for page, failure in list(failures.items())[:5]]
        if len(failures) > len(shown):
            shown.append(f"and {len(failures) - len(shown)} more, in the table's column `detail`")
        super().__init__(
            f"{report.key}: {len(failures)} of {len(report.rows)} pages failed. Run it again: only they are fetched.\n"
            + "\n".join(shown)
        )
        self.report = report
        self.failures = dict(failures)


def collect_issue(
    key: str,
    titles: Mapping[str, Title],
    sources: Mapping[str, Source],
    lake: Lake,
    *,
    licences: Collection[str] = (),
    on_page: Progress | None = None,
) -> PagesReport:
    """Collects every page of one issue into its table; a second time, only what is new or has changed.

    Where pages failed the last time, only those are asked for; the next collection checks the others again.

    `licences`: pages under other licences are skipped; empty: all are collected. `on_page(done, total)` is called
    after each page. Raises IssueUnavailable or TitleUnavailable (the catalogue then has the state), PagesFailed (the
    table then has a row with the reason for each page that did not come), ListingFailed or a FetchError where the
    list of pages could not be read.
    """
    title, issue = declared_title(key, titles)
    title_key, source = title.key, sources[title.source]
    dropped = read_dropped(lake)
    if drop := dropped.issue(key):
        note_state(lake, title_key, issue, "dropped", drop.why)
        raise IssueUnavailable("dropped", f"{key}: {drop.why}: {drop.undo_command} lets it in")
    try:
        with hiding(title):
            listed = [licensed(entry, title, licences) for entry in source.list_pages(title, issue)]
    except IssueUnavailable as error:
        note_state(lake, title_key, issue, error.state, str(error))
        raise
    except TitleUnavailable as error:
        note_title_state(lake, title_key, error)
        raise
    except (FetchError, ListingFailed) as error:
        reason = f"{error.reason}: " if isinstance(error, FetchError) else ""
        note_state(lake, title_key, issue, "unlisted", f"{reason}{error}")
        raise
    note_state(lake, title_key, issue, "free", "")
    path = lake.issue_pages(key)
    old_rows, stored = stored_pages(lake, key)
    # A host is not asked again for what turned out to be a copy of what was dropped; a file may be another one now.
    digests = {title.shown(row.url): row.sha256 for row in old_rows}
    copies = () if source.is_local else {url for url, digest in digests.items() if dropped.bytes(digest)}
    entries = [without_dropped(key, entry, title, dropped, copies) for entry in listed]
    settled = kept_partial(lake, key) if source.is_local else settled_pages(lake, key, old_rows, stored)
    # Earlier versions stored addresses as they were asked for.
    stored, settled = ({title.shown(url): page for url, page in pages.items()} for pages in (stored, settled))
    known_pages = {**stored, **settled}
    rows: list[PageRow] = []
    pictures: list[bytes | None] = []
    failures: dict[int, str] = {}
    done: Counter[str] = Counter()
    for entry in entries:
        picture: bytes | None = None
        base = _row(title, issue, entry)
        known_row, known_bytes = known_pages.get(base.url, (None, None))
        if skip := hidden_skip(entry.skip, title):
            known_digest = digests.get(base.url) if skip.status == "dropped" else None
            row = replace(base, status=skip.status, detail=skip.detail, sha256=known_digest)
        elif known_row is not None and base.url in settled and not source.is_local:
            done["resumed"] += 1
            row, picture = _moved(known_row, base), known_bytes
        else:
            try:
                with hiding(title):
                    came = source.fetch(title, entry, known_row)
            except FetchError as error:
                problem = f"{error.reason}: {error}"
                if known_row is None:
                    row = replace(base, status=error.reason, detail=str(error), http_status=error.http_status)
                else:
                    # A page that came once stays, even if its host fails now or no longer has it.
                    row, picture = replace(_moved(known_row, base), detail=problem), known_bytes
                if has_failed(row):
                    failures[entry.page] = problem
            else:
                now = datetime.now(UTC)
                if isinstance(came, Fetched):
                    picture = came.picture.data
                    row = _fetched_row(base, came, now)
                    if row.note:
                        _log.warning("%s: page %d, %s: %s", key, row.page, row.name, row.note)
                    done["bytes"] += len(picture)
                    done["fetched"] += 1
                    if known_row is not None and known_row.sha256 == row.sha256:
                        row = replace(row, fetched_at=known_row.fetched_at)
                        done["equal"] += 1
                    if not dropped.bytes(row.sha256):
                        keep_partial(lake, key, row, picture)
                    settled[base.url] = known_pages[base.url] = (row, picture)
                else:
                    assert known_row is not None
                    done["resumed" if base.url in settled else "not_modified"] += 1
                    row, picture = replace(_moved(known_row, base), detail=None, checked_at=now), known_bytes
        if drop := dropped.bytes(row.sha256):
            row, picture = dropped_row(row, drop), None
        rows.append(row)
        pictures.append(picture)
        if on_page is not None:
            on_page(len(rows), len(entries))

    digest = content_digest(rows)
    if [_without_times(row) for row in rows] != [_without_times(row) for row in old_rows]:
        lake.write_table(path, page_table(rows, pictures), made_from=digest)
    clear_partial(lake, key)
    report = PagesReport(
        key=key,
        counts=dict(Counter(row.status for row in rows)),
        fetched=done["fetched"],
        not_modified=done["not_modified"] + done["equal"],
        resumed=done["resumed"],
        gone=sum(map(is_gone, rows)),
        bytes_fetched=done["bytes"],
        digest=digest,
        unchanged=bool(old_rows) and digest == content_digest(old_rows),
        rows=tuple(rows),
    )
    if failures:
        raise PagesFailed(report, failures)
    if "dropped" in report.counts and OK not in report.counts:
        what = f"{key}: every page was dropped: tintoon drop --undo lets them in"
        note_state(lake, title_key, issue, "dropped", what)
        raise IssueUnavailable("dropped", what)
    return report


def declared_title(key: str, titles: Mapping[str, Title]) -> tuple[Title, str]:
    """The title of an issue key, and the issue. Raises ValueError for a title that is not declared."""
    title_key, issue = split_issue_key(key)
    if title_key not in titles:
        remedy = f"add it to titles.yaml, or: {drop_command(key)}"
        raise ValueError(f"{key}: title {title_key!r} is not declared; {remedy}")
    return titles[title_key], issue


def licensed(entry: PageEntry, title: Title, licences: Collection[str]) -> PageEntry:
    """The page, marked to be skipped where it is under none of the licences. No licences: all pass."""
    licence = entry.licence or title.licence
    if entry.skip is not None or not licences or licence in licences:
        return entry
    return replace(entry, skip=Skip("unlicensed", f"under {licence}; collected is only {', '.join(sorted(licences))}"))


def without_dropped(
    key: str, entry: PageEntry, title: Title, dropped: Dropped, copies: Collection[str] = ()
) -> PageEntry:
    """The page, marked to be skipped where it was dropped for good from this issue.

    copies: Addresses, as tables have them, whose bytes are known to be dropped.
    """
    if entry.skip is not None:
        return entry
    if drop := dropped.page(key, title.shown(entry.url)):
        return replace(entry, skip=Skip("dropped", drop.why))
    if title.shown(entry.url) in copies:
        return replace(entry, skip=Skip("dropped", "the same bytes as a page that was dropped"))
    return entry


def _row(title: Title, issue: str, entry: PageEntry) -> PageRow:
    """The row of a page of which nothing has come yet."""
    return PageRow(
        title=title.key,
        issue=issue,
        page=entry.page,
        name=entry.name,
        url=title.shown(entry.url),
        status="",
        detail=None,
        http_status=None,
        etag=None,
        last_modified=None,
        sha256=None,
        size_bytes=None,
        width_px=None,
        height_px=None,
        format=None,
        fetched_at=None,
        checked_at=None,
        licence=entry.licence or title.licence,
        attribution=entry.attribution or title.attribution,
        facts=json.dumps(hidden_facts(entry.facts, title), ensure_ascii=False, sort_keys=True),
    )


def _fetched_row(base: PageRow, came: Fetched, now: datetime) -> PageRow:
    return replace(
        base,
        status=OK,
        http_status=came.http_status,
        etag=came.etag,
        last_modified=came.last_modified,
        sha256=sha256(came.picture.data).hexdigest(),
        size_bytes=len(came.picture.data),
        width_px=came.picture.width_px,
        height_px=came.picture.height_px,
        format=came.picture.format,
        fetched_at=now,
        checked_at=now,
        note=came.picture.note,
    )


def _moved(row: PageRow, base: PageRow) -> PageRow:
    """A kept row at the place, under the licence and with the facts that hold now."""
    return replace(
        row,
        page=base.page,
        name=base.name,
        url=base.url,
        licence=base.licence,
        attribution=base.attribution,
        facts=base.facts,
    )


def _without_times(row: PageRow) -> PageRow:
    return replace(row, fetched_at=None, checked_at=None)
