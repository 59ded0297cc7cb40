"""The site lets clients go that send nothing, or too slowly, and takes no more connections than it can answer."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import ThreadingHTTPServer

import pytest
import requests

from demo import server
from demo.naver import NaverSite

SHORT_S = 0.4


@pytest.fixture
def site(monkeypatch) -> Iterator[NaverSite]:
    monkeypatch.setattr(server._Handler, "timeout", SHORT_S)
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    with NaverSite({}) as running:
        yield running


def connected(site: NaverSite) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2])), timeout=10)


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"GE", b"T"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"x"),
        (b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\nGET ", b"x"),  # the second request
    ],
)
def test_a_slow_client_is_let_go(site, first, drip):
    with connected(site) as client:
        client.sendall(first)
        client.settimeout(0.1)
        began = time.monotonic()
        while time.monotonic() - began < 10:
            with suppress(TimeoutError):
                try:
                    client.sendall(drip)
                    if not client.recv(1 << 16):
                        break
                except ConnectionError:
                    break
        assert SHORT_S / 2 < time.monotonic() - began < SHORT_S + 2


def test_more_connections_than_the_limit_are_closed_and_later_ones_are_answered(site):
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(site)) for _ in range(3)]
        time.sleep(0.1)
        with connected(site) as one_more:
            assert one_more.recv(100) == b""
        assert len(waiting) == 3
    time.sleep(0.2)  # until their threads have ended
    assert requests.get(f"{site.url}/robots.txt", timeout=10).status_code == 200


def test_where_no_thread_can_be_started_later_clients_are_answered(site, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without_threads:
        without_threads.setattr(ThreadingHTTPServer, "process_request", fail)
        for _ in range(4):  # one more than the limit
            with connected(site) as client:
                assert client.recv(100) == b""
    assert requests.get(f"{site.url}/robots.txt", timeout=10).status_code == 200
