"""How Tintoon serves an application on loopback: one way for the page for artists, Dagster's and MLflow's."""

import socket
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from studio.server.connection import MAX_HEAD_BYTES, Connection, OwnConnection
from studio.server.guard import LOOPBACK
from studio.server.peer import users_are_told


def listen(port: int) -> socket.socket:
    """A socket on loopback that does not take connections yet. Port 0: any free port. Raises OSError."""
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
    except OSError:
        listening.close()
        raise
    return listening


def server_of(app: ASGIApp, *, is_private: bool) -> uvicorn.Server:
    """The server of a guarded application. Writes no addresses into logs: one may hold the token.

    is_private: connections of other users of this machine are closed, where the system tells whose they are.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=OwnConnection if is_private and users_are_told() else Connection,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ws_max_size=1_000_000,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # what a request says about its own sender is not believed
            timeout_graceful_shutdown=5,
        )
    )


def serve(app: ASGIApp, listening: socket.socket, *, is_private: bool) -> None:
    """Serves a guarded application until Ctrl-C or SIGTERM; `is_private` as in `server_of`."""
    with suppress(KeyboardInterrupt):  # how it ends
        server_of(app, is_private=is_private).run(sockets=[listening])
