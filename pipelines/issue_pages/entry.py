"""The records that sources give: issues, pages, and the reasons why one of them is not available."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import ValidationError

from pipelines.issue_pages.picture import Picture

SkipStatus = Literal[
    "no_picture",
    "unsupported",
    "repost",
    "hidden",
    "deleted",
    "unwanted",
    "unlicensed",
    "leftover",
    "nested",
    "refused",
    "dropped",
]
"""Reasons to skip a page: no picture at all; a document of a drawing program that is not read; a repost, by the
source's own mark; not public; taken down; excluded by the title's settings; under a licence that the installation does
not collect; a file that a system or a person left beside the pages; an archive among the pages; a link out of the
title's folder, what is no file, or an entry of an archive that is locked, leads out of it or is too large; dropped for
good (`tintoon drop`), by its place or its bytes. Such a page has its row and is no error."""

SKIP_STATUSES: frozenset[str] = frozenset(get_args(SkipStatus))


@dataclass(frozen=True)
class Skip:
    """The reason not to fetch a page."""

    status: SkipStatus
    detail: str  # for people: what was seen


@dataclass(frozen=True)
class IssueEntry:
    """One issue in a source's list."""

    issue: str  # second half of the issue key
    name: str  # as people write it
    date: str | None = None  # ISO day of publication, where the source has it
    state: str = "free"  # or why it is not collected: "paid", "adult", "withheld", "missing", "empty",
    # "growing", "unwanted", or what a local file is: "refused", "unreadable", "needs_tool", "leftover", "unknown"
    note: str = ""  # for people: listed twice, date as shown, ...
    facts: Mapping[str, Any] = field(default_factory=dict)  # from the source, as JSON values
    former: tuple[str, ...] = ()  # names that earlier versions gave it: where one is known, it stays


@dataclass(frozen=True)
class PageEntry:
    """One page in a source's list of an issue's pages."""

    page: int  # 1, 2, ... in reading order
    name: str  # file name as served
    url: str
    referer: str | None = None
    skip: Skip | None = None  # why it is not fetched
    facts: Mapping[str, Any] = field(default_factory=dict)  # from the source, as JSON values: tags, time, ...
    licence: str | None = None  # where a page's own differs from its title's
    attribution: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A page that came, whole."""

    picture: Picture
    http_status: int | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class NotModified:
    """The source confirms that the stored bytes are current."""


class Unavailable(Exception):
    """A title or an issue is not available, for a reason that is recorded as its state."""

    def __init__(self, state: str, message: str):
        super().__init__(message)
        self.state = state


class TitleUnavailable(Unavailable):
    """No issue of the title is available."""


class IssueUnavailable(Unavailable):
    """One issue is not available: "adult", "paid", "withheld", "gone", "empty" or "unwanted"."""


class ListingFailed(Exception):
    """A source's answer cannot be understood. The message has the address, what was seen and the remedy."""


def seen_in(error: ValidationError) -> str:
    """The first error of an answer, for people: its place and its kind."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the body"
    return f"{place}: {first['msg']}"
