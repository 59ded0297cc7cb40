"""Disks that are full or read-only: small file systems in memory where this process may mount them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(place: Path, size_kib: int) -> Iterator[bool]:
    """A file system of its own size at a folder; False where mounting is not allowed, and the folder is as it was."""
    place.mkdir(parents=True, exist_ok=True)
    is_mounted = _do("mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(place))
    try:
        yield is_mounted
    finally:
        if is_mounted:
            _do("umount", "--lazy", str(place))


def resize(place: Path, size_kib: int) -> None:
    """Gives a small disk another size."""
    assert _do("mount", "-o", f"remount,size={size_kib}k", str(place))


@contextmanager
def read_only(place: Path) -> Iterator[bool]:
    """A folder that nobody can write to, not even root; False where mounting is not allowed."""
    is_mounted = _do("mount", "--bind", str(place), str(place)) and _do("mount", "-o", "remount,ro,bind", str(place))
    try:
        yield is_mounted
    finally:
        if is_mounted:
            _do("umount", "--lazy", str(place))


def used_kib(folder: Path) -> int:
    """What the files of a folder take on a file system of pages of 4 KiB."""
    return sum(4 + -(-path.lstat().st_size // 4096) * 4 for path in folder.rglob("*"))


def _do(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
