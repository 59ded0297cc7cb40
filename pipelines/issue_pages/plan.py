"""A dry run of stage 1: the pages that collecting would fetch, and the reasons for the others. Writes nothing.

Asks sources for their lists of issues and pages, and hosts for their robots.txt; never for a picture.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.issue_pages.catalogue import read_catalogue, with_known_names
from pipelines.issue_pages.client.fetch_error import BudgetSpent, FetchError
from pipelines.issue_pages.collect import licensed, without_dropped
from pipelines.issue_pages.discretion import hidden_issue, hiding
from pipelines.issue_pages.entry import IssueEntry, ListingFailed, PageEntry, Unavailable
from pipelines.issue_pages.page_store import settled_pages, stored_pages
from pipelines.issue_pages.sources.source import Source
from pipelines.lake import Lake, issue_key
from pipelines.terms.dropped import read_dropped
from pipelines.titles import Title

Verdict = Literal["fetch", "check", "have", "leave", "refuse"]
"""fetch: new. check: stored, asked for with its validators. have: stored by a collection that is not complete, so not
asked for. leave: skipped, with a row. refuse: wanted, but robots.txt, a stop or the site's hosts forbid it."""


@dataclass(frozen=True)
class PlannedPage:
    """The plan for a page."""

    page: int
    url: str
    verdict: Verdict
    reason: str = ""  # of "leave" and "refuse": the status that its row would have, and why


@dataclass(frozen=True)
class PlannedIssue:
    """The plan for an issue."""

    key: str
    state: str  # "free", or why it is not collected; "unlisted" where its pages cannot be listed
    detail: str = ""
    pages: tuple[PlannedPage, ...] = ()


def plan_title(
    title: Title, source: Source, lake: Lake, *, licences: Collection[str] = (), issues: Sequence[str] = ()
) -> Iterator[PlannedIssue]:
    """The plan for a title, issue by issue, in the source's order.

    Args:
        title: As declared.
        source: Its source.
        lake: What is there already is only checked.
        licences: As `collect_issue` takes them.
        issues: Keys of the issues to look into; all that are free where none is named.

    Raises TitleUnavailable, ListingFailed or a FetchError where the title's issues cannot be listed.
    """
    with hiding(title):
        entries = [hidden_issue(entry, title) for entry in source.list_issues(title)]
    for entry in with_known_names(read_catalogue(lake, title.key), entries):
        key = issue_key(title.key, entry.issue)
        if not issues or key in issues:
            yield _planned(key, entry, title, source, lake, licences)


def _planned(
    key: str, entry: IssueEntry, title: Title, source: Source, lake: Lake, licences: Collection[str]
) -> PlannedIssue:
    if entry.state != "free":
        return PlannedIssue(key, entry.state, entry.note)
    dropped = read_dropped(lake)
    if drop := dropped.issue(key):
        return PlannedIssue(key, "dropped", drop.why)
    try:
        with hiding(title):
            listed = source.list_pages(title, entry.issue)
    except Unavailable as error:
        return PlannedIssue(key, error.state, str(error))
    except (ListingFailed, FetchError) as error:
        return PlannedIssue(key, "unlisted", str(error))
    rows, known = stored_pages(lake, key)
    settled = {} if source.is_local else settled_pages(lake, key, rows, known)
    known, settled = ({title.shown(url) for url in pages} for pages in (known, settled))
    pages = []
    for page in (without_dropped(key, licensed(page, title, licences), title, dropped) for page in listed):
        with hiding(title):
            verdict, reason = _verdict(page, source.refusal(title, page))
        url = title.shown(page.url)
        if verdict == "fetch" and url in settled:
            verdict = "have"
        elif verdict == "fetch" and url in known:
            verdict = "check"
        pages.append(PlannedPage(page.page, url, verdict, title.shown(reason)))
    return PlannedIssue(key, "free", entry.note, tuple(pages))


def _verdict(page: PageEntry, refusal: FetchError | None) -> tuple[Verdict, str]:
    if page.skip is not None:
        return "leave", f"{page.skip.status}: {page.skip.detail}"
    if refusal is None:
        return "fetch", ""
    if isinstance(refusal, BudgetSpent):
        raise refusal
    return "refuse", f"{refusal.reason}: {refusal}"
