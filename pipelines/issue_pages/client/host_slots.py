"""One slot per host, shared by all threads and processes of this machine, with the shared record of that host.

One request at a time, spaced; after a refusal none for some hours; no more than the budgets. A folder that all share
has one small record a host, and a lock that is held while the host is asked. The system releases the lock when a
process ends, however it ends. To forget a refusal or the budget spent, remove the host's record.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from pipelines.lake import atomic_write

_BLOCK = 4096
"""Bytes of a record, filled up with spaces."""

_POLL_S = 0.01  # shorter than the work between two requests, so that no process takes every slot


class HostRecord(BaseModel):
    """The shared state of a host. Moments are in seconds since the epoch."""

    next_at: float = 0.0  # no request before
    stopped_until: float = 0.0  # no request before, either ...
    stopped_by: str = ""  # ... because of this
    counted_from: float = 0.0  # the beginning of the hours that budgets count in
    requests: int = 0
    bytes: int = 0  # of bodies


class HostSlot:
    """The right to ask one host now."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.record = HostRecord.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            self.record = HostRecord()

    def ask_again_at(self, moment: float) -> None:
        """Allows no request before this moment. An earlier call with a later moment stays in force."""
        self.record.next_at = max(self.record.next_at, moment)
        self.save()

    def stop(self, until: float, why: str) -> None:
        """Allows no request before `until`, because of `why`."""
        self.record.stopped_until, self.record.stopped_by = until, why
        self.save()

    def count_anew(self, now: float, *, every_s: float) -> None:
        """Resets the budget's counts where their hours are over."""
        begun_s = now - self.record.counted_from
        if not 0 <= begun_s < every_s:  # negative where the clock was set back
            self.record.counted_from, self.record.requests, self.record.bytes = now, 0, 0

    def save(self) -> None:
        """Writes the record, whole or not at all.

        It is written with every request. Into the block of the disk that it has, in one call, is as whole as another
        name for a new file, and a tenth of the work.
        """
        data = self.record.model_dump_json().encode()
        padded = data.ljust(_BLOCK)
        try:
            place = os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW)
        except OSError:
            place = None
        if place is not None:
            with os.fdopen(place, "wb", buffering=0) as file:
                if len(padded) == _BLOCK == os.fstat(place).st_size:
                    file.write(padded)
                    return
        with atomic_write(self.path) as file:
            file.write_bytes(padded)


class HostSlots:
    """The slots of all hosts."""

    def __init__(self, folder: Path | None = None):
        """folder: shared by all that ask the same hosts; by default one for this user of this machine."""
        self._is_in_temporary_files = folder is None
        # The name of the folder is that of earlier versions: refusals of hosts must outlast an update.
        self._folder = folder or Path(tempfile.gettempdir()) / f"tintoon-{os.getuid()}" / "turns"

    @contextmanager
    def at(self, host: str) -> Iterator[HostSlot]:
        """Waits for the slot of a host, and keeps it until the block ends.

        Raises RuntimeError where the folder of all processes is another user's: anybody may make one of this name
        among the temporary files, and could change its records or lead them elsewhere.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._is_in_temporary_files:
            _require_own(self._folder.parent)
            _require_own(self._folder)
        readable = re.sub(r"[^A-Za-z0-9.-]", "_", host)[:80]
        path = self._folder / f"{readable}-{sha256(host.encode()).hexdigest()[:12]}.json"
        # A lock object of its own for each call: threads wait for each other as processes do.
        with FileLock(path.with_suffix(".lock"), poll_interval=_POLL_S):
            yield HostSlot(path)


def _require_own(folder: Path) -> None:
    """Raises RuntimeError for another user's folder, or for a link."""
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise RuntimeError(f"{folder}: the records of hosts lie there, but it is no folder of this user; set TMPDIR")
