"""The colorizer that works in a fresh clone: no home, no training, no network."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from models.methods.recipes import SHIPPED_SHA256
from models.weights_file import require_sha256
from pipelines.colorize.reference_colorizer import ReferenceColorizer

_WEIGHTS = Path(__file__).parents[2] / "models" / "weights"


def default_colorizer(variant: str = "gray") -> ReferenceColorizer:
    """The colorizer that is used where none is named. variant: "gray" or "line", what it sees.

    For gray pictures it is the one whose weights are shipped; see their model card, `models/weights/README.md`.
    Raises CheckpointError where their file is not the one that is shipped.
    """
    if variant != "gray":
        return ReferenceColorizer("reference_match_line", variant)
    from models.checkpoint import load_checkpoint
    from pipelines.colorize.exemplar_colorizer import ExemplarColorizer

    path = _WEIGHTS / "exemplar.safetensors"
    require_sha256(path, SHIPPED_SHA256, what="the shipped file", remedy="restore it: git checkout -- models/weights")
    return ExemplarColorizer(load_checkpoint(path))


@cache
def shipped_digest() -> str:
    """Digest of the sources that decide its colours: what another version coloured is coloured again."""
    pipelines = Path(__file__).parents[1]
    folders = (pipelines.parent / "models", *(pipelines / name for name in ("colorize", "images", "panels")))
    sources = [source for folder in folders for source in sorted(folder.rglob("*.py"))]
    sources += sorted(_WEIGHTS.glob("*.safetensors"))
    return sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]
