"""The one polite HTTP client: the only code of the project that asks another host for anything.

Reads: robots.txt of every host before anything else of it, then what robots.txt allows. A robots.txt that cannot
be read refuses everything (RFC 9309, section 2.3.1). Does: one request at a time per host, spaced with jitter,
waits as long as a host asks for, retries only what a second try can mend, and asks a host nothing more once it
has refused (401, 403, 429). Writes nothing.
"""

import ipaddress
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from threading import RLock
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from protego import Protego
from pydantic import BaseModel, Field

from pipelines.issue_pages.entry import Fetched, NotModified
from pipelines.issue_pages.picture import read_picture

_ROBOT = "tintoon"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5  # as RFC 9309, section 2.3.1.2
_ROBOTS_MAX_BYTES = 500 * 1024  # RFC 9309, section 2.5


class Politeness(BaseModel, frozen=True, extra="forbid"):
    """How gently hosts are asked, and when to give up."""

    spacing_s: float = Field(default=1.0, ge=0, description="Least pause between two requests to a host, in seconds.")
    jitter: float = Field(default=0.5, ge=0, le=1, description="Up to this share of the pause is added at random.")
    retries: int = Field(default=3, ge=0, le=10, description="Further tries after a 429, a 5xx or a broken connection.")
    backoff_s: float = Field(default=2.0, ge=0, description="Pause before the first further try; doubles each time.")
    rate_limit_wait_s: float = Field(default=60.0, ge=0, description="Pause after a 429 that does not say how long.")
    max_wait_s: float = Field(
        default=300.0, gt=0, description="A host that asks for a longer pause is left alone instead."
    )
    timeout_s: float = Field(default=30.0, gt=0, description="Longest silence of a host, in seconds.")
    max_body_s: float = Field(default=120.0, gt=0, description="Longest time that one body may take, in seconds.")
    max_bytes: int = Field(default=64 * 1024 * 1024, gt=0, description="Largest body that is accepted.")
    contact: str = Field(
        default="", description="A URL or mail address for the hosts' owners, sent with every request."
    )

    @property
    def user_agent(self) -> str:
        """Who asks, honestly: `tintoon/0.1.0 (+https://...)`."""
        name = f"{_ROBOT}/{version('tintoon')}"
        return f"{name} (+{self.contact})" if self.contact else name


class FetchError(Exception):
    """Something was not fetched: the message names its address, what was seen, and the remedy."""

    reason = "failed"

    def __init__(self, url: str, seen: str, remedy: str, *, http_status: int | None = None):
        super().__init__(f"{url}: {seen}; {remedy}")
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
    """401 or 403: the host does not want to be asked. Nothing more is asked of it."""

    reason = "forbidden"


class HostStopped(FetchError):
    """Not asked, because the host has refused something before in this run."""

    reason = "not_asked"


class Gone(FetchError):
    """404, 410 or 451: there is nothing there, or not any more, or not for us."""

    reason = "gone"


class RateLimited(FetchError):
    """429 to the last try, or a longer pause asked for than we wait. Nothing more is asked of the host."""

    reason = "rate_limited"


class Unreachable(FetchError):
    """5xx, or no connection, to the last try."""

    reason = "unreachable"


class IncompleteBody(FetchError):
    """The body broke off, to the last try."""

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


@dataclass(frozen=True)
class Answer:
    """What a host answered, complete."""

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
        """Where a redirect points, as an absolute address; None where the answer is no redirect."""
        if self.status not in _REDIRECTS or "Location" not in self.headers:
            return None
        return urljoin(self.url, self.headers["Location"])


@dataclass
class _Host:
    """What is known of one scheme, name and port."""

    origin: str
    lock: RLock = field(default_factory=RLock)  # held while it is asked: one connection at a time
    next_at: float = 0.0  # on the client's clock
    robots: Protego | None = None
    robots_were_read: bool = False
    robots_failure: str | None = None
    crawl_delay_s: float = 0.0
    stopped_by: FetchError | None = None


