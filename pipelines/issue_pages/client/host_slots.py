"""What all threads and processes of this machine share of a host: whose turn it is, since when it is left alone, and
what was spent there.

One request at a time, spaced; after a refusal none for some hours; no more than the budgets. Writes one small file a
host into a folder that all share. The file is locked while the host is asked; the system lets go of the lock when a
process ends, however it ends. To forget a refusal, or what was spent, remove the host's file.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path

from pydantic import BaseModel, ValidationError


class HostRecord(BaseModel):
    """What a host's file says. Moments are in seconds since the epoch."""

    next_at: float = 0.0  # not asked before
    stopped_until: float = 0.0  # left alone until then ...
    stopped_by: str = ""  # ... because of this
    counted_from: float = 0.0  # when the hours began in which are counted:
    requests: int = 0
    bytes: int = 0  # of bodies


class HostSlot:
    """The right to ask one host now."""

    def __init__(self, file: BufferedRandom, path: Path):
        self._file = file
        self.path = path
        try:
            self.record = HostRecord.model_validate_json(file.readline())
        except ValidationError:
            self.record = HostRecord()  # a new file

    def ask_again_at(self, moment: float) -> None:
        """Nobody asks before this moment, or before one that was said already."""
        self.record.next_at = max(self.record.next_at, moment)
        self.save()

    def stop(self, until: float, why: str) -> None:
        """Nobody asks before `until`, because of `why`."""
        self.record.stopped_until, self.record.stopped_by = until, why
        self.save()

    def count_anew(self, now: float, *, every_s: float) -> None:
        """Forgets what was spent in hours that are over."""
        begun_s = now - self.record.counted_from
        if not 0 <= begun_s < every_s:  # negative where the clock was set back
            self.record.counted_from, self.record.requests, self.record.bytes = now, 0, 0

    def save(self) -> None:
        """Writes the record. Killed at any moment, it leaves one that is whole: only the first line counts."""
        line = f"{self.record.model_dump_json()}\n".encode()
        os.pwrite(self._file.fileno(), line, 0)
        os.ftruncate(self._file.fileno(), len(line))


class HostSlots:
    """The turns at all hosts."""

    def __init__(self, folder: Path | None = None):
        """folder: shared by all that are to take turns; by default one for this user of this machine."""
        self._folder = folder or Path(tempfile.gettempdir()) / f"tintoon-{os.getuid()}" / "turns"

    @contextmanager
    def at(self, host: str) -> Iterator[HostSlot]:
        """Waits until nobody else asks the host, and keeps it until the block ends."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        readable = re.sub(r"[^A-Za-z0-9.-]", "_", host)[:80]
        path = self._folder / f"{readable}-{sha256(host.encode()).hexdigest()[:12]}.json"
        while True:
            # A file opened anew is a lock of its own: threads wait for each other as processes do.
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not _is_at(path, file):
                    continue  # a person removed it while we waited
                yield HostSlot(file, path)
                return


def _is_at(path: Path, file: BufferedRandom) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
