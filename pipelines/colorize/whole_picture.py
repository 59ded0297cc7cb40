"""Pictures that a person gives to a colorizer: a page, line art or a sketch of any size, in gray or in colour.

Each colorizer is shown what it was trained to see of it.
"""

import cv2
import numpy as np

from pipelines.colorize.hints import Hint
from pipelines.colorize.picture import Colorizer, TrainedColorizer
from pipelines.colorize.segments import SnappedColorizer, snap_to_segments
from pipelines.images.color import rgb_to_gray
from pipelines.images.seen import resize_square, to_edges


def colorize_whole(
    colorizer: Colorizer,
    picture: np.ndarray,
    *,
    hint: Hint | None = None,
    title: str | None = None,
    snap: bool = False,
) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> uint8 RGB of the same size.

    Colorizers of gray pictures and of lines see its gray: a person's line art is lines already. Those of edges see its
    Canny edges, found as for training, at the training resolution.

    Args:
        colorizer: Any; one of edges is trained.
        picture: As it was opened. Its colours are not looked at.
        hint: A person's colours. Raises ValueError where the colorizer takes none.
        title: Where the picture is from; see `Colorizer`.
        snap: Whether each segment of the picture gets one colour (`pipelines.colorize.segments`).
    """
    gray = rgb_to_gray(picture)
    if not isinstance(colorizer, TrainedColorizer) or colorizer.variant != "edge":
        painter = SnappedColorizer(colorizer) if snap else colorizer
        return painter.colorize(gray, hint=hint, title=title)
    edges = to_edges(resize_square(picture, colorizer.resolution))
    colored = colorizer.colorize(edges, hint=hint, title=title)
    colored = cv2.resize(colored, gray.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return snap_to_segments(colored, gray) if snap else colored
