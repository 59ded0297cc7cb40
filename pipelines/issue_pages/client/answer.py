"""A host's complete answer, read as a redirect, a picture, or a failure with its remedy."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from pipelines.images.opened import PictureError
from pipelines.issue_pages.client.fetch_error import (
    FetchError,
    Forbidden,
    Gone,
    NotAPicture,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from pipelines.issue_pages.entry import Fetched
from pipelines.issue_pages.picture import read_picture

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Answer:
    """One complete answer of a host."""

    url: str
    status: int
    headers: Mapping[str, str]  # without regard to case
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; every site here writes UTF-8."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def location(self) -> str | None:
        """The absolute address of a redirect; None where the answer is no redirect, or has no valid address."""
        if self.status not in REDIRECTS or "Location" not in self.headers:
            return None
        try:
            return urljoin(self.url, self.headers["Location"])
        except ValueError:
            return None


def fetched_picture(answer: Answer) -> Fetched:
    """The picture of an answer, decoded in full. Raises NotAPicture."""
    try:
        picture = read_picture(answer.body, name=answer.url.rpartition("/")[2])
    except PictureError as error:
        content_type = answer.headers.get("Content-Type", "none")
        seen = f"{error.seen} (Content-Type: {content_type})"
        remedy = "open the address in a browser; try again later"
        raise NotAPicture(answer.url, seen, remedy, http_status=answer.status) from error
    return Fetched(
        picture=picture,
        http_status=answer.status,
        etag=answer.headers.get("ETag"),
        last_modified=answer.headers.get("Last-Modified"),
    )


def failure_of(answer: Answer) -> FetchError:
    """The error that an unexpected status stands for, with its remedy."""
    status, seen = answer.status, f"HTTP {answer.status}"
    if status in (401, 403):
        remedy = "the host refuses; it is asked nothing more for stop_hours, so check whether you may collect it"
        return Forbidden(answer.url, seen, remedy, http_status=status)
    if status in (404, 410, 451):
        return Gone(answer.url, seen, "list the issues again, or remove the title", http_status=status)
    if status == 429:
        return RateLimited(answer.url, seen, "run again later, or with a longer spacing", http_status=status)
    if status >= 500:
        return Unreachable(answer.url, seen, "the host is in trouble; run again later", http_status=status)
    return UnexpectedAnswer(answer.url, seen, "open the address in a browser", http_status=status)
