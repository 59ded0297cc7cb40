"""Files of weights as bytes: what refuses one, and the comparison with a recorded SHA-256. No torch."""

from hashlib import file_digest
from pathlib import Path


class CheckpointError(ValueError):
    """A file is not a checkpoint that this version can use. The message, one line, names the file and the remedy."""


def require_sha256(path: Path, expected: str, *, what: str, remedy: str) -> None:
    """Raises CheckpointError where the SHA-256 of a file, 64 hex digits, is not the one that was recorded of it.

    what: What the file should be, for the message, as "the checkpoint of its record".

    Raises FileNotFoundError where there is no such file.
    """
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise CheckpointError(
            f"{path}: not {what}: its SHA-256 begins with {found[:16]}, the recorded one with {expected[:16]}; {remedy}"
        )
