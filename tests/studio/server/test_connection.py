"""Connections that send nothing, or too slowly, or read nothing, are closed; a patient client is not."""

import socket
import time
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from studio.server import connection
from studio.server.guard import Guard
from tests.studio.server.running import running

SHORT_S = 0.5
HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n"


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/large":
        answer = PlainTextResponse(bytes(30_000_000))
    else:
        answer = PlainTextResponse(str(len(await Request(scope, receive).body())))
    await answer(scope, receive, send)


@pytest.fixture
def port(monkeypatch) -> Iterator[int]:
    for name in ("HEAD_S", "BODY_S", "READING_S"):
        monkeypatch.setattr(connection, name, SHORT_S)
    monkeypatch.setattr(connection, "_LOOK_S", 0.05)
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 5)
    with running(Guard(_application), is_private=False) as number:
        yield number


def connected(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def seconds_until_closed(client: socket.socket, *, drip: bytes = b"") -> float:
    """Sends one byte after the other, slowly, until the other end closes."""
    began = time.monotonic()
    client.settimeout(0.1)
    while time.monotonic() - began < 10:
        try:
            client.sendall(drip)
            if not client.recv(1 << 20):
                break
        except TimeoutError:
            continue
        except OSError:  # reset
            break
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),  # nothing at all
        (b"G", b"E"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"x"),  # a head that never ends
        (HEAD + b"\r\n", b""),  # a body that never comes
        (HEAD + b"\r\n", b"x"),
        (HEAD.replace(b"application/json", b"text/plain") + b"\r\n", b"x"),  # a body that nobody reads
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HT", b"x"),  # the second request
    ],
)
def test_a_slow_client_is_let_go(port, first, drip):
    with connected(port) as client:
        client.sendall(first)
        # A body has a second more for each 500 bytes.
        assert SHORT_S * 0.5 < seconds_until_closed(client, drip=drip) < SHORT_S + 2


def test_a_client_that_reads_nothing_is_let_go(port):
    with connected(port) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(SHORT_S + 1)
        came = 0
        try:
            while chunk := client.recv(1 << 20):
                came += len(chunk)
        except ConnectionResetError:
            pass
        assert came < 30_000_000


def test_a_head_of_endless_lines_is_refused(port):
    with connected(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"x: y\r\n" * 10_000)
        assert b" 400 " in client.recv(100)


def test_a_body_that_comes_steadily_is_taken_however_long_it_lasts(port):
    with connected(port) as client:
        client.sendall(HEAD.replace(b"1000000", b"20000") + b"\r\n")
        for _ in range(20):
            client.sendall(bytes(1000))
            time.sleep(SHORT_S / 5)
        assert client.recv(1000).endswith(b"20000")


def test_more_connections_than_the_limit_push_out_the_one_that_waits_longest(port):
    waiting = []
    for _ in range(9):
        waiting.append(connected(port))
        time.sleep(0.01)
    with connected(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 200 " in client.recv(1000)
    assert seconds_until_closed(waiting[0]) < SHORT_S / 2
    for one in waiting:
        one.close()
