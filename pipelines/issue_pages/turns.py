"""Whose turn it is to ask a host: one request at a time, spaced, across all threads and processes of this machine.

Writes one small file a host into a folder that all of them share. The file is locked while the host is asked; the
system lets go of the lock when a process ends, however it ends.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import TextIOWrapper
from pathlib import Path


class Turn:
    """The right to ask one host now."""

    def __init__(self, file: TextIOWrapper):
        self._file = file
        file.seek(0)
        try:
            self.next_at = float(json.loads(file.read() or "0"))
        except ValueError:
            self.next_at = 0.0  # a process was killed while it wrote

    def ask_again_at(self, moment: float) -> None:
        """Nobody asks before this moment, in seconds since the epoch, or before one that was said already."""
        self.next_at = max(self.next_at, moment)
        self._file.seek(0)
        self._file.truncate()
        json.dump(self.next_at, self._file)
        self._file.flush()


class Turns:
    """The turns at all hosts."""

    def __init__(self, folder: Path | None = None):
        """folder: shared by all that are to take turns; by default one for this user of this machine."""
        self._folder = folder or Path(tempfile.gettempdir()) / f"tintoon-{os.getuid()}" / "turns"

    @contextmanager
    def at(self, origin: str) -> Iterator[Turn]:
        """Waits until nobody else asks the host, and keeps it until the block ends."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file opened anew is a lock of its own: threads wait for each other as processes do.
        with (self._folder / f"{sha256(origin.encode()).hexdigest()[:24]}.json").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield Turn(file)
