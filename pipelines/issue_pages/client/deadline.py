"""A time limit over a whole exchange with a host: head and body.

A socket's own timeout limits each silence, so a host that sends a byte from time to time would hold a connection for
ever: in the status line, in the headers, or in the length of a chunk.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import inf
from threading import Condition, Lock, Thread
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """The state of one exchange."""

    def __init__(self) -> None:
        self.has_passed = False
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self._is_over = False

    def watch(self, used: socket.socket | None) -> None:
        """Ends this connection too when the time is up."""
        with self._lock:
            if used is not None:
                self._sockets.append(used)

    def end(self) -> None:
        """The time is up: whoever reads from a connection finds its end."""
        with self._lock:
            self.has_passed = not self._is_over
            for used in self._sockets if self.has_passed else ():
                with suppress(OSError):
                    socket.socket.shutdown(used, socket.SHUT_RDWR)  # of the connection itself, also below TLS

    def finish(self) -> None:
        """The exchange is over: its connection may be another one's now."""
        with self._lock:
            self._is_over = True


class _Watch:
    """One thread that ends what is due, for all exchanges: a thread for each would cost more than its exchange."""

    def __init__(self) -> None:
        self._due: dict[Deadline, float] = {}
        self._changed = Condition()
        self._wakes_at = 0.0
        self._thread: Thread | None = None

    def add(self, found: Deadline, seconds: float) -> None:
        """Ends it after so many seconds, unless it is removed before."""
        moment = time.monotonic() + seconds
        with self._changed:
            self._due[found] = moment
            if self._thread is None or not self._thread.is_alive():  # also after a fork
                self._thread = Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif moment < self._wakes_at:
                self._changed.notify()

    def remove(self, found: Deadline) -> None:
        """The exchange is over."""
        with self._changed:
            self._due.pop(found, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                over = [found for found, moment in self._due.items() if moment <= now]
                for found in over:
                    del self._due[found]
                self._wakes_at = min(self._due.values(), default=inf)
                if not over:
                    self._changed.wait(None if self._wakes_at == inf else self._wakes_at - now)
            for found in over:
                found.end()


_watch_of_all = _Watch()
_of_this_thread: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """Ends the connections that the block uses by way of `TimedAdapter` after so many seconds."""
    found = Deadline()
    _watch_of_all.add(found, seconds)
    before = _of_this_thread.set(found)
    try:
        yield found
    finally:
        _of_this_thread.reset(before)
        found.finish()
        _watch_of_all.remove(found)


class TimedAdapter(HTTPAdapter):
    """The adapter of requests, whose connections keep the deadline of the thread that uses them."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Makes the pools of connections without a proxy."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS  # pyright: ignore[reportAttributeAccessIssue]

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """Makes the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _watch(used: socket.socket | None) -> None:
    found = _of_this_thread.get()
    if found is not None:
        found.watch(used)


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        _watch(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType]  # as urllib3 documents it


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection  # pyright: ignore[reportAssignmentType]


_POOLS = {"http": _Pool, "https": _SecurePool}
