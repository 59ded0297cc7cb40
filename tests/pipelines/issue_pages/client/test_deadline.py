"""A host that never stops sending, and never finishes anything, is let go: in its head, its chunks, its packing."""

import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import RobotsRefused, TooLarge
from tests.pipelines.issue_pages.small_site import HERE, QUICK

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def dripping(first: bytes, drip: bytes, *, robots: bytes = NO_ROBOTS) -> Iterator[tuple[str, list[str]]]:
    """A host that sends `first`, then `drip` again and again: its address, and the paths that it was asked."""
    asked: list[str] = []
    over = threading.Event()

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            path = client.recv(4096).split()[1].decode()
            asked.append(path)
            if path == "/robots.txt" and robots:
                client.sendall(robots)
                return
            client.sendall(first)
            while not over.wait(0.05):
                client.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads: list[threading.Thread] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=answer, args=(listening.accept()[0],)))
                    threads[-1].start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            for one in (thread, *threads):
                one.join(10)


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b"H"),  # a status line that never ends
        (HEAD, b"x"),  # a header
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),  # the length of a chunk
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x"),  # what follows it
        (
            HEAD + b"Content-Encoding: gzip\r\n\r\n" + zlib.compress(b"", wbits=31)[:10],
            b"",
        ),  # silent: timeout_s is longer
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),  # the body itself
    ],
)
def test_a_host_that_drips_is_let_go_and_not_asked_again(first, drip):
    client = Client(QUICK.model_copy(update={"max_body_s": 0.3, "timeout_s": 5.0}))
    with dripping(first, drip) as (url, asked):
        began = time.monotonic()
        with pytest.raises(TooLarge, match=r"after (0\.3|1\.3) s; raise max_body_s if the host is slow"):
            client.get(f"{url}/picture", HERE)
        assert time.monotonic() - began < 4
        assert asked == ["/robots.txt", "/picture"]


def test_a_robots_txt_that_drips_refuses_the_host():
    client = Client(QUICK.model_copy(update={"max_body_s": 0.3}))
    with dripping(b"", b"H", robots=b"") as (url, asked):
        with pytest.raises(RobotsRefused, match=r"cannot be honoured: no whole answer after 1\.3 s"):
            client.get(f"{url}/picture", HERE)
        assert asked == ["/robots.txt"]
