"""Stage 1: asks sources which issues exist, and collects the pages of one issue, exactly as served.

    catalogue/<title>.json                       every issue ever listed, with its state
    issue_pages/<title>/<issue>.parquet          the pages of an issue
    issue_pages/<title>/.<issue>.partial/        pages of an interrupted collection, one small table a page

Reads the sources and what the lake already has; writes the three above. Whatever has come is kept at once, so
that an interruption at any moment costs one page at most.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa
from upath import UPath

from pipelines.issue_pages.client.fetch_error import FetchError, Gone
from pipelines.issue_pages.entry import (
    SKIP_STATUSES,
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    PageEntry,
    Skip,
    TitleUnavailable,
    Unavailable,
)
from pipelines.issue_pages.page import PAGE_SCHEMA, PageRow
from pipelines.issue_pages.sources.source import Source
from pipelines.lake import Lake, digest_of, issue_key, split_issue_key
from pipelines.titles import Title

_log = logging.getLogger(__name__)

OK = "ok"
_HARMLESS = frozenset({OK}) | SKIP_STATUSES
_PASSING_STATES = ("unlisted", "empty")
"""What opening an issue may have shown by one bad answer: it is tried again as the list has it."""

Progress = Callable[[int, int], None]
KnownPages = dict[str, tuple[PageRow, bytes]]
"""Whole pages by address, with their bytes."""


@dataclass(frozen=True)
class CatalogueIssue:
    """One issue of the catalogue. `state` is "free", or why it is not collected.

    "gone" when the list lost it; "unlisted" where the list of its pages could not be had: the next sync opens it again.
    """

    issue: str
    name: str
    date: str | None
    state: str
    listed_as: str  # the state by the list; the issue itself may have turned out otherwise
    note: str
    first_seen: str
    facts: dict[str, Any] = field(default_factory=dict)  # what the source says of it, as JSON values


@dataclass(frozen=True)
class Catalogue:
    """Every issue of a title that was ever listed, in the source's order, those that the list lost last."""

    title: str
    state: str = "listed"  # or why the title is not to be had
    detail: str = ""
    issues: tuple[CatalogueIssue, ...] = ()


@dataclass(frozen=True)
class SyncReport:
    """What the sources list now."""

    keys: tuple[str, ...]  # of all free issues
    new_keys: tuple[str, ...]  # of those, the ones seen for the first time
    counts: dict[str, dict[str, int]]  # issues by state, by title
    errors: dict[str, str]  # why a title could not be listed; what its catalogue says of issues stays


@dataclass(frozen=True)
class PagesReport:
    """What collecting one issue did."""

    key: str
    counts: dict[str, int]  # pages by status
    fetched: int  # pages whose bytes came now
    not_modified: int  # pages that the source confirmed, by its word or with equal bytes
    resumed: int  # pages kept by an earlier collection that was interrupted, or left pages out
    gone: int  # of those that are ok, the ones that the source no longer has
    bytes_fetched: int
    digest: str  # of the content of the pages that are ok: the data version
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


def catalogue_path(lake: Lake, title: str) -> UPath:
    """The file of one title's catalogue."""
    return lake.root / "catalogue" / f"{title}.json"


def read_catalogue(lake: Lake, title: str) -> Catalogue:
    """What is known of one title's issues: nothing, before its first sync."""
    path = catalogue_path(lake, title)
    if not path.exists():
        return Catalogue(title=title)
    content = lake.read_json(path)
    issues = tuple(CatalogueIssue(**issue) for issue in content.pop("issues"))
    return Catalogue(**content, issues=issues)


def sync_titles(titles: Mapping[str, Title], sources: Mapping[str, Source], lake: Lake) -> SyncReport:
    """Asks each title's source which issues exist, and brings the catalogues up to date.

    A title that cannot be listed stands in `errors`, with the remedy, and holds up no other.
    """
    keys: list[str] = []
    new_keys: list[str] = []
    counts: dict[str, dict[str, int]] = {}
    errors: dict[str, str] = {}
    for title in titles.values():
        try:
            known, catalogue = _sync_title(title, sources[title.source], lake)
            free = {
                issue.issue: issue_key(title.key, issue.issue) for issue in catalogue.issues if issue.state == "free"
            }
        except (Unavailable, FetchError, ListingFailed) as error:
            errors[title.key] = str(error)
            continue
        except Exception as error:  # whatever a source has run into: the other titles are not to blame
            _log.exception("%s: not listed", title.key)
            errors[title.key] = f"{type(error).__name__}: {error}; report it with the log"
            continue
        counts[title.key] = dict(Counter(issue.state for issue in catalogue.issues))
        seen_before = {issue.issue for issue in known.issues}
        keys += free.values()
        new_keys += [key for issue, key in free.items() if issue not in seen_before]
    return SyncReport(keys=tuple(keys), new_keys=tuple(new_keys), counts=counts, errors=errors)


