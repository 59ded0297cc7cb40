"""Connections of Tintoon's servers: nobody holds one by sending nothing, or by sending or reading too slowly.

The limits are those of Apache's mod_reqtimeout: a time for the head of a request, and for its body a time that grows
with what has come.
"""

import asyncio
import os
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from studio.server.peer import user_of

MAX_CONNECTIONS = 200
MAX_HEAD_BYTES = 32 * 1024
HEAD_S = 20.0
"""Within so many seconds a request's head has come whole, or nothing of it."""
BODY_S, BODY_BYTES_PER_S = 20.0, 500.0
"""A body has so many seconds, and one more for each 500 bytes that came."""
READING_S = 60.0
"""An answer's next bytes are taken within so many seconds."""
_LOOK_S = 0.5


class Connection(H11Protocol):
    """A connection of uvicorn that is closed when its client is late.

    Where more than MAX_CONNECTIONS are open, the one that has kept the server waiting the longest makes room.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._since = 0.0  # of the loop's clock: since then the server waits for what the client sends or takes
        self._came = 0  # bytes since then
        self._unsent = 0
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begins to look at the clock."""
        super().connection_made(transport)
        self._since = self.loop.time()
        waiting = [one for one in self.connections if isinstance(one, Connection) and one.is_awaited]
        if len(self.connections) > MAX_CONNECTIONS and waiting:
            min(waiting, key=lambda one: one._since).transport.abort()
        self._look_at_the_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends looking at the clock."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes; a whole head begins another wait, for the body."""
        before = (self.cycle, self.conn.their_state)
        super().data_received(data)
        if (self.cycle, self.conn.their_state) == before:
            self._came += len(data)
        else:
            self._wait_anew()

    def on_response_complete(self) -> None:
        """Begins to wait for the next request."""
        super().on_response_complete()
        self._wait_anew()

    @property
    def is_awaited(self) -> bool:
        """True while the server waits for the client: for a head, a body, or that it takes an answer."""
        is_heard = self.conn.their_state in (h11.IDLE, h11.SEND_BODY) or self.transport.get_write_buffer_size() > 0
        return is_heard and not self.transport.is_closing()

    def _wait_anew(self) -> None:
        self._since, self._came = self.loop.time(), 0

    def _look_at_the_clock(self) -> None:
        self._look = None
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # now a WebSocket
            return
        if self._is_late():
            self.transport.abort()
            return
        self._look = self.loop.call_later(_LOOK_S, self._look_at_the_clock)

    def _is_late(self) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self._wait_anew()
        waited_s = self.loop.time() - self._since
        if unsent:
            return waited_s > READING_S
        if self.flow.read_paused and self.conn.our_state is not h11.DONE:
            self._wait_anew()  # the application has not taken what came: the client is not late
            return False
        if self.conn.their_state is h11.IDLE:
            return waited_s > HEAD_S
        return self.conn.their_state is h11.SEND_BODY and waited_s > BODY_S + self._came / BODY_BYTES_PER_S


class OwnConnection(Connection):
    """A connection that only this user, or root, may open."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Closes another user's connection before anything is read of it."""
        super().connection_made(transport)
        client, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if user_of(client, server) not in (0, os.geteuid()):
            transport.abort()
