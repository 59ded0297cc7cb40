"""The HTTP client: the only code of the project that sends requests to other hosts.

Reads: robots.txt of every host before anything else of it, then what robots.txt allows. A robots.txt that cannot
be read refuses everything (RFC 9309, section 2.3.1). Does: one request at a time per host, spaced with jitter,
waits as long as a host asks for, retries only what another attempt can mend, and asks a host nothing more for some
hours once it has refused (401, 403, 429). Asks only hosts of the title's own site. Writes nothing but the records
that all processes of this machine share (`host_slots.py`): slots, refusals and spent budgets.
"""

import logging
import random
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from threading import RLock
from urllib.parse import urlsplit

import requests
import urllib3
from protego import Protego

from pipelines.issue_pages.client.answer import REDIRECTS, Answer, failure_of, fetched_picture
from pipelines.issue_pages.client.deadline import TimedAdapter, deadline
from pipelines.issue_pages.client.fetch_error import (
    AddressRefused,
    BadAddress,
    BudgetSpent,
    FetchError,
    Forbidden,
    HostStopped,
    IncompleteBody,
    RateLimited,
    Redirected,
    RobotsRefused,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
)
from pipelines.issue_pages.client.host_slots import HostSlot, HostSlots
from pipelines.issue_pages.client.origin import host_of, origin_of
from pipelines.issue_pages.client.retry_after import retry_after_s
from pipelines.issue_pages.client.site import Site, is_loopback
from pipelines.issue_pages.entry import Fetched, NotModified, PageEntry
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.params import ROBOT, FetchParams

_log = logging.getLogger(__name__)

_MAX_REDIRECTS = 5  # as RFC 9309, section 2.3.1.2
ROBOTS_MAX_BYTES = 500 * 1024  # RFC 9309, section 2.5
_GRACE_S = 1.0  # after max_body_s: whatever it is, the exchange ends
_LONGEST_STOP_S = 30 * 24 * 3600.0  # however long a host asks for, it is then asked once more


@dataclass
class _Host:
    """The state of one scheme, name and port: robots.txt holds for these (RFC 9309, section 2.3)."""

    origin: str
    name: str  # with the port unless it is 80 or 443: slots, refusals and budgets are of this
    lock: RLock = field(default_factory=RLock)  # held while it is asked, so that this state has one writer
    robots: Protego | None = None
    robots_were_read: bool = False
    robots_failure: str | None = None
    crawl_delay_s: float = 0.0
    exceptions: set[str] = field(default_factory=set)  # documented interfaces whose use was logged


