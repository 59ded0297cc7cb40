"""A server in a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from studio.server.serving import listen, server_of


@contextmanager
def running(app: ASGIApp, *, is_private: bool) -> Iterator[int]:
    """The port where an application answers inside of the block."""
    server = server_of(app, is_private=is_private)
    with listen(0) as listening:
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(20)