def collect_issue(
    key: str,
    titles: Mapping[str, Title],
    sources: Mapping[str, Source],
    lake: Lake,
    *,
    licences: Collection[str] = (),
    on_page: Progress | None = None,
) -> PagesReport:
    """Collects every page of one issue into its table; a second time, only what is new or has changed. Where the last
    time pages were left out, only those are asked for: the next collection asks for the others again.

    `licences`: pages under others are left alone; without any, none is. `on_page(done, total)` is called after each
    page. Raises IssueUnavailable or TitleUnavailable (the catalogue
    then has the state), PagesFailed (the table then has a row with the reason for each page that did not come),
    ListingFailed or a FetchError when the list of pages could not be had.
    """
    title, issue = declared_title(key, titles)
    title_key, source = title.key, sources[title.source]
    try:
        entries = [licensed(entry, title, licences) for entry in source.list_pages(title, issue)]
    except IssueUnavailable as error:
        _note_state(lake, title_key, issue, error.state, str(error))
        raise
    except TitleUnavailable as error:
        _note_title_state(lake, title_key, error)
        raise
    except (FetchError, ListingFailed) as error:
        reason = f"{error.reason}: " if isinstance(error, FetchError) else ""
        _note_state(lake, title_key, issue, "unlisted", f"{reason}{error}")
        raise
    _note_state(lake, title_key, issue, "free", "")

    path = lake.issue_pages(key)
    old_rows, stored = stored_pages(lake, key)
    settled = kept_partial(lake, key) if source.is_local else settled_pages(lake, key, old_rows, stored)
    known_pages = {**stored, **settled}
    rows: list[PageRow] = []
    pictures: list[bytes | None] = []
    failures: dict[int, str] = {}
    done: Counter[str] = Counter()
    for entry in entries:
        picture: bytes | None = None
        base = _row(title, issue, entry)
        known_row, known_bytes = known_pages.get(entry.url, (None, None))
        if entry.skip is not None:
            row = replace(base, status=entry.skip.status, detail=entry.skip.detail)
        elif known_row is not None and entry.url in settled and not source.is_local:
            done["resumed"] += 1
            row, picture = _moved(known_row, base), known_bytes
        else:
            try:
                came = source.fetch(title, entry, known_row)
            except FetchError as error:
                problem = f"{error.reason}: {error}"
                if known_row is None:
                    row = replace(base, status=error.reason, detail=str(error), http_status=error.http_status)
                else:
                    # A page that was whole once is not thrown away because its host has a bad day, or has it no more.
                    row, picture = replace(_moved(known_row, base), detail=problem), known_bytes
                if has_failed(row):
                    failures[entry.page] = problem
            else:
                now = datetime.now(UTC)
                if isinstance(came, Fetched):
                    picture = came.picture.data
                    row = _fetched_row(base, came, now)
                    done["bytes"] += len(picture)
                    done["fetched"] += 1
                    if known_row is not None and known_row.sha256 == row.sha256:
                        row = replace(row, fetched_at=known_row.fetched_at)
                        done["equal"] += 1
                    _keep_partial(lake, key, row, picture)
                    settled[entry.url] = known_pages[entry.url] = (row, picture)
                else:
                    assert known_row is not None
                    done["resumed" if entry.url in settled else "not_modified"] += 1
                    row, picture = replace(_moved(known_row, base), detail=None, checked_at=now), known_bytes
        rows.append(row)
        pictures.append(picture)
        if on_page is not None:
            on_page(len(rows), len(entries))

    digest = _content_digest(rows)
    if [_without_times(row) for row in rows] != [_without_times(row) for row in old_rows]:
        lake.write_table(path, _table(rows, pictures), made_from=digest)
    _clear_partial(lake, key)
    report = PagesReport(
        key=key,
        counts=dict(Counter(row.status for row in rows)),
        fetched=done["fetched"],
        not_modified=done["not_modified"] + done["equal"],
        resumed=done["resumed"],
        gone=sum(map(_is_gone, rows)),
        bytes_fetched=done["bytes"],
        digest=digest,
        unchanged=bool(old_rows) and digest == _content_digest(old_rows),
        rows=tuple(rows),
    )
    if failures:
        raise PagesFailed(report, failures)
    return report


