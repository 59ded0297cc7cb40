"""Connections of other users of the machine are closed where a token is asked for, whatever they know."""

import ctypes
import os
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from studio.server.guard import Guard
from studio.server.peer import user_of, users_are_told
from tests.studio.server.running import running
from tests.studio.server.test_guard import TOKEN, answer_inside

OTHER = 65_533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can open a connection as another user")
ASK = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()


@contextmanager
def as_user(number: int) -> Iterator[None]:
    """What this thread makes in the block is that user's."""
    libc = ctypes.CDLL(None)
    libc.setfsuid(number)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())


def serving(*, is_private: bool) -> AbstractContextManager[int]:
    return running(Guard(answer_inside, token=TOKEN), is_private=is_private)


def answer(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            client.sendall(ASK)
            return client.recv(1000)
        except ConnectionError:
            return b""


def test_the_user_of_a_connection_is_told():
    assert users_are_told()
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        name = client.getsockname()
        assert user_of(name, server.getsockname()) == os.geteuid()
        accepted, _ = server.accept()
        client.close()
        time.sleep(0.1)
        assert user_of(name, server.getsockname()) is None  # nobody's, not root's
        accepted.close()


@needs_root
def test_another_user_is_kept_out_even_with_the_token():
    with serving(is_private=True) as port:
        assert answer(port).startswith(b"HTTP/1.1 200")
        with as_user(OTHER):
            assert answer(port) == b""
        assert answer(port).startswith(b"HTTP/1.1 200")
    with serving(is_private=False) as port, as_user(OTHER):
        assert answer(port).startswith(b"HTTP/1.1 200")
