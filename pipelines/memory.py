"""How this process keeps memory that was freed: for work that asks for the same large arrays again and again."""

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # names of malloc.h
_KEPT_BYTES = 2**31 - 1
_LARGE_BYTES = 1 << 30
_STEP_BYTES = 64 << 20


def keep_freed_memory() -> None:
    """Has the C library keep freed memory for the next array, up to 2 GB, in place of giving it back to the system.

    By default large arrays are new pages each time, which the system fills with zeros first: a fifth to a quarter of
    a training step and of decoding on a CPU. For processes that work, not for those that wait. Does nothing where the
    C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        if not mallopt(MMAP_THRESHOLD, _LARGE_BYTES):  # before glibc 2.35, 32 MB is the most
            mallopt(MMAP_THRESHOLD, 32 << 20)
        mallopt(TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(TOP_PAD, _STEP_BYTES)
