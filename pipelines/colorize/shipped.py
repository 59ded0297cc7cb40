"""The colorizer that works in a fresh clone: no home, no training, no network."""

from pipelines.colorize.reference_colorizer import ReferenceColorizer


def default_colorizer(variant: str = "gray") -> ReferenceColorizer:
    """The colorizer that is used where none is named. variant: "gray" or "line", what it sees."""
    return ReferenceColorizer("reference_match" if variant == "gray" else "reference_match_line", variant)
