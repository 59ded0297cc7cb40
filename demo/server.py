"""A site on loopback, for one or more hosts on ports of their own. It answers, fails on request, and logs its
requests, so that tests can check spacing, order and headers. Writes nothing but its log in memory.
"""

import errno
import html
import json
import re
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

from demo.reply import Fault, Reply

REQUEST_S = 30.0
"""A request's head comes within so many seconds."""
MAX_CONNECTIONS = 64
"""Of one host; more are closed."""


class SiteError(RuntimeError):
    """The site cannot start. The message has the reason and the remedy."""


@dataclass
class Request:
    """One line of the site's log."""

    host: str  # "main" or "images"
    method: str
    path: str  # with its query
    status: int
    user_agent: str
    referer: str | None
    is_conditional: bool
    started: float  # monotonic seconds
    ended: float  # monotonic seconds; infinite until then
    wall_time: datetime


class Site(ABC):
    """The hosts of a site, while the block runs: `with NaverSite(...) as site: site.url`.

    A subclass defines the answers of each host; faults, conditional requests and the log are the same for all.
    """

    hosts: ClassVar[Sequence[str]] = ("main", "images")
    """Names of the hosts, as faults and the log write them; the first one is `url`'s."""

    def __init__(self, *, port: int = 0):
        """port: port of the first host; the others take the next ones. 0 takes free ones."""
        self.log: list[Request] = []
        self._faults: list[tuple[re.Pattern[str], Fault]] = []
        self._lock = threading.Lock()
        self._servers: dict[str, _Server] = {}
        try:
            for number, host in enumerate(self.hosts):
                self._servers[host] = _listen(self, host, port + number if port else 0)
        except SiteError:
            for server in self._servers.values():
                server.server_close()
            raise

    @abstractmethod
    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """The answer of a host to a GET, before any fault. Called by one thread at a time."""

    @property
    def url(self) -> str:
        """The address of the first host, without a slash at its end."""
        return self.url_of(self.hosts[0])

    def url_of(self, host: str) -> str:
        """The address of a host, by its name."""
        return f"http://127.0.0.1:{self._servers[host].server_port}"

    def __enter__(self) -> Self:
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def fault(self, pattern: str, fault: Fault) -> None:
        """Lets requests fail. `pattern` is searched in host and path: `images/webtoon/900001/2/.*_3.jpg`."""
        with self._lock:
            self._faults.append((re.compile(pattern), fault))

    def heal(self) -> None:
        """Ends all faults."""
        with self._lock:
            self._faults.clear()

    def reply(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """The answer to a GET, faults included."""
        with self._lock:
            found = self.answer(host, path, headers)
            for pattern, fault in self._faults:
                is_for = fault.agent in headers.get("User-Agent", "")
                if fault.times != 0 and is_for and pattern.search(host + path):
                    if fault.times is not None:
                        fault.times -= 1
                    found = fault.change(found)
                    break
        # After the faults: a changed ETag is a changed picture.
        etag = found.headers.get("ETag")
        if found.status == 200 and etag and _is_known(headers, etag, found.headers.get("Last-Modified", "")):
            return Reply(304, {"ETag": etag})
        return found


def _is_known(headers: Mapping[str, str], etag: str, last_modified: str) -> bool:
    if "If-None-Match" in headers:
        return headers["If-None-Match"] == etag  # wins over the date (RFC 9110, section 13.2.2)
    return bool(last_modified) and headers.get("If-Modified-Since") == last_modified


def html_page(status: int, message: str) -> Reply:
    """A short HTML page."""
    body = f"<!doctype html><html><body>{html.escape(message)}</body></html>"
    return Reply(status, {"Content-Type": "text/html; charset=utf-8"}, body.encode())


def json_reply(value: object) -> Reply:
    """A value as JSON."""
    return Reply(
        200, {"Content-Type": "application/json;charset=utf-8"}, json.dumps(value, ensure_ascii=False).encode()
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, site: Site, host: str, port: int):
        self.site = site
        self.host = host
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread, or closes the connection where too many are open."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


def _listen(site: Site, host: str, port: int) -> _Server:
    try:
        return _Server(site, host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SiteError(
            f"port {port} of 127.0.0.1 is taken; stop what listens there, or choose another with --port "
            "(the pictures take the next one)"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = REQUEST_S  # pyright: ignore[reportIncompatibleVariableOverride]  # of each silence
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle_one_request(self) -> None:
        """Waits for a request and answers it; ends the connection of a client whose request comes too slowly."""
        self._late = threading.Timer(self.timeout, self._end_connection)
        self._late.daemon = True
        self._late.start()
        try:
            super().handle_one_request()
        finally:
            self._late.cancel()

    def parse_request(self) -> bool:
        """Reads the head; from then on the client has all the time."""
        is_whole = super().parse_request()
        self._late.cancel()
        return is_whole

    def _end_connection(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        """Answers, after writing it into the log."""
        started = time.monotonic()
        site, host = self.server.site, self.server.host
        reply = site.reply(host, self.path, self.headers)  # pyright: ignore[reportArgumentType]
        entry = Request(
            host=host,
            method=self.command,
            path=self.path,
            status=reply.status,
            user_agent=self.headers.get("User-Agent", ""),
            referer=self.headers.get("Referer"),
            is_conditional="If-None-Match" in self.headers or "If-Modified-Since" in self.headers,
            started=started,
            ended=float("inf"),
            wall_time=datetime.now(UTC),
        )
        site.log.append(entry)
        try:
            self._send(reply)
        except OSError:
            self.close_connection = True  # the client closed the connection, which it may
        finally:
            entry.ended = time.monotonic()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal: the log is in memory."""

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = reply.body[: reply.send_bytes]
        if reply.chunk_delay_s:
            for start in range(0, len(body), 1024):
                self.wfile.write(body[start : start + 1024])
                time.sleep(reply.chunk_delay_s)
        else:
            self.wfile.write(body)
        if reply.send_bytes is not None:
            self.wfile.flush()
            self.close_connection = True
        if reply.reset:
            # Closed with bytes unsent and no time to linger, the connection is reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
