"""Pages that were laid askew on a scanner: by how much, and turned back.

The angle is the one at which the edges of a page gather in the fewest rows and columns (Postl 1986: the profile of
projections varies most at the right angle). Works on uint8 RGB arrays (H, W, 3); touches no files.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.boxes import Box
from pipelines.panels.pieces import Piece

_LARGEST_DEGREES = 4.0
_LEAST_DEGREES = 0.3  # gutters are straight enough below that
_STEP_DEGREES = 0.25
_SIDE_PX = 360  # the shorter side of the copy on which the angle is looked for
_EDGE = 24  # gray levels between neighbours
_MAX_PLACES = 30_000
_GAIN = 1.15  # how much more the profile must vary than at no angle


@dataclass(frozen=True)
class Turned:
    """A page turned back, uint8 RGB (H, W, 3), and the way from its places to those of the page: float (2, 3)."""

    picture: np.ndarray
    to_page: np.ndarray
    degrees: float

    def piece(self, box: Box) -> Piece | None:
        """The panel on the page that is a box on the picture; None where nothing of it lies on the page."""
        x, y, w, h = box
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], np.float32)
        corners = corners @ self.to_page[:, :2].T + self.to_page[:, 2]
        height, width = self.picture.shape[:2]
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width, height)).astype(int).tolist()
        if right <= left or bottom <= top:
            return None
        shape = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillConvexPoly(shape, np.round(corners - (left, top)).astype(np.int32), 1)
        return Piece((left, top, right - left, bottom - top), shape.astype(bool))


def turned_back(page: np.ndarray) -> Turned | None:
    """The page with its gutters upright; None where they are so already."""
    angle = _angle(page)
    if abs(angle) < _LEAST_DEGREES:
        return None
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    picture = cv2.warpAffine(page, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Turned(picture, cv2.invertAffineTransform(turn), angle)


def _angle(page: np.ndarray) -> float:
    """Degrees, anticlockwise, that turn the page so that its gutters are upright; 0 where no angle stands out."""
    shrink = min(1.0, _SIDE_PX / min(page.shape[:2]))
    gray = cv2.resize(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY), None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    # Along (first) and across a line, for rows and for columns: the places of edges between lines.
    places = [_edges(gray), _edges(gray.T)]
    if any(not len(along) for along, _ in places):
        return 0.0
    from pipelines.panels.projections import variations  # numba takes 0.3 s

    steps = round(_LARGEST_DEGREES / _STEP_DEGREES)
    angles = [step * _STEP_DEGREES for step in range(-steps, steps + 1)]
    slopes = np.array([np.tan(np.radians(angle)) for angle in angles])
    varied = variations(*places[0], -slopes) + variations(*places[1], slopes)
    best = int(np.argmax(varied))
    return angles[best] if varied[best] > _GAIN * varied[steps] else 0.0


def _edges(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places, as (column, row), where a row differs from the one before."""
    rows, columns = np.nonzero(cv2.absdiff(gray[1:], gray[:-1]) > _EDGE)
    thin = max(1, len(rows) // _MAX_PLACES)
    return columns[::thin], rows[::thin]
