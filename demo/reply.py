"""An answer of a site on loopback, and a change to it: tests use changes to let the site fail as real hosts do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """An answer on its way, before any fault has changed it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    send_bytes: int | None = None  # break off after so many, though Content-Length promises all
    reset: bool = False  # break off with a TCP reset
    chunk_delay_s: float = 0.0  # between chunks of 1 KiB


@dataclass
class Fault:
    """A change to an answer, for the first `times` requests that match, or for ever."""

    change: Callable[[Reply], Reply]
    times: int | None = None
    agent: str = ""  # only for those whose User-Agent has this in it