class Client:
    """Sends spaced requests to hosts. Safe to share between threads; each host gets one request at a time."""

    def __init__(
        self,
        params: FetchParams | None = None,
        *,
        slots: HostSlots | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.params = params or FetchParams()
        self._slots = slots or HostSlots()
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random()
        self._hosts: dict[str, _Host] = {}
        self._hosts_lock = RLock()
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": self.params.user_agent, "Accept": "*/*"})
        # As served: the length can be checked, and the digest is that of the file on the host.
        self._session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimedAdapter())
        # No identity is sent: no cookies, no passwords of a .netrc file.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.auth = lambda request: request
        # Redirects are never followed. Without this, requests reads the whole body of one, past any limit.
        self._session.get_redirect_target = lambda resp: None  # noqa: ARG005  requests names it

    def get(
        self,
        url: str,
        site: Site,
        *,
        referer: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        answers: Collection[int] = (),
    ) -> Answer:
        """The answer to one GET: 200, a redirect (never followed), 304 where a validator is given, or one of `answers`.

        `site` is the title's: addresses of other hosts are refused. `answers` are further statuses that
        the caller expects, so that they neither raise nor stop the host. Raises a FetchError for everything else.
        """
        self._check_address(url, site)
        host = self._host(url)
        with host.lock:
            self._check_allowed(host, url, site)
            # A validator that no header can hold is left out: else its page could never be asked for again.
            validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
            validators = {name: value for name, value in validators.items() if value and value.isprintable()}
            headers = {"Referer": referer, **validators}
            expected = {200, *REDIRECTS, *answers} | ({304} if validators else set())
            return self._ask(host, url, headers, expected=expected, max_bytes=self.params.max_bytes)

    def refusal(self, url: str, site: Site) -> FetchError | None:
        """The error that asking an address would raise now, or None. Asks for nothing but its host's robots.txt."""
        try:
            self._check_address(url, site)
            host = self._host(url)
            with host.lock:
                self._check_allowed(host, url, site)
                with self._slots.at(host.name) as slot:
                    self._check_stop(slot, url)
        except FetchError as error:
            return error
        return None

    def picture(
        self,
        url: str,
        site: Site,
        *,
        referer: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Fetched | NotModified:
        """A whole picture, decoded in full; NotModified where the validators still hold.

        Redirects are followed within the site only. Raises a FetchError.
        """
        place = url
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self.get(place, site, referer=referer, etag=etag, last_modified=last_modified)
            if answer.status == 304:
                return NotModified()
            if answer.status == 200:
                return fetched_picture(answer)
            place = answer.location or ""
            if why := site.refusal(place):
                seen = f"HTTP {answer.status}, a redirect to {place or 'nowhere'}: {why}"
                raise Redirected(url, seen, "pages are taken from the title's own site", http_status=answer.status)
        raise Redirected(url, f"more than {_MAX_REDIRECTS} redirects", "try again later")

    def page(self, page: PageEntry, site: Site, known: PageRow | None) -> Fetched | NotModified:
        """A page's picture, asked for with its Referer and the validators of the known row. Raises a FetchError."""
        etag = known.etag if known else None
        last_modified = known.last_modified if known else None
        return self.picture(page.url, site, referer=page.referer, etag=etag, last_modified=last_modified)

    def _host(self, url: str) -> _Host:
        origin = origin_of(url)
        if origin is None:
            raise BadAddress(url, "no http(s) address", "give one like https://host/path")
        with self._hosts_lock:
            return self._hosts.setdefault(origin, _Host(origin, host_of(origin)))

    def _check_address(self, url: str, site: Site) -> None:
        if origin_of(url) is None:
            raise BadAddress(url, "no http(s) address", "give one like https://host/path")
        if why := site.refusal(url):
            raise AddressRefused(url, f"not asked: {why}", "if the site has moved, correct the title's address")

    def _check_allowed(self, host: _Host, url: str, site: Site) -> None:
        if not host.robots_were_read:
            host.robots_failure = self._read_robots(host)
            host.robots_were_read = True
        if host.robots_failure is not None:
            remedy = "nothing is fetched without reading it; try again later, or use another source"
            raise RobotsRefused(url, f"{host.origin}/robots.txt cannot be honoured: {host.robots_failure}", remedy)
        if host.robots is None or host.robots.can_fetch(url, ROBOT):
            return
        api = site.documents(url)
        if api is None:
            raise RobotsRefused(url, f"{host.origin}/robots.txt forbids it", "use another source, or ask the owner")
        if api.name not in host.exceptions:
            host.exceptions.add(api.name)
            _log.warning("%s/robots.txt forbids %s; asked all the same, as %s", host.origin, api.paths, api.name)

    def _read_robots(self, host: _Host) -> str | None:
        """Keeps the host's rules; returns why they cannot be kept, if so."""
        place = f"{host.origin}/robots.txt"
        # No rules where there is no such file: 4xx (RFC 9309, section 2.3.1.3), except those that refuse us.
        absent = set(range(400, 500)) - {401, 403, 429}
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                answer = self._ask(host, place, {}, expected={200, *REDIRECTS, *absent}, max_bytes=ROBOTS_MAX_BYTES)
            except (BudgetSpent, HostStopped):
                raise  # not asked, so its rules stay unknown
            except FetchError as error:
                return error.seen
            if answer.status in absent:
                return None
            if answer.status == 200:
                host.robots = Protego.parse(answer.text)
                return self._keep_crawl_delay(host, host.robots)
            place = answer.location or ""
            if origin_of(place) != host.origin:
                return f"it redirects to {place or 'nowhere'}, another host"
        return f"more than {_MAX_REDIRECTS} redirects"

    def _keep_crawl_delay(self, host: _Host, robots: Protego) -> str | None:
        host.crawl_delay_s = robots.crawl_delay(ROBOT) or 0.0
        rate = robots.request_rate(ROBOT)
        if rate is not None:
            seconds = float(min(rate.seconds, 10**9))  # anybody may write a number that no float can hold
            host.crawl_delay_s = max(host.crawl_delay_s, seconds / min(rate.requests, 10**9))
        if host.crawl_delay_s > self.params.max_wait_s:
            limit_s = self.params.max_wait_s
            return f"it asks for {host.crawl_delay_s:g} s between requests, more than max_wait_s={limit_s:g}"
        with self._slots.at(host.name) as slot:
            slot.ask_again_at(self._clock() + host.crawl_delay_s)
        return None

    def _check_stop(self, slot: HostSlot, url: str) -> None:
        """Raises HostStopped where the host refused a request, in any process."""
        until = slot.record.stopped_until
        if self._clock() < until:
            raise HostStopped(
                url,
                f"not asked before {_written(until)}, because of {slot.record.stopped_by}",
                f"run again then, or, if you know that you may, lift the stop: rm {shlex.quote(str(slot.path))}",
            )

    def _ask(
        self,
        host: _Host,
        url: str,
        headers: Mapping[str, str | None],
        *,
        expected: Collection[int],
        max_bytes: int,
    ) -> Answer:
        """The answer of an expected status, after as many attempts as the parameters allow."""
        with self._slots.at(host.name) as slot:
            self._check_stop(slot, url)
            try:
                return self._tries(host, slot, url, headers, expected=expected, max_bytes=max_bytes)
            except (Forbidden, RateLimited) as failure:
                asked_s = failure.wait_s if isinstance(failure, RateLimited) else None
                stop_s = self.params.stop_hours * 3600 if asked_s is None else min(asked_s, _LONGEST_STOP_S)
                # Without the path and what it asks for: all titles of the machine read it, and they may hold a token.
                slot.stop(self._clock() + stop_s, f"{host.origin}: {failure.seen}")
                raise

    def _tries(
        self,
        host: _Host,
        slot: HostSlot,
        url: str,
        headers: Mapping[str, str | None],
        *,
        expected: Collection[int],
        max_bytes: int,
    ) -> Answer:
        last_try = self.params.retries
        for attempt in range(last_try + 1):
            # A clock that was set back must not stop everything for a year.
            self._sleep_until(min(slot.record.next_at, self._clock() + self.params.max_wait_s))
            self._check_budget(slot, url)
            try:
                answer = self._ask_once(slot, url, headers, max_bytes=max_bytes)
                failure = None if answer.status in expected else failure_of(answer)
            except (IncompleteBody, Unreachable) as error:
                answer, failure = None, error
            finally:
                slot.ask_again_at(self._clock() + max(self._jittered(self.params.spacing_s), host.crawl_delay_s))
            if failure is None and answer is not None:
                return answer
            assert failure is not None
            if not isinstance(failure, IncompleteBody | Unreachable | RateLimited):
                raise failure
            wait_s = self._wait_s(answer, attempt)
            if wait_s > self.params.max_wait_s:
                raise RateLimited(
                    url,
                    f"{failure.seen}, to be asked again in {wait_s:.0f} s (more than max_wait_s)",
                    "run again after that time",
                    http_status=failure.http_status,
                    wait_s=wait_s,
                )
            if attempt == last_try:
                raise failure
            slot.ask_again_at(self._clock() + wait_s)
        raise AssertionError("the last try answers or raises")

    def _check_budget(self, slot: HostSlot, url: str) -> None:
        """Counts a request, or refuses it where a budget of the host is used up."""
        limits, spent, hours_s = self.params, slot.record, self.params.budget_hours * 3600
        now = self._clock()
        slot.count_anew(now, every_s=hours_s)
        for name, used, limit in (
            ("budget_requests", spent.requests, limits.budget_requests),
            ("budget_bytes", spent.bytes, limits.budget_bytes),
            ("budget_minutes", (now - spent.counted_from) / 60, limits.budget_minutes),
        ):
            if limit is not None and used >= limit:
                raise BudgetSpent(
                    url,
                    f"not asked: {name} {limit:g} of this host is used up",
                    f"run again after {_written(spent.counted_from + hours_s)}: it goes on from here; "
                    f"to go on now: rm {shlex.quote(str(slot.path))}",
                )
        spent.requests += 1
        slot.save()

    def _ask_once(self, slot: HostSlot, url: str, headers: Mapping[str, str | None], *, max_bytes: int) -> Answer:
        # A body that drips is broken off as its bytes come. The deadline is for what else may drip: a head, a chunk's
        # length, bytes that unpack to nothing.
        with deadline(self.params.max_body_s + _GRACE_S) as whole:
            answer = failure = None
            try:
                answer = self._exchange(slot, url, headers, max_bytes=max_bytes)
            except (IncompleteBody, Unreachable, UnexpectedAnswer) as error:
                failure = error
        if whole.has_passed:
            seen = f"no whole answer after {self.params.max_body_s + _GRACE_S:g} s"
            raise TooLarge(url, seen, "raise max_body_s if the host is slow") from failure
        if failure is not None:
            raise failure
        assert answer is not None
        return answer

    def _exchange(self, slot: HostSlot, url: str, headers: Mapping[str, str | None], *, max_bytes: int) -> Answer:
        name = urlsplit(url).hostname or ""
        proxies = {"no_proxy": name} if is_loopback(name) else None  # a proxy's loopback is not ours
        last_moment = self._clock() + self.params.max_body_s
        try:
            with self._session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=self.params.timeout_s,
                proxies=proxies,
            ) as response:
                body = self._body(slot, url, response, last_moment=last_moment, max_bytes=max_bytes)
                return Answer(url=url, status=response.status_code, headers=response.headers, body=body)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise BadAddress(url, str(error), "give one like https://host/path") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(url, f"no answer ({error})", "check the connection, or try again later") from error
        except ValueError as error:  # UnicodeError too: a Referer that no header can hold
            raise UnexpectedAnswer(url, f"an answer that cannot be read ({error})", "report it") from error

    def _body(
        self, slot: HostSlot, url: str, response: requests.Response, *, last_moment: float, max_bytes: int
    ) -> bytes:
        status = response.status_code
        body = bytearray()
        try:
            # read1 hands over what is there, so that a body that drips cannot outlast the deadline.
            while chunk := response.raw.read1(64 * 1024, decode_content=True):
                body += chunk
                slot.record.bytes += len(chunk)  # also of a body that breaks off
                if len(body) > max_bytes:
                    raise TooLarge(
                        url, f"more than {max_bytes} bytes", "raise max_bytes if it is meant", http_status=status
                    )
                if self._clock() > last_moment:
                    seen = f"{len(body)} bytes after {self.params.max_body_s:g} s"
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
                return min(self._jittered(self.params.rate_limit_wait_s), self.params.max_wait_s)
        return min(self._jittered(self.params.backoff_s * 2**attempt), self.params.max_wait_s)

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + self.params.jitter * self._random.random())

    def _sleep_until(self, moment: float) -> None:
        wait_s = moment - self._clock()
        if wait_s > 0:
            self._sleep(wait_s)


def _written(moment: float) -> str:
    """A moment since the epoch, for people."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