def declared_title(key: str, titles: Mapping[str, Title]) -> tuple[Title, str]:
    """The title of an issue key, and the issue. Raises ValueError for a title that is not declared."""
    title_key, issue = split_issue_key(key)
    if title_key not in titles:
        raise ValueError(f"{key}: title {title_key!r} is not declared; add it to titles.yaml, or drop the issue")
    return titles[title_key], issue


def licensed(entry: PageEntry, title: Title, licences: Collection[str]) -> PageEntry:
    """The page, to be left alone where it is under none of the licences. Without any, all are as good."""
    licence = entry.licence or title.licence
    if entry.skip is not None or not licences or licence in licences:
        return entry
    return replace(entry, skip=Skip("unlicensed", f"under {licence}; collected is only {', '.join(sorted(licences))}"))


def _sync_title(title: Title, source: Source, lake: Lake) -> tuple[Catalogue, Catalogue]:
    """A title's catalogue as it was and as it is now. A title that cannot be listed keeps its issues, and says why."""
    try:
        entries = source.list_issues(title)
    except (Unavailable, FetchError, ListingFailed) as error:
        _note_title_state(lake, title.key, error)
        raise
    # Read only now: a collection may have noted something while the source was answering.
    known = read_catalogue(lake, title.key)
    catalogue = _merged(known, entries)
    _write_catalogue(lake, known, catalogue)
    return known, catalogue


def _merged(known: Catalogue, entries: list[IssueEntry]) -> Catalogue:
    """The list as it is now, over what was known."""
    before = {issue.issue: issue for issue in known.issues}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    issues: list[CatalogueIssue] = []
    for entry in entries:
        old = before.pop(entry.issue, None)
        first_seen = old.first_seen if old else now
        if entry.state == "missing" and old is not None and old.listed_as != "missing":
            issues.append(replace(old, state="gone", note=entry.note))
            continue
        listed = CatalogueIssue(
            issue=entry.issue,
            name=entry.name,
            date=entry.date,
            state=entry.state,
            listed_as=entry.state,
            note=entry.note,
            first_seen=first_seen,
            facts=dict(entry.facts),
        )
        passing = (old.listed_as, "gone", *_PASSING_STATES) if old is not None else ()
        if old is not None and old.state not in passing and old.listed_as == entry.state:
            # What opening the issue has shown holds until the list says something else of it.
            listed = replace(listed, state=old.state, note=old.note)
        issues.append(listed)
    issues += [replace(old, state="gone", note="the list does not have it any more") for old in before.values()]
    return Catalogue(title=known.title, issues=tuple(issues))


def _state_of(error: Unavailable | FetchError | ListingFailed) -> str:
    """The state of what could not be listed: "adult", "robots_refused", "over_budget", ...; "unlisted" otherwise."""
    if isinstance(error, Unavailable):
        return error.state
    return error.reason if isinstance(error, FetchError) else "unlisted"


def _note_title_state(lake: Lake, title: str, error: Unavailable | FetchError | ListingFailed) -> None:
    known = read_catalogue(lake, title)
    _write_catalogue(lake, known, replace(known, state=_state_of(error), detail=str(error)))


def _note_state(lake: Lake, title: str, issue: str, state: str, note: str) -> None:
    """Writes down how an issue turned out when it was opened."""
    known = read_catalogue(lake, title)
    issues = {entry.issue: entry for entry in known.issues}
    old = issues.get(issue)
    if state == (old.state if old is not None else "free"):
        return
    if old is None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        old = CatalogueIssue(issue, name="", date=None, state=state, listed_as="missing", note=note, first_seen=now)
    issues[issue] = replace(old, state=state, note=note)
    _write_catalogue(lake, known, replace(known, issues=tuple(issues.values())))


def _write_catalogue(lake: Lake, old: Catalogue, new: Catalogue) -> None:
    path = catalogue_path(lake, new.title)
    if new != old or not path.exists():
        lake.write_json(path, asdict(new))