class Client:
    """Asks hosts for things, politely. Safe to share between threads; each host is asked by one at a time."""

    def __init__(
        self,
        politeness: Politeness | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.politeness = politeness or Politeness()
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random()
        self._hosts: dict[str, _Host] = {}
        self._hosts_lock = RLock()
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": self.politeness.user_agent, "Accept": "*/*"})
        # As served: the length can be checked, and the digest is that of the file on the host.
        self._session.headers["Accept-Encoding"] = "identity"
        # Nobody's identity goes out: no cookies, no passwords out of a .netrc file.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.auth = lambda request: request

    def get(
        self,
        url: str,
        *,
        referer: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        answers: Collection[int] = (),
    ) -> Answer:
        """The answer to one GET: 200, a redirect (never followed), 304 where a validator is given, or one of `answers`.

        `answers` are statuses that mean something to the caller, so that they are neither errors nor end the host.
        Raises a FetchError for everything else.
        """
        host = self._host(url)
        with host.lock:
            self._check_allowed(host, url)
            headers = {"Referer": referer, "If-None-Match": etag, "If-Modified-Since": last_modified}
            expected = {200, *_REDIRECTS, *answers} | ({304} if etag or last_modified else set())
            return self._ask(host, url, headers, expected=expected, max_bytes=self.politeness.max_bytes)

    def picture(
        self,
        url: str,
        *,
        referer: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Fetched | NotModified:
        """A whole picture, decoded in full; NotModified where the validators still hold.

        Redirects are followed on the same host only. Raises a FetchError.
        """
        place = url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self.get(place, referer=referer, etag=etag, last_modified=last_modified)
            if answer.status == 304:
                return NotModified()
            if answer.status == 200:
                return _fetched(answer)
            place = answer.location or ""
            if _origin(place) != _origin(url):
                seen = f"HTTP {answer.status}, a redirect to {place or 'nowhere'}"
                raise Redirected(
                    url, seen, "pages are taken from the host that lists them only", http_status=answer.status
                )
        raise Redirected(url, f"more than {_MOST_REDIRECTS} redirects", "try again later")

    def _host(self, url: str) -> _Host:
        origin = _origin(url)
        if origin is None:
            raise BadAddress(url, "no http(s) address", "give one like https://host/path")
        with self._hosts_lock:
            return self._hosts.setdefault(origin, _Host(origin))

    def _check_allowed(self, host: _Host, url: str) -> None:
        if not host.robots_were_read:
            host.robots_failure = self._read_robots(host)
            host.robots_were_read = True
        if host.robots_failure is not None:
            remedy = "nothing is fetched without reading it; try again later, or use another source"
            raise RobotsRefused(url, f"{host.origin}/robots.txt cannot be honoured: {host.robots_failure}", remedy)
        if host.stopped_by is not None:
            raise HostStopped(url, f"not asked, because of {host.stopped_by}", "run again later")
        if host.robots is not None and not host.robots.can_fetch(url, _ROBOT):
            raise RobotsRefused(url, f"{host.origin}/robots.txt forbids it", "use another source, or ask the owner")

    def _read_robots(self, host: _Host) -> str | None:
        """Keeps the host's rules; returns why they cannot be kept, if so."""
        place = f"{host.origin}/robots.txt"
        # No rules where there is no such file: 4xx (RFC 9309, section 2.3.1.3), but for what says "not you".
        absent = set(range(400, 500)) - {401, 403, 429}
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                answer = self._ask(host, place, {}, expected={200, *_REDIRECTS, *absent}, max_bytes=_ROBOTS_MAX_BYTES)
            except FetchError as error:
                return error.seen
            if answer.status in absent:
                return None
            if answer.status == 200:
                host.robots = Protego.parse(answer.text)
                return self._keep_crawl_delay(host, host.robots)
            place = answer.location or ""
            if _origin(place) != host.origin:
                return f"it redirects to {place or 'nowhere'}, another host"
        return f"more than {_MOST_REDIRECTS} redirects"

    def _keep_crawl_delay(self, host: _Host, robots: Protego) -> str | None:
        host.crawl_delay_s = robots.crawl_delay(_ROBOT) or 0.0
        rate = robots.request_rate(_ROBOT)
        if rate is not None:
            host.crawl_delay_s = max(host.crawl_delay_s, rate.seconds / rate.requests)
        if host.crawl_delay_s > self.politeness.max_wait_s:
            limit_s = self.politeness.max_wait_s
            return f"it asks for {host.crawl_delay_s:g} s between requests, more than max_wait_s={limit_s:g}"
        self._keep_distance(host)
        return None

    def _ask(
        self,
        host: _Host,
        url: str,
        headers: Mapping[str, str | None],
        *,
        expected: Collection[int],
        max_bytes: int,
    ) -> Answer:
        """The answer of an expected status, after as many tries as are due."""
        last_try = self.politeness.retries
        failure: FetchError | None = None
        for attempt in range(last_try + 1):
            self._sleep_until(host.next_at)
            try:
                answer = self._ask_once(url, headers, max_bytes=max_bytes)
                failure = None if answer.status in expected else _failure(answer)
            except (IncompleteBody, Unreachable) as error:
                answer, failure = None, error
            finally:
                self._keep_distance(host)
            if failure is None and answer is not None:
                return answer
            if not isinstance(failure, IncompleteBody | Unreachable | RateLimited):
                break
            wait_s = self._wait_s(answer, attempt)
            if wait_s > self.politeness.max_wait_s:
                failure = RateLimited(
                    url,
                    f"{failure.seen}, to be asked again in {wait_s:.0f} s (more than max_wait_s)",
                    "run again after that time",
                    http_status=failure.http_status,
                )
                break
            if attempt < last_try:
                host.next_at = max(host.next_at, self._clock() + wait_s)
        assert failure is not None
        if isinstance(failure, Forbidden | RateLimited):
            host.stopped_by = failure
        raise failure

    def _ask_once(self, url: str, headers: Mapping[str, str | None], *, max_bytes: int) -> Answer:
        # A proxy's loopback is not ours.
        proxies = {"no_proxy": urlsplit(url).hostname or ""} if _is_loopback(url) else None
        deadline = self._clock() + self.politeness.max_body_s
        try:
            with self._session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=self.politeness.timeout_s,
                proxies=proxies,
            ) as response:
                body = self._body(url, response, deadline=deadline, max_bytes=max_bytes)
                return Answer(url=url, status=response.status_code, headers=response.headers, body=body)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise BadAddress(url, str(error), "give one like https://host/path") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(url, f"no answer ({error})", "check the connection, or try again later") from error

    def _body(self, url: str, response: requests.Response, *, deadline: float, max_bytes: int) -> bytes:
        status = response.status_code
        body = bytearray()
        try:
            # read1 hands over what is there, so that a body that drips cannot outlast the deadline.
            while chunk := response.raw.read1(64 * 1024, decode_content=True):
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(
                        url, f"more than {max_bytes} bytes", "raise max_bytes if it is meant", http_status=status
                    )
                if self._clock() > deadline:
                    seen = f"{len(body)} bytes after {self.politeness.max_body_s:g} s"
                    raise TooLarge(url, seen, "raise max_body_s if the host is slow", http_status=status)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            seen = f"the connection broke after {len(body)} bytes ({error})"
            raise IncompleteBody(url, seen, "try again later", http_status=status) from error
        length = response.headers.get("Content-Length", "")
        is_plain = "Content-Encoding" not in response.headers
        if is_plain and status == 200 and length.isdecimal() and len(body) != int(length):
            seen = f"{len(body)} of {length} bytes came"
            raise IncompleteBody(url, seen, "try again later", http_status=status)
        return bytes(body)

    def _wait_s(self, answer: Answer | None, attempt: int) -> float:
        if answer is not None and answer.status in (429, 503):
            asked_s = retry_after_s(answer.headers)
            if asked_s is not None:
                return asked_s
            if answer.status == 429:
                return min(self._jittered(self.politeness.rate_limit_wait_s), self.politeness.max_wait_s)
        return min(self._jittered(self.politeness.backoff_s * 2**attempt), self.politeness.max_wait_s)

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + self.politeness.jitter * self._random.random())

    def _keep_distance(self, host: _Host) -> None:
        pause_s = max(self._jittered(self.politeness.spacing_s), host.crawl_delay_s)
        host.next_at = max(host.next_at, self._clock() + pause_s)

    def _sleep_until(self, moment: float) -> None:
        wait_s = moment - self._clock()
        if wait_s > 0:
            self._sleep(wait_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the header `Retry-After` (RFC 9110, section 10.2.3); None without a readable one.

    A date counts from the answer's own `Date`, so that a clock that is wrong does no harm.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    moment = _http_date(value)
    if moment is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _origin(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _fetched(answer: Answer) -> Fetched:
    try:
        picture = read_picture(answer.body, name=answer.url.rpartition("/")[2])
    except ValueError as error:
        said = answer.headers.get("Content-Type", "nothing")
        seen = f"no whole picture came, though the host said {said}: {error}"
        remedy = "open the address in a browser; try again later"
        raise NotAPicture(answer.url, seen, remedy, http_status=answer.status) from error
    return Fetched(
        picture=picture,
        http_status=answer.status,
        etag=answer.headers.get("ETag"),
        last_modified=answer.headers.get("Last-Modified"),
    )


def _failure(answer: Answer) -> FetchError:
    status, seen = answer.status, f"HTTP {answer.status}"
    if status in (401, 403):
        remedy = "the host refuses; it is asked nothing more in this run, so check whether you may collect it"
        return Forbidden(answer.url, seen, remedy, http_status=status)
    if status in (404, 410, 451):
        return Gone(answer.url, seen, "list the issues again, or remove the title", http_status=status)
    if status == 429:
        return RateLimited(answer.url, seen, "run again later, or with a longer spacing", http_status=status)
    if status >= 500:
        return Unreachable(answer.url, seen, "the host is in trouble; run again later", http_status=status)
    return UnexpectedAnswer(answer.url, seen, "open the address in a browser", http_status=status)
