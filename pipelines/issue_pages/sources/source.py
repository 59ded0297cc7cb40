"""The interface of every source: a kind of place that issues come from."""

from typing import ClassVar, Protocol

from pydantic import BaseModel

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import Fetched, IssueEntry, NotModified, PageEntry
from pipelines.issue_pages.page import PageRow
from pipelines.titles import Title


class Source(Protocol):
    """A kind of place: lists issues, lists pages, fetches a page."""

    name: ClassVar[str]  # its name in titles.yaml
    takes: ClassVar[str]  # one line: the address that it takes
    settings: ClassVar[type[BaseModel]]  # a title's settings for it, with descriptions
    is_local: ClassVar[bool]  # the address is a file or folder; relative ones count from titles.yaml

    def __init__(self, client: Client): ...

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Every issue that the source knows of, in its order, also those that are not available.

        Raises TitleUnavailable, ListingFailed, or a FetchError.
        """
        ...

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The pages of one issue in reading order, at least one. `issue` is the second half of the issue key.

        Raises IssueUnavailable, TitleUnavailable, ListingFailed, or a FetchError.
        """
        ...

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a page would raise now, or None. Asks for nothing but a host's robots.txt."""
        ...

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One page, whole; NotModified only where `known` has been fetched from the same address and still stands.

        Raises a FetchError.
        """
        ...
