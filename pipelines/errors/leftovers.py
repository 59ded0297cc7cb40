"""What killed processes leave: half-written neighbours of files and folders, named by the process that writes them.

A name is `.<name>.<machine>-<process>-<start>-<random>.part`. Where that process is gone, its neighbour is removed; one
of another machine or container, of the time before the machine started again, or of an earlier version, is removed
after a day without writes.
"""

import os
import re
import shutil
import socket
import time
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import getnode, uuid4

from pipelines.errors.processes import is_alive, start_of

SUFFIX = ".part"

ABANDONED_S = 24 * 3600
"""Without writes for this long, it is a killed run's, whoever wrote it. Generous: a laptop may have slept."""

_WRITER = re.compile(r"\.([0-9a-f]{4})-([0-9a-f]+)-([0-9a-f]+)-[0-9a-f]{6}\.part$")


def part_name(name: str) -> str:
    """The name of a half-written neighbour of a file or folder, of this process alone."""
    return f".{name}.{_machine()}-{os.getpid():x}-{int(_own_start()):x}-{uuid4().hex[:6]}{SUFFIX}"


def name_of_part(part: str) -> str | None:
    """The name of what a half-written neighbour was to become; None for a name that is none."""
    found = _WRITER.search(part) or re.search(r"\.[0-9a-f]{8}\.part$", part)
    return part[1 : found.start()] if found and part.startswith(".") else None


def remove_leftovers(
    folder: Path, pattern: str = "**/.*.part", *, abandoned_after_s: float = ABANDONED_S
) -> list[Path]:
    """Removes what killed processes left half-written in a folder and below; returns what was removed.

    What a living process writes stays, and so does what cannot be removed.
    abandoned_after_s: Seconds without writes after which that of an unknown process is removed.
    """
    removed = []
    for part in sorted(folder.glob(pattern)):
        try:
            if not is_abandoned(part, abandoned_after_s):
                continue
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink()
        except OSError:  # its writer was faster, or it is not ours to remove
            continue
        removed.append(part)
    return removed


def is_abandoned(part: Path, after_s: float = ABANDONED_S) -> bool:
    """True where nobody writes a half-written file or folder any more. Raises OSError where it is gone."""
    writer = _WRITER.search(part.name)
    if writer and writer[1] == _machine():
        return not is_alive(int(writer[2], 16), int(writer[3], 16))
    written = max(path.stat().st_mtime for path in (part, *(part.iterdir() if part.is_dir() else ())))
    return time.time() - written > after_s


@cache
def _machine() -> str:
    """Four hex digits that stand for all among whom a process number means one process.

    Containers may share a host name, and machines the number of their first namespace of processes. Where the system
    is not Linux, there are no such namespaces, and the address of a network card tells machines apart; without a card
    it is drawn anew in each process, so that all others' wait for a day.
    """
    try:
        scope = f"{Path('/proc/sys/kernel/random/boot_id').read_text()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        scope = f"{getnode():x}"
    return sha256(f"{socket.gethostname()} {scope}".encode()).hexdigest()[:4]


@cache
def _own_start() -> float:
    return start_of(os.getpid())
