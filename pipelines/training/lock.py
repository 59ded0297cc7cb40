"""One training at a time in one folder, and none that outlives whoever asked for it.

A training that is killed leaves its state behind, and a retry goes on from it, in the same MLflow run. That is
only right when nobody else still writes there: a step process whose run was killed would otherwise train on as an
orphan, beside its own retry.
"""

import fcntl
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def only_trainer(folder: Path) -> Iterator[None]:
    """Holds the folder's lock. The system lets go of it when the process ends, however it ends.

    Raises RuntimeError when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise RuntimeError(f"{folder.name} is being trained by process {holder}; wait for it, or end it") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def die_with_parent() -> None:
    """Ends this process when the one that asked for it has ended. Does nothing in a process that a person started."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        # Not by getppid(): the parent of a forked step is the fork server, which lives as long as any of its children.
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()
