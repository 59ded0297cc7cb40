"""The catalogue of a title: every issue ever listed, with its state.

    catalogue/<title>.json

Asks sources which issues exist; writes the file above.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from upath import UPath

from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.discretion import hidden_issue, hiding
from pipelines.issue_pages.entry import IssueEntry, ListingFailed, Unavailable
from pipelines.issue_pages.page_store import all_dropped
from pipelines.issue_pages.sources.source import Source
from pipelines.lake import DamagedFileError, Lake, issue_key
from pipelines.progress import Progress
from pipelines.terms.dropped import read_dropped
from pipelines.titles import Title

_log = logging.getLogger(__name__)

_PASSING_STATES = ("unlisted", "empty", "dropped")
"""States that may have ended since: one bad answer caused them when an issue was opened, or a drop that was taken back.
The next sync takes the list's state again."""


_NAMED_STATES = frozenset({"free", "unknown", "leftover", "refused", "unreadable", "needs_tool", "empty"})
"""States whose reasons a person can do something about. The others are a site's own, of many issues."""


@dataclass(frozen=True)
class CatalogueIssue:
    """One issue of the catalogue. `state` is "free", or the reason not to collect it.

    "gone" when the list lost it; "unlisted" where the list of its pages could not be had: the next sync opens it again.
    """

    issue: str
    name: str
    date: str | None
    state: str
    listed_as: str  # the state by the list; the issue itself may have turned out otherwise
    note: str
    first_seen: str
    facts: dict[str, Any] = field(default_factory=dict)  # from the source, as JSON values


@dataclass(frozen=True)
class Catalogue:
    """Every issue of a title that was ever listed, in the source's order, those that the list lost last."""

    title: str
    state: str = "listed"  # or why the title is not to be had
    detail: str = ""
    issues: tuple[CatalogueIssue, ...] = ()


@dataclass(frozen=True)
class SyncReport:
    """The issues that the sources list now."""

    keys: tuple[str, ...]  # of all free issues
    new_keys: tuple[str, ...]  # of those, the ones seen for the first time
    counts: dict[str, dict[str, int]]  # issues by state, by title
    errors: dict[str, str]  # by title: why it could not be listed; its issues stay as they were
    reasons: dict[str, dict[str, tuple[str, ...]]]  # by title: names of what is left out of it, by "state: reason"


def catalogue_path(lake: Lake, title: str) -> UPath:
    """The file of one title's catalogue."""
    return lake.root / "catalogue" / f"{title}.json"


def read_catalogue(lake: Lake, title: str) -> Catalogue:
    """The catalogue of a title; empty before its first sync."""
    path = catalogue_path(lake, title)
    if not path.exists():
        return Catalogue(title=title)
    content = lake.read_json(path)
    issues = tuple(CatalogueIssue(**issue) for issue in content.pop("issues"))
    return Catalogue(**content, issues=issues)


def sync_titles(
    titles: Mapping[str, Title], sources: Mapping[str, Source], lake: Lake, *, on_title: Progress | None = None
) -> SyncReport:
    """Asks each title's source which issues exist, and brings the catalogues up to date.

    on_title: called with the number of titles that are done, and of all.

    A title that cannot be listed stands in `errors`, by its key, with the remedy, and stops no other.
    """
    keys: list[str] = []
    new_keys: list[str] = []
    counts: dict[str, dict[str, int]] = {}
    errors: dict[str, str] = {}
    reasons: dict[str, dict[str, tuple[str, ...]]] = {}
    for place, title in enumerate(titles.values()):
        if on_title:
            on_title(place, len(titles))
        try:
            known, catalogue = _sync_title(title, sources[title.source], lake)
            free = {
                issue.issue: issue_key(title.key, issue.issue) for issue in catalogue.issues if issue.state == "free"
            }
        except (Unavailable, FetchError, ListingFailed, DamagedFileError) as error:
            errors[title.key] = _without_title(title, error)
            continue
        except Exception as error:  # a fault in one source must not stop the other titles
            _log.exception("%s: not listed", title.key)
            errors[title.key] = f"{type(error).__name__}: {_without_title(title, error)}; report it with the log"
            continue
        counts[title.key] = dict(Counter(issue.state for issue in catalogue.issues))
        reasons[title.key] = _reasons(catalogue)
        seen_before = {issue.issue for issue in known.issues}
        keys += free.values()
        new_keys += [key for issue, key in free.items() if issue not in seen_before]
    if on_title:
        on_title(len(titles), len(titles))
    return SyncReport(keys=tuple(keys), new_keys=tuple(new_keys), counts=counts, errors=errors, reasons=reasons)