def _row(title: Title, issue: str, entry: PageEntry) -> PageRow:
    """The row of a page of which nothing has come yet."""
    return PageRow(
        title=title.key,
        issue=issue,
        page=entry.page,
        name=entry.name,
        url=entry.url,
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
        facts=json.dumps(dict(entry.facts), ensure_ascii=False, sort_keys=True),
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
    )


def has_failed(row: PageRow) -> bool:
    """Whether the last try to fetch a page failed, or to check one that is there: its row then says why.

    A page that is there and that its source no longer has is no failure: nothing would mend it.
    """
    return row.status not in _HARMLESS or (row.status == OK and row.detail is not None and not _is_gone(row))


def _is_gone(row: PageRow) -> bool:
    """Whether the bytes of a page are there though its source no longer has them: `detail` then says how it said so."""
    return row.status == OK and (row.detail or "").startswith(f"{Gone.reason}: ")


def _moved(row: PageRow, base: PageRow) -> PageRow:
    """A kept row at the place, under the licence and with the facts that hold now."""
    return replace(
        row,
        page=base.page,
        name=base.name,
        licence=base.licence,
        attribution=base.attribution,
        facts=base.facts,
    )


def _without_times(row: PageRow) -> PageRow:
    return replace(row, fetched_at=None, checked_at=None)


def _content_digest(rows: list[PageRow]) -> str:
    """Of what later stages see: the pictures in order, and whose they are."""
    return digest_of([[row.sha256, row.licence, row.attribution] for row in rows if row.status == OK])


def _table(rows: list[PageRow], pictures: list[bytes | None]) -> pa.Table:
    records = [
        {**asdict(row), "image": None if data is None else {"bytes": data, "path": row.name}}
        for row, data in zip(rows, pictures, strict=True)
    ]
    return pa.Table.from_pylist(records, schema=PAGE_SCHEMA)


def _rows(table: pa.Table) -> Iterator[tuple[PageRow, bytes | None]]:
    for record in table.to_pylist():
        image = record.pop("image")
        yield PageRow(**record), image["bytes"] if image else None


def stored_pages(lake: Lake, key: str) -> tuple[list[PageRow], KnownPages]:
    """The rows of an issue's table, and of these the whole pages; nothing before its first collection."""
    path = lake.issue_pages(key)
    if not path.exists():
        return [], {}
    stored = list(_rows(lake.read_table(path)))
    return [row for row, _ in stored], {row.url: (row, data) for row, data in stored if row.status == OK and data}


def is_complete(lake: Lake, key: str) -> bool:
    """Whether every page of an issue is there that its last collection found."""
    path = lake.issue_pages(key)
    return path.exists() and _HARMLESS.issuperset(lake.read_table(path, ["status"])["status"].to_pylist())


def settled_pages(lake: Lake, key: str, rows: Collection[PageRow], stored: KnownPages) -> KnownPages:
    """Whole pages that a collection need not ask a host for.

    Those that an interrupted collection has fetched; and where the last one left pages out, those that it did not.
    `rows` and `stored` are the issue's `stored_pages`.
    """
    was_incomplete = any(map(has_failed, rows))
    whole = {url: page for url, page in stored.items() if was_incomplete and not has_failed(page[0])}
    return {**whole, **kept_partial(lake, key)}


def _partial_folder(lake: Lake, key: str) -> UPath:
    path = lake.issue_pages(key)
    return path.with_name(f".{path.name.removesuffix('.parquet')}.partial")


def _keep_partial(lake: Lake, key: str, row: PageRow, picture: bytes) -> None:
    # Named by its address: a list that changes between two tries mixes no pages up.
    name = f"{sha256(row.url.encode()).hexdigest()[:24]}.parquet"
    lake.write_table(_partial_folder(lake, key) / name, _table([row], [picture]), made_from=row.sha256 or "")


def kept_partial(lake: Lake, key: str) -> KnownPages:
    """Whole pages of an interrupted collection."""
    folder = _partial_folder(lake, key)
    if not folder.exists():
        return {}
    pages = (page for path in sorted(folder.glob("*.parquet")) for page in _rows(lake.read_table(path)))
    return {row.url: (row, data) for row, data in pages if data}


def _clear_partial(lake: Lake, key: str) -> None:
    """Removes what the table now has, and what a killed process left half-written."""
    folder, path = _partial_folder(lake, key), lake.issue_pages(key)
    if folder.exists():
        folder.fs.rm(folder.path, recursive=True)
    for part in path.parent.glob(f".{path.name}.*.part"):
        part.unlink()
