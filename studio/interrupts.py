"""Ctrl-C, noticed also while a library looks away: Dagster holds signals back around a step, and then forgets them."""

import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDS = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def noticed_interrupts() -> Iterator[Callable[[], None]]:
    """Gives a function that raises KeyboardInterrupt where this process was asked to end since the block began.

    Python writes the number of each signal into a socket, whoever handles it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)

        def check() -> None:
            try:
                found = reader.recv(4096)
            except BlockingIOError:
                return
            if _ENDS & set(found):
                raise KeyboardInterrupt

        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield check
        finally:
            signal.set_wakeup_fd(before)


def raise_lost_interrupts() -> None:
    """Makes Ctrl-C come again where it fell into a finalizer, in which Python prints and forgets it.

    The tenth of a second is for Python to leave that place; raised in the hook itself, it would be forgotten again.
    """
    told = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            told(unraisable)
            return
        again = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook
