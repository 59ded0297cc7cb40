"""The digest of the sources that decide the result of a training; each checkpoint carries it."""

from functools import cache
from hashlib import sha256
from pathlib import Path

_STAGE_MODULES = ("batches", "inputs", "loop", "params", "samples", "state", "weight_average")


@cache
def source_digest() -> str:
    """Digest (12 hex digits) of `models`, of this stage's modules, and of the image functions that they use."""
    pipelines = Path(__file__).parents[1]
    sources = [
        *sorted((pipelines.parent / "models").rglob("*.py")),
        *(pipelines / "images" / f"{name}.py" for name in ("color", "sampling")),
        *(pipelines / "training" / f"{name}.py" for name in _STAGE_MODULES),
    ]
    return sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
