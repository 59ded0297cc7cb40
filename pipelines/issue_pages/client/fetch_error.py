"""Errors of fetching: one class a reason. `reason` is the status of the page's row."""


class FetchError(Exception):
    """Something was not fetched. The message has its address, what was seen, and the remedy."""

    reason = "failed"

    def __init__(self, url: str, seen: str, remedy: str, *, http_status: int | None = None):
        # Addresses come from other people's pages: what no file can hold is written as \ud800.
        super().__init__(f"{url}: {seen}; {remedy}".encode(errors="backslashreplace").decode())
        self.url = url
        self.seen = seen
        self.remedy = remedy
        self.http_status = http_status


class BadAddress(FetchError):
    """Not an absolute http(s) address."""

    reason = "bad_address"


class RobotsRefused(FetchError):
    """The host's robots.txt forbids it, or could not be read."""

    reason = "robots_refused"


class Forbidden(FetchError):
    """401 or 403: the host does not want to be asked. Nothing more is asked of it for some hours."""

    reason = "forbidden"


class HostStopped(FetchError):
    """Not requested: a request to this host was refused in the last hours, by any process."""

    reason = "not_asked"


class AddressRefused(FetchError):
    """An address that is none of the title's site: another host, a private network, another scheme."""

    reason = "address_refused"


class BudgetSpent(FetchError):
    """A budget of the host is spent for now. A later run goes on."""

    reason = "over_budget"


class Gone(FetchError):
    """404, 410 or 451: there is nothing there, or not any more, or not for us."""

    reason = "gone"


class RateLimited(FetchError):
    """429 to the last attempt, or a longer pause than `max_wait_s`. Nothing more is asked of the host until then."""

    reason = "rate_limited"

    def __init__(
        self, url: str, seen: str, remedy: str, *, http_status: int | None = None, wait_s: float | None = None
    ):
        super().__init__(url, seen, remedy, http_status=http_status)
        self.wait_s = wait_s  # as long as the host asked for


class Unreachable(FetchError):
    """5xx, or no connection, to the last attempt."""

    reason = "unreachable"


class IncompleteBody(FetchError):
    """The body broke off, to the last attempt."""

    reason = "incomplete"


class TooLarge(FetchError):
    """A body larger or slower than is accepted."""

    reason = "too_large"


class Redirected(FetchError):
    """A redirect that is not followed: to another host, or one too many."""

    reason = "redirected"


class UnexpectedAnswer(FetchError):
    """Any other status."""

    reason = "unexpected_answer"


class NotAPicture(FetchError):
    """The bytes came, but are no whole picture."""

    reason = "not_a_picture"
