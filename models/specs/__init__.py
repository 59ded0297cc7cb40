"""Networks and objectives as values: what to build, readable, comparable and storable without torch.

One file per system, like the modules that they stand for. Importing this package makes every kind known to
`spec_from_json`.
"""

from models.specs import (
    ajou,
    alacgan,
    artifacts,
    classifiers,
    discriminators,
    diverse_gan,
    features,
    frames,
    hinted_pix2pix,
    hints,
    hypercolumns,
    pix2pix,
    sketch,
    two_stage,
    webtoon,
)

__all__ = [
    "ajou",
    "alacgan",
    "artifacts",
    "classifiers",
    "discriminators",
    "diverse_gan",
    "features",
    "frames",
    "hinted_pix2pix",
    "hints",
    "hypercolumns",
    "pix2pix",
    "sketch",
    "two_stage",
    "webtoon",
]