def _without_title(title: Title, error: Exception) -> str:
    """What an error says, without the title's key before it: who shows it names the title."""
    return str(error).removeprefix(f"{title.key}: ")


def with_known_names(known: Catalogue, entries: Iterable[IssueEntry]) -> list[IssueEntry]:
    """A source's list, in which each issue that an earlier version named otherwise keeps that name.

    So a better rule for names changes the key of no issue that is already there.
    """
    entries = list(entries)
    listed = {entry.issue for entry in entries}
    free = {issue.issue for issue in known.issues} - listed
    kept: list[IssueEntry] = []
    for entry in entries:
        former = next((name for name in entry.former if name in free), None)
        if former is not None and not any(issue.issue == entry.issue for issue in known.issues):
            free.discard(former)
            entry = replace(entry, issue=former)
        kept.append(entry)
    return kept


def note_title_state(lake: Lake, title: str, error: Unavailable | FetchError | ListingFailed) -> None:
    """Records why a title cannot be listed; its issues stay as they are."""
    known = read_catalogue(lake, title)
    _write_catalogue(lake, known, replace(known, state=_state_of(error), detail=str(error)))


def note_state(lake: Lake, title: str, issue: str, state: str, note: str) -> None:
    """Records the state of an issue that a source was asked to open."""
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


def _sync_title(title: Title, source: Source, lake: Lake) -> tuple[Catalogue, Catalogue]:
    """A title's catalogue as it was and as it is now. A title that cannot be listed keeps its issues."""
    try:
        with hiding(title):
            entries = [hidden_issue(entry, title) for entry in source.list_issues(title)]
    except (Unavailable, FetchError, ListingFailed) as error:
        note_title_state(lake, title.key, error)
        raise
    # Read after the source has answered: a collection may have changed it meanwhile.
    known = read_catalogue(lake, title.key)
    catalogue = _without_dropped(_merged(known, with_known_names(known, entries)), known, lake)
    _write_catalogue(lake, known, catalogue)
    return known, catalogue


def _without_dropped(catalogue: Catalogue, known: Catalogue, lake: Lake) -> Catalogue:
    """The catalogue with the issues that were dropped, by their names or their pages, in the state "dropped"."""
    dropped = read_dropped(lake)
    were = {issue.issue: issue for issue in known.issues if issue.state == "dropped"}
    issues = []
    for issue in catalogue.issues:
        key = issue_key(catalogue.title, issue.issue)
        if drop := dropped.issue(key):
            issue = replace(issue, state="dropped", note=drop.why)
        elif issue.issue in were and all_dropped(lake, key, dropped):
            issue = replace(issue, state="dropped", note=were[issue.issue].note)
        issues.append(issue)
    return replace(catalogue, issues=tuple(issues))


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
            # The state found when the issue was opened holds until the list changes its own.
            listed = replace(listed, state=old.state, note=old.note)
        issues.append(listed)
    issues += [replace(old, state="gone", note="the list does not have it any more") for old in before.values()]
    return Catalogue(title=known.title, issues=tuple(issues))


def _reasons(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """The names of what the source found and left out, and of issues with a note, by state and reason."""
    names: dict[str, list[str]] = {}
    for issue in catalogue.issues:
        if issue.note and issue.state in _NAMED_STATES:
            reason = issue.note.removeprefix(f"{issue.name}: ")
            names.setdefault(f"{issue.state}: {reason}", []).append(issue.name)
    return {reason: tuple(found) for reason, found in names.items()}


def _state_of(error: Unavailable | FetchError | ListingFailed) -> str:
    """The state of what could not be listed: "adult", "robots_refused", "over_budget", ...; "unlisted" otherwise."""
    if isinstance(error, Unavailable):
        return error.state
    return error.reason if isinstance(error, FetchError) else "unlisted"


def _write_catalogue(lake: Lake, old: Catalogue, new: Catalogue) -> None:
    path = catalogue_path(lake, new.title)
    if new != old or not path.exists():
        lake.write_json(path, asdict(new))
