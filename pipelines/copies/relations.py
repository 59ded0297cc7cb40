"""What counts as a copy of a panel, and what follows from it: the one place where that is stated.

    relation     which                                        in one split      in two splits
    exact        the same pixels, or the same page            later dropped     later dropped
    near         pHash within 8 bits, in the same colours     later dropped     later dropped
    recoloured   the same drawing in other colours            both are kept     later left out
    mirrored     the mirror image                             both are kept     later left out
    zoomed       a part of it, enlarged by up to 1.5          both are kept     later left out
    (mirrored and zoomed: as zoomed)

"Dropped" is by `unique_panels`, before there are splits; "left out" by `issue_splits`, with the reason
`copy_across_splits`. What is kept twice in one split is something to learn from: another colouring of a drawing, or the
same colours at another size. In two splits it would be judged on what was learned from.
"""

from typing import Literal

import cv2
import numpy as np

from pipelines.copies.alignment import SIDE_PX, Alignment

Relation = Literal["near", "recoloured", "mirrored", "zoomed", "mirrored and zoomed"]

MIN_CORRELATION = 0.75
"""Pictures whose edges correlate less than this, best aligned, are no copies; `python -m benchmarks.copies` gives the
rates."""

MIN_ZOOM = 1.05
"""Pictures that are enlarged less than this show the same."""

RECOLOURED_DISTANCE = 10.0
"""In Lab's a and b, on the mean over the places of a thumbnail: another encoding of a picture is nearer than 3."""


def relation_of(alignment: Alignment, distance: float) -> Relation | None:
    """What two pictures are to one another; None where neither is a copy.

    distance: As `color_distances` gives it.
    """
    if alignment.correlation < MIN_CORRELATION:
        return None
    if alignment.scale >= MIN_ZOOM:
        return "mirrored and zoomed" if alignment.is_mirrored else "zoomed"
    if alignment.is_mirrored:
        return "mirrored"
    return "recoloured" if distance >= RECOLOURED_DISTANCE else "near"


def color_distances(thumbnails: list[bytes], others: list[bytes]) -> np.ndarray:
    """How far the colours of thumbnails (768 bytes of RGB each) are apart, in pairs: (N,) float64.

    The mean distance in a and b of CIELAB, place by place.
    """
    if not thumbnails:
        return np.zeros(0)
    pair = [
        cv2.cvtColor(
            np.frombuffer(b"".join(one), np.uint8).reshape(-1, SIDE_PX, 3).astype(np.float32) / 255, cv2.COLOR_RGB2LAB
        )[..., 1:]
        for one in (thumbnails, others)
    ]
    return np.linalg.norm(pair[0] - pair[1], axis=-1).reshape(len(thumbnails), -1).mean(axis=1)
