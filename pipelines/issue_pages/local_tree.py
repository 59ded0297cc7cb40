"""The files below a title's address, and what of it is not taken, each with its reason.

Follows links within the address, and none out of it or in a circle. Reads names and kinds, and the bytes of no file,
but those that `read_file` is asked for. Writes nothing.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.issue_pages.entry import Skip
from pipelines.issue_pages.names import left_by_system, leftover, small_copies
from pipelines.lake import natural_key

MAX_DEPTH = 16
MAX_FOLDERS = 100_000
MAX_FILE_BYTES = 1024 * 1024 * 1024  # of a picture: all of it is in memory


class NotTaken(Exception):
    """A file or folder is not followed. `skip` has the reason."""

    def __init__(self, skip: Skip):
        super().__init__(skip.detail)
        self.skip = skip


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not taken, and why."""

    path: Path
    skip: Skip


@dataclass(frozen=True)
class Folder:
    """One folder below an address, each list in natural order."""

    path: Path
    parts: tuple[str, ...]  # its names below the address; none of the address itself
    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    not_entered: tuple[LeftOut, ...] = ()  # folders in it that a walk leaves alone: circles, too deep, too many
    problem: str | None = None  # why it cannot be read; then it has nothing in it


def folders_below(root: Path) -> Iterator[Folder]:
    """The folder and all below it, in natural order, a folder before those in it.

    A folder that cannot be read has a `problem`. Raises OSError where `root` cannot be read.
    """
    ways: list[tuple[Path, tuple[str, ...], frozenset[Path]]] = [(root, (), frozenset([root.resolve()]))]
    count = 1
    while ways:
        path, parts, above = ways.pop()
        try:
            folder = look_into(path, root, parts)
        except OSError as error:
            if not parts:
                raise
            folder = Folder(path, parts, problem=f"cannot be read ({error.strerror or error}); check its rights")
        real = {below: below.resolve() for below in folder.folders}
        not_entered = [LeftOut(below, skip) for below in folder.folders if (skip := _skip(real[below], above, count))]
        passed_over = {left.path for left in not_entered}
        entered = tuple(below for below in folder.folders if below not in passed_over)
        count += len(entered)
        yield replace(folder, folders=entered, not_entered=tuple(not_entered))
        ways += [(below, (*parts, below.name), above | {real[below]}) for below in reversed(entered)]


def _skip(real: Path, above: frozenset[Path], count: int) -> Skip | None:
    """Why a walk does not enter a folder, or None. `above` are the folders that it came through."""
    if real in above:
        return Skip("refused", "a link to a folder that it is in")
    if len(above) > MAX_DEPTH:
        return Skip("refused", f"more than {MAX_DEPTH} deep; give it a title of its own")
    if count >= MAX_FOLDERS:
        return Skip("refused", f"beyond {MAX_FOLDERS} folders; give it a title of its own")
    return None


def look_into(path: Path, root: Path, parts: tuple[str, ...] = ()) -> Folder:
    """The files and folders in a folder. Raises OSError."""
    with os.scandir(path) as scanned:
        entries = sorted(scanned, key=lambda entry: natural_key(entry.name))
    copies = small_copies([entry.name for entry in entries])
    found: dict[bool, list[Path]] = {True: [], False: []}
    left_out: list[LeftOut] = []
    for entry in entries:
        place = path / entry.name
        try:
            reason = left_by_system(entry.name)
            is_folder_here = reason is None and _is_folder(entry, root)
            if not is_folder_here:
                reason = "a small copy of the picture beside it" if entry.name in copies else leftover(entry.name)
            if reason is not None:
                raise NotTaken(Skip("leftover", reason))
            found[is_folder_here].append(place)
        except NotTaken as error:
            left_out.append(LeftOut(place, error.skip))
    return Folder(path, parts, tuple(found[True]), tuple(found[False]), tuple(left_out))


def _is_folder(entry: os.DirEntry[str], root: Path) -> bool:
    """What `is_folder` says, mostly without asking the file system again."""
    if not entry.is_symlink():
        if entry.is_dir(follow_symlinks=False):
            return True
        if entry.is_file(follow_symlinks=False):
            return False
    return is_folder(Path(entry.path), root)


def is_folder(path: Path, root: Path) -> bool:
    """True for a folder, False for a file. Raises NotTaken for a link out of `root`, a circle, a pipe, a device.

    What cannot be looked at counts as a file: reading it gives the error.
    """
    try:
        if path.is_symlink():
            _check_link(path, root)
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise NotTaken(Skip("refused", "a link to nothing")) from error
    except RuntimeError as error:
        raise NotTaken(Skip("refused", "a link in a circle of links")) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotTaken(Skip("refused", "a link in a circle of links")) from error
        return False
    if stat.S_ISDIR(mode):
        return True
    if not stat.S_ISREG(mode):
        raise NotTaken(Skip("refused", "a pipe, a socket or a device, no file"))
    return False


def read_file(path: Path) -> bytes:
    """The bytes of a file, which may have become something else since it was listed.

    Raises OSError, also where it is no file any more or larger than `MAX_FILE_BYTES`.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its writer
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "no file")
        if about.st_size > MAX_FILE_BYTES:
            raise OSError(0, f"{about.st_size} bytes, at most {MAX_FILE_BYTES} are read")
        return file.read(MAX_FILE_BYTES)


def _check_link(path: Path, root: Path) -> None:
    real, here = path.resolve(strict=True), path.parent.resolve()
    if not real.is_relative_to(root.resolve()):
        raise NotTaken(
            Skip("refused", "a link out of the title's folder; copy it into the folder, or give it a title of its own")
        )
    if real == here or real in here.parents:
        raise NotTaken(Skip("refused", "a link to a folder that it is in"))
