"""Work on many issues at once, in as many processes as this one may use cores.

Processes are started anew (`spawn`): a fork would copy the locks of Dagster's threads. Each costs some seconds of
imports, so they are started only where there is more work than that.
"""

import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
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
    than so many seconds, by the key before. Processes end with the iteration, also where it is broken off.
    """
    workers = min(len(os.sched_getaffinity(0)), len(keys))
    for place, key in enumerate(keys, start=1):
        started = time.monotonic()
        result = _tried(work, key)
        spent_s = time.monotonic() - started
        yield key, result
        left = keys[place:]
        if workers > 1 and len(left) > 1 and spent_s * len(left) > worth_s:
            yield from _in_processes(work, left, min(workers, len(left)))
            return


def _tried(work: Callable[[str], _Result], key: str) -> _Result | Exception:
    try:
        return work(key)
    except Exception as error:
        return error


def _in_processes(
    work: Callable[[str], _Result], keys: Sequence[str], workers: int
) -> Generator[tuple[str, _Result | Exception], None, None]:
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        futures = {pool.submit(partial(_tried_there, work), key): key for key in keys}
        for future in as_completed(futures):
            key = futures.pop(future)
            try:
                yield key, future.result()
            except BrokenProcessPool:
                yield key, RuntimeError(f"{key}: the process that worked on it was killed, as for memory; run it again")
    except BaseException:  # Ctrl-C, a run that is ended: nobody waits for what is begun
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Ends with Ctrl-C at once and without a word: the process that started this one tells of it."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    cv2.setNumThreads(1)  # the cores are taken
    keep_freed_memory()


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
