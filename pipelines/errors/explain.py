"""One line about an error of the machine: what happened, where, and what to do.

Errors of our own carry such a line already. Those here come from below: the operating system, SQLite, safetensors,
Arrow, object stores, MLflow. Most of these libraries are not imported: their errors are known by module and name, so
that the command line stays light.
"""

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors.leftovers import name_of_part

_FULL = "free some space there, or move the home (TINTOON_HOME); the next run goes on where this one stopped"
_FULL_ELSEWHERE = "free some space there, or name another place; the next run goes on where this one stopped"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_RIGHTS = "give this user the right to write there, or choose another place (TINTOON_HOME, TINTOON_LAKE)"

_REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space left on its disk", _FULL),
    errno.EDQUOT: ("the quota of this user is used up", _FULL),
    errno.EFBIG: ("larger than a file may be here", "raise the limit (ulimit -f), or choose another file system"),
    errno.EROFS: ("its file system is read-only", "mount it for writing, or choose another place (TINTOON_HOME)"),
    errno.EACCES: ("no right to do that", _RIGHTS),
    errno.EPERM: ("no right to do that", _RIGHTS),
    errno.EIO: ("its disk reports an error", "look at the disk; put back what is damaged from a copy"),
    errno.ENOENT: ("no such file or folder", "put it there, or name another place"),
    errno.ENOTDIR: ("what should be a folder is a file", "name another place, or move the file away"),
    errno.EEXIST: ("a file is where a folder should be", "name another place, or move the file away"),
    errno.EISDIR: ("is a folder, not a file", "name a file"),
    errno.ENAMETOOLONG: ("its name is too long for this file system", "choose a shorter name or folder"),
    errno.ELOOP: ("its links lead in a circle", "mend the links"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n), then run it again"),
    errno.ENFILE: ("too many files are open on this machine", "end other programs, then run it again"),
    errno.ESTALE: ("its network file system was mounted anew", "run it again"),
    errno.ENOMEM: ("no memory left", "end other programs, or set smaller batches"),
    errno.EBUSY: ("another program holds it", "end that program, then run it again"),
    errno.ETXTBSY: ("another program holds it", "end that program, then run it again"),
}
"""By number of the operating system: what happened, and the remedy."""

_SQLITE: tuple[tuple[str, str, str], ...] = (
    ("disk is full", "no space left on its disk", _FULL),
    ("readonly database", "it is read-only", _RIGHTS),
    ("unable to open database file", "it cannot be opened", _RIGHTS),
    ("database is locked", "another process has held it for too long", "wait for that process, then run it again"),
    ("malformed", "it is damaged", "put back a copy of it"),
    ("not a database", "it is damaged", "put back a copy of it"),
)
"""By words of SQLite's message: what happened, and the remedy."""

_OBJECT_STORES = ("botocore", "aiobotocore", "boto3", "s3fs", "gcsfs", "google", "adlfs", "azure", "aiohttp", "fsspec")
"""Packages whose errors are about a remote lake."""

_WRAPPERS = ("dagster", "dagster_shared", "mlflow", "sqlalchemy", "alembic", *_OBJECT_STORES)
"""Packages that raise an error of theirs from the one that says what happened."""

_FEW_BYTES = 1 << 20
"""A disk with less space than this is full for a store that reports no more than an input or output error."""


def explain(error: BaseException, *, home: Path | None = None, places: Sequence[Path] = ()) -> str | None:
    """One line about an error of the machine; None for any other error.

    Of an error that a library raised from another one, the first cause counts. An error of our own stays what it says.
    home: The folder of the installation, whose stores are in the message where a database names no place.
    places: Files and folders that the work may have written to beside the home: where an error names no place, the one
    whose disk is full is named.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    line = explain(cause, home=home, places=places) if cause and _package(error) in _WRAPPERS else None
    line = line or _explained(error, home, places)
    return " ".join(line.split()) if line else None


def summary(error: BaseException) -> str:
    """An error's message in one line of at most 600 characters; its kind where it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 600 else f"{text[:597]}..."


