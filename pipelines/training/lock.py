"""Locks for trainings: one process at a time per folder, and no training that outlives the process that started it.

A killed training leaves its state behind, and a retry resumes it in the same MLflow run. That needs exclusive access
to the folder: without it, a step process whose run was killed would train on as an orphan, beside its own retry.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def only_trainer(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder. The system releases it when the process ends, for whatever reason.

    Raises RuntimeError, with the number of the other process, when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "lock_holder"  # beside the lock: the content of a lock file belongs to the lock
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        name = holder.read_text() if holder.exists() else "unknown"
        raise RuntimeError(f"{folder.name} is being trained by process {name}; wait for it, or end it") from None
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def die_with_parent() -> None:
    """Makes this process end together with its parent. Does nothing in a process without a parent of its own kind."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        # Not by getppid(): the parent of a forked step is the fork server, which lives as long as any of its children.
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()
