"""Work on many issues at once, in as many processes as this one may use cores.

Processes are started anew (`spawn`): a fork would copy the locks of Dagster's threads. Each costs some seconds of
imports, so they are started only where there is more work than that.
"""

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import TypeVar

from pipelines.memory import keep_freed_memory

_Result = TypeVar("_Result")

TRACEBACK = "traceback_there"
"""The attribute of an error from another process with its `traceback.TracebackException`."""


def on_all_cores(
    work: Callable[[str], _Result], keys: Sequence[str], *, worth_s: float = 3.0
) -> Generator[tuple[str, _Result | Exception], None, None]:
    """The results of `work` by key, as they come; an error is the result of its key.

    work: Can be pickled, with its results. worth_s: No process is started as long as the rest would take this one less
    than so many seconds, by the key before, but the first: it pays for imports and loops that are compiled; 0: they
    start after the first key. Processes end with the iteration, also where it is broken off, and with
    this process, however it ends. Where one of them is killed, only the key that it worked on has an error.
    """
    workers = min(_cores(), len(keys))
    for place, key in enumerate(keys, start=1):
        started = time.monotonic()
        result = _tried(work, key)
        spent_s = time.monotonic() - started
        yield key, result
        left = keys[place:]
        is_worth = spent_s * len(left) > worth_s if place > 1 else not worth_s
        if workers > 1 and len(left) > 1 and is_worth:
            yield from _in_processes(work, left, min(workers, len(left)))
            return


def _cores() -> int:
    """How many cores this process may use; outside Linux, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tried(work: Callable[[str], _Result], key: str) -> _Result | Exception:
    try:
        return work(key)
    except Exception as error:
        return error


def _in_processes(
    work: Callable[[str], _Result], keys: Sequence[str], workers: int
) -> Generator[tuple[str, _Result | Exception], None, None]:
    """Every result. What was worked on when a process was killed is done again alone, to find whose fault it was."""
    left = list(keys)
    while left:
        left = yield from _in_pool(work, left, min(workers, len(left)))
        if left and workers == 1:
            key = left.pop(0)
            yield key, RuntimeError(f"{key}: the process that worked on it was killed, as for memory; run it again")
        elif left:
            yield from _in_processes(work, left[:workers], 1)
            left = left[workers:]


def _in_pool(
    work: Callable[[str], _Result], keys: Sequence[str], workers: int
) -> Generator[tuple[str, _Result | Exception], None, list[str]]:
    """The results until a process is killed. Returns the keys without one, in order: it worked on one of the first."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    futures = {}
    left = list(keys)
    try:
        with suppress(BrokenProcessPool):  # killed before all are submitted
            for key in keys:
                futures[pool.submit(partial(_tried_there, work), key)] = key
        for future in as_completed(list(futures)):
            if not isinstance(future.exception(), BrokenProcessPool):
                key = futures.pop(future)
                left.remove(key)
                yield key, future.result()
        return left
    finally:
        if left:  # Ctrl-C, a run that is ended, a process that was killed: nobody waits for what is begun
            # Not SIGTERM, which one that still starts may ignore, to wait for ever for the lock of one that ended.
            for process in set(multiprocessing.active_children()) - before:
                process.kill()
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Ends with Ctrl-C or SIGTERM at once and without a word, for the process that started this one tells of it; and
    ends with that process.
    """
    import cv2

    for ending in (signal.SIGINT, signal.SIGTERM):  # ignored in a shell's background job: Dagster makes them alike
        signal.signal(ending, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)  # the cores are taken
    keep_freed_memory()


def _end_with_parent() -> None:
    """A killed process cannot end those that it started, and they would go on writing."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _tried_there(work: Callable[[str], _Result], key: str) -> _Result | Exception:
    """`_tried` in another process: an error that cannot be sent is told by its words."""
    result = _tried(work, key)
    if not isinstance(result, Exception):
        return result
    told = traceback.TracebackException.from_exception(result)
    try:
        found = pickle.loads(pickle.dumps(result))
    except Exception:
        found = RuntimeError(f"{type(result).__name__}: {result}")
    setattr(found, TRACEBACK, told)
    return found