def _package(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _explained(error: BaseException, home: Path | None, places: Sequence[Path]) -> str | None:
    package = _package(error)
    number = _number(error)
    if number in _REASONS:
        reason, remedy = _REASONS[number]
        if number in _NO_SPACE:
            return _about_space(error, home, places, reason)
        return f"{_place(error, home)}: {reason}; {remedy}"
    if package in ("sqlalchemy", "sqlite3", "psycopg", "psycopg2"):
        return _about_database(error, home)
    if type(error).__name__ == "SafetensorError":
        return f"{_place(error, home)}: weights could not be written or read ({summary(error)}); run it again"
    if package == "mlflow":
        return f"MLflow: {summary(error)}; look at its store (MLFLOW_TRACKING_URI, by default in {_store(home)})"
    if package in _OBJECT_STORES:
        return (
            f"the lake cannot be reached ({type(error).__name__}: {summary(error)}); check TINTOON_LAKE: the bucket's "
            "name, the credentials, the network"
        )
    if isinstance(error, MemoryError):
        return f"no memory left ({summary(error)}); end other programs, or set smaller batches"
    return None


def _number(error: BaseException) -> int | None:
    """The operating system's number of an error, also where a library gives it in words."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
        found = re.search(r"(?:os error|errno) (\d+)", str(error), re.IGNORECASE)
        return int(found[1]) if found else None
    return None


def _place(error: BaseException, home: Path | None) -> str:
    return _named(error) or (str(home) if home else "a file")


def _named(error: BaseException) -> str | None:
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    return _without_part(str(named)) if named else None


def _about_space(error: BaseException, home: Path | None, places: Sequence[Path], reason: str) -> str:
    """What the error names is full; else the output, the home or the folder of temporary files: the one without space.

    Quotas are not seen from here: where no disk is full, only what the work wrote to can be said.
    """
    if named := _named(error):
        is_ours = home is not None and Path(named).absolute().is_relative_to(home.absolute())
        return f"{named}: {reason}; {_FULL if is_ours or home is None else _FULL_ELSEWHERE}"
    if _is_stdout_full():
        return "the output could not be written: no space left where it goes; free some space there"
    others = [*places, Path(tempfile.gettempdir())]
    if home and _is_full(home):
        return f"{home}: {reason}; {_FULL}"
    if full := next(filter(_is_full, others), None):
        return f"{full}: {reason}; {_FULL_ELSEWHERE}"
    if not home:
        return f"a file: {reason}; {_FULL}"
    written = ", ".join(map(str, (home, *others)))
    return f"{reason}, at one of {written}; {_FULL}"


def _is_stdout_full() -> bool:
    """True where what was printed cannot leave this process: its file's disk is full, or it is /dev/full."""
    try:
        sys.stdout.flush()
        if stat.S_ISCHR(os.fstat(1).st_mode):
            return Path("/dev/full").exists() and os.path.samestat(os.fstat(1), Path("/dev/full").stat())
        return stat.S_ISREG(os.fstat(1).st_mode) and os.fstatvfs(1).f_bavail * os.fstatvfs(1).f_frsize < _FEW_BYTES
    except (OSError, ValueError):
        return True


def _without_part(path: str) -> str:
    """The file that a half-written neighbour was to become: see `pipelines.lake.atomic_write`."""
    name = name_of_part(Path(path).name)
    return str(Path(path).with_name(name)) if name else path


def _about_database(error: BaseException, home: Path | None) -> str:
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    for words, reason, remedy in _SQLITE:
        if words in said:
            return f"a database of {_store(home)}: {reason}; {remedy}"
    if "disk I/O error" in said and home and _is_full(home):
        return f"a database of {_store(home)}: no space left on its disk; {_FULL}"
    return f"a database of {_store(home)} does not answer: {said.splitlines()[0]}; look at the disk, or at its server"


def _store(home: Path | None) -> str:
    return str(home) if home else "this installation"


def _is_full(place: Path) -> bool:
    """True for a file or folder, also one that is still to be made, whose disk is full."""
    place = place.absolute()
    there = next((folder for folder in (place, *place.parents) if folder.exists()), place)
    try:
        return shutil.disk_usage(there).free < _FEW_BYTES
    except OSError:
        return False
