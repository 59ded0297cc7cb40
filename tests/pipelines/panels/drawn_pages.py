"""Pages drawn from a seed, in the styles of hand-made comics and scans, with the boxes of their panels.

What differs between the styles is what parts panels from each other: a gutter of any colour, a drawn frame, the border
of the page; and what is in the way: titles, balloons, shading, rotation, JPEG.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

Box = tuple[int, int, int, int]
Color = tuple[int, int, int]
Rng = np.random.Generator

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@dataclass
class Drawn:
    """A page, uint8 RGB (H, W, 3), and its panels' boxes (x, y, width, height) in reading order."""

    page: np.ndarray
    boxes: list[Box] = field(default_factory=list)


def painted(rng: Rng, height: int, width: int) -> np.ndarray:
    """A picture in full colour: soft light, shapes with ink outlines, none of it near white or black ground."""
    coarse = rng.integers(60, 200, (max(2, height // 90), max(2, width // 90), 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(45, 215)
    unit = max(8, min(height, width))
    for _ in range(int(rng.integers(6, 14))):
        colour = _colour(rng)
        middle = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = int(rng.integers(unit // 14 + 1, unit // 4 + 2)), int(rng.integers(unit // 14 + 1, unit // 4 + 2))
        cv2.ellipse(picture, middle, size, float(rng.uniform(0, 180)), 0, 360, colour, cv2.FILLED)
        cv2.ellipse(picture, middle, size, 0, 0, 360, (20, 18, 24), max(1, unit // 150))
    return picture


def scene(rng: Rng, height: int, width: int) -> np.ndarray:
    """A flat colour with shapes and ink lines through all of it, which touch the frame."""
    picture = np.full((height, width, 3), _colour(rng), np.uint8)
    unit = max(8, min(height, width))
    for _ in range(int(rng.integers(6, 12))):
        left, top = int(rng.integers(-unit // 5, width)), int(rng.integers(-unit // 5, height))
        right, bottom = left + int(rng.integers(unit // 8, unit // 2)), top + int(rng.integers(unit // 8, unit // 2))
        cv2.rectangle(picture, (left, top), (right, bottom), _colour(rng), cv2.FILLED)
        cv2.rectangle(picture, (left, top), (right, bottom), BLACK, max(1, unit // 130))
    for _ in range(4):
        points = np.stack([rng.integers(0, width, 3), rng.integers(0, height, 3)], axis=1).astype(np.int32)
        cv2.polylines(picture, [points], False, BLACK, max(1, unit // 110))
    return picture


def line_art(rng: Rng, height: int, width: int, paper: Color = WHITE) -> np.ndarray:
    """Figures with words above them on paper, and now and then a horizon from side to side."""
    picture = np.full((height, width, 3), paper, np.uint8)
    thick = max(1, min(height, width) // 130)
    if rng.random() < 0.3:
        level = int(height * rng.uniform(0.55, 0.8))
        cv2.line(picture, (0, level), (width, level + int(rng.integers(-8, 9))), BLACK, thick)
    if rng.random() < 0.3:
        cv2.rectangle(picture, (0, int(height * 0.8)), (width, height), _colour(rng), cv2.FILLED)
    for _ in range(max(1, min(4, round(1.3 * width / height)))):
        _figure(rng, picture, thick)
    for row in range(int(rng.integers(1, 4))):
        level = int(height * (0.08 + 0.055 * row))
        for start in range(int(width * 0.12), int(width * rng.uniform(0.5, 0.85)), max(12, width // 11)):
            cv2.line(picture, (start, level), (start + max(6, width // 17), level), BLACK, thick)
    return picture


def _figure(rng: Rng, picture: np.ndarray, thick: int) -> None:
    height, width = picture.shape[:2]
    size = max(3, int(min(height, width) * rng.uniform(0.04, 0.09)))
    x, y = int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.5, 0.65))
    colour = _colour(rng) if rng.random() < 0.6 else WHITE
    cv2.rectangle(picture, (x - size, y - size), (x + size, y + 2 * size), colour, cv2.FILLED)
    cv2.rectangle(picture, (x - size, y - size), (x + size, y + 2 * size), BLACK, thick)
    cv2.circle(picture, (x, y - 2 * size), size, (240, 230, 160), cv2.FILLED)
    cv2.circle(picture, (x, y - 2 * size), size, BLACK, thick)
    for side in (-1, 1):
        cv2.line(picture, (x, y + 2 * size), (x + side * size, y + 4 * size), BLACK, thick)
        cv2.line(picture, (x, y), (x + side * 2 * size, y - size), BLACK, thick)


def _colour(rng: Rng) -> Color:
    red, green, blue = rng.integers(40, 216, 3).tolist()
    return red, green, blue


def grid(
    rng: Rng, width: int, height: int, *, margin: int, gutter: int, top: int = 0, rows: int | None = None
) -> list[Box]:
    """Boxes in rows of unequal height, each of one to four panels of unequal width."""
    rows = rows or int(rng.integers(2, 4))
    heights = _shares(rng, rows, height - top - 2 * margin - (rows - 1) * gutter)
    boxes, y = [], top + margin
    for row_height in heights:
        columns = int(rng.integers(1, 4 if width < 1.6 * height else 5))
        x = margin
        for column_width in _shares(rng, columns, width - 2 * margin - (columns - 1) * gutter):
            boxes.append((x, y, column_width, row_height))
            x += column_width + gutter
        y += row_height + gutter
    return boxes


def _shares(rng: Rng, count: int, length: int) -> list[int]:
    shares = rng.uniform(0.7, 1.5, count)
    edges = np.round(np.concatenate([[0], np.cumsum(shares / shares.sum())]) * length).astype(int)
    return np.diff(edges).tolist()


def _size(rng: Rng) -> tuple[int, int]:
    width = int(rng.choice([700, 800, 1000, 1240, 1600]))
    return width, int(width * rng.uniform(1.25, 1.5))


def _put(page: np.ndarray, box: Box, picture: np.ndarray) -> None:
    x, y, w, h = box
    page[y : y + h, x : x + w] = picture


def _outlined(page: np.ndarray, box: Box, thick: int, ink: Color = BLACK) -> None:
    """A frame inside the box."""
    x, y, w, h = box
    for at in range(thick):
        cv2.rectangle(page, (x + at, y + at), (x + w - 1 - at, y + h - 1 - at), ink, 1)


def _wobbly(rng: Rng, box: Box, amount: float) -> np.ndarray:
    """A hand-drawn outline around the box: (N, 2) int32."""
    x, y, w, h = box
    steps = np.arange(14) / 14
    sides = [(x + w * steps, 0 * steps + y), (0 * steps + x + w, y + h * steps)]
    sides += [(x + w * (1 - steps), 0 * steps + y + h), (0 * steps + x, y + h * (1 - steps))]
    points = np.concatenate([np.stack(side, axis=1) for side in sides])
    return np.round(points + rng.uniform(-amount, amount, points.shape)).astype(np.int32)


def _page_of(
    rng: Rng,
    *,
    ground: Color = WHITE,
    fill: Callable[[Rng, int, int], np.ndarray] = painted,
    frame: int | None = None,
    gutter: int | None = None,
    margin: int | None = None,
) -> Drawn:
    width, height = _size(rng)
    gutter = round(width * rng.uniform(0.012, 0.03)) if gutter is None else gutter
    margin = round(width * rng.uniform(0.02, 0.05)) if margin is None else margin
    boxes = grid(rng, width, height, margin=margin, gutter=gutter)
    page = np.full((height, width, 3), ground, np.uint8)
    for box in boxes:
        _put(page, box, fill(rng, box[3], box[2]))
        _outlined(page, box, max(2, width // 300) if frame is None else frame)
    return Drawn(page, boxes)


def clean(rng: Rng) -> Drawn:
    """Painted panels with frames on white."""
    return _page_of(rng)


def tinted(rng: Rng) -> Drawn:
    """On paper, or on a ground of any colour."""
    ground = (243, 232, 205) if rng.random() < 0.5 else _colour(rng)
    return _page_of(rng, ground=ground, frame=4)


def thin_frames(rng: Rng) -> Drawn:
    """Line art on white in frames of one to three pixels."""
    return _page_of(rng, fill=line_art, frame=int(rng.integers(1, 4)))


def black_with_ink(rng: Rng) -> Drawn:
    """Panels with black outlines and ink lines on black."""
    return _page_of(rng, ground=BLACK, fill=scene, frame=4)


def thin_gutters(rng: Rng) -> Drawn:
    """Gutters of a few pixels, white, gray or black."""
    ground = [WHITE, (128, 128, 128), BLACK][int(rng.integers(3))]
    return _page_of(rng, ground=ground, gutter=int(rng.integers(4, 7)), frame=0, fill=painted)


def jpeg(rng: Rng) -> Drawn:
    """A page of any of the plain styles as a JPEG, q30 to q95, with full or halved chroma."""
    drawn = _page_of(rng, fill=(scene, painted, line_art)[int(rng.integers(3))], frame=4)
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if rng.random() < 0.5 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    drawn.page = as_jpeg(drawn.page, int(rng.choice([30, 50, 75, 88, 95])), sampling)
    return drawn


def as_jpeg(page: np.ndarray, quality: int, sampling: int = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420) -> np.ndarray:
    """The page after JPEG, uint8 RGB (H, W, 3)."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(page, cv2.COLOR_RGB2BGR), settings)[1]
    return cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)


def hand_framed(rng: Rng) -> Drawn:
    """White panels between thick, wobbling black frames, which are the only gutter."""
    if rng.random() < 0.5:
        width, height = int(rng.integers(1400, 2200)), int(rng.integers(560, 800))
        rows = 1
    else:
        (width, height), rows = _size(rng), int(rng.integers(2, 4))
    gap = int(rng.integers(10, 34))
    margin = 0 if rng.random() < 0.4 else gap
    title = int(rng.integers(70, 110)) if rng.random() < 0.4 else 0
    page = np.zeros((height, width, 3), np.uint8)
    boxes = grid(rng, width, height, margin=margin, gutter=gap, top=title, rows=rows)
    for box in boxes:
        paper = (200, 225, 240) if rng.random() < 0.3 else WHITE
        outline = np.zeros(page.shape[:2], np.uint8)
        cv2.fillPoly(outline, [_wobbly(rng, box, min(6, gap / 4))], 1)
        whole = np.zeros_like(page)
        _put(whole, box, line_art(rng, box[3], box[2], paper))
        whole[(outline > 0) & (whole.sum(axis=2) == 0)] = 0
        np.copyto(page, whole, where=(outline > 0)[..., None])
    if title:
        _title(rng, page, title, WHITE)
    return Drawn(page, boxes)


def _title(rng: Rng, page: np.ndarray, height: int, ink: Color) -> None:
    text = "".join(chr(65 + int(at)) for at in rng.integers(0, 26, int(rng.integers(6, 14))))
    cv2.putText(
        page, text, (int(page.shape[1] * 0.1), int(height * 0.75)), cv2.FONT_HERSHEY_DUPLEX, height / 55, ink, 4
    )


def touching_frames(rng: Rng) -> Drawn:
    """Line art in ink frames that share their lines, on white, with a margin or up to the page's border."""
    width, height = (int(rng.integers(1400, 2200)), int(rng.integers(560, 800))) if rng.random() < 0.5 else _size(rng)
    ink = int(rng.integers(5, 16))
    margin = int(rng.integers(20, 60)) if rng.random() < 0.6 else 0
    rows = 1 if width > height else int(rng.integers(2, 4))
    page = np.full((height, width, 3), WHITE, np.uint8)
    boxes = grid(rng, width, height, margin=margin, gutter=0, rows=rows)
    for box in boxes:
        _put(page, box, line_art(rng, box[3], box[2]))
    for box in boxes:
        cv2.polylines(page, [_wobbly(rng, box, 2)], True, BLACK, ink)
    return Drawn(page, boxes)


def bleeding(rng: Rng) -> Drawn:
    """Painted panels that run off the page on all sides; only the gutters between them are ground."""
    ground = [WHITE, BLACK, _colour(rng)][int(rng.integers(3))]
    return _page_of(rng, ground=ground, margin=0, frame=0, fill=painted)


def titled(rng: Rng) -> Drawn:
    """A title line above the panels, or a line of small print below them."""
    drawn = _page_of(rng, fill=(painted, line_art)[int(rng.integers(2))], frame=4)
    height = int(rng.integers(60, 110))
    band = np.full((height, drawn.page.shape[1], 3), WHITE, np.uint8)
    if rng.random() < 0.7:
        _title(rng, band, height, BLACK)
        return Drawn(np.concatenate([band, drawn.page]), [(x, y + height, w, h) for x, y, w, h in drawn.boxes])
    cv2.putText(band, "(c) 2024  page 12", (40, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (90, 90, 90), 1)
    return Drawn(np.concatenate([drawn.page, band]), drawn.boxes)


def balloons(rng: Rng) -> Drawn:
    """Speech balloons with outlines that cross gutters, and captions that stick out."""
    drawn = _page_of(rng, frame=4)
    for _ in range(2):
        x, y, w, h = drawn.boxes[int(rng.integers(len(drawn.boxes)))]
        middle = (
            (x + int(w * rng.uniform(0.3, 0.7)), y + h) if y + h < 0.8 * len(drawn.page) else (x + w // 2, y + h // 2)
        )
        axes = min(90, w // 4), min(50, h // 6)
        cv2.ellipse(drawn.page, middle, axes, 0, 0, 360, WHITE, cv2.FILLED)
        cv2.ellipse(drawn.page, middle, axes, 0, 0, 360, BLACK, 3)
        cv2.putText(drawn.page, "HELLO", (middle[0] - 30, middle[1] + 8), cv2.FONT_HERSHEY_SIMPLEX, 0.7, BLACK, 2)
    return drawn


def bridged_gutters(rng: Rng) -> Drawn:
    """Rows and columns of panels: one or two balloons, lettering or a figure over the gutters."""
    drawn = _page_of(rng, frame=4)
    height, width = drawn.page.shape[:2]
    margin, gutter = width // 28, max(8, width // 60)
    w, h = (width - 2 * margin - gutter) // 2, (height - 2 * margin - 2 * gutter) // 3
    boxes = [(margin + c * (w + gutter), margin + r * (h + gutter), w, h) for r in range(3) for c in range(2)]
    page = np.full_like(drawn.page, 255)
    for box in boxes:
        _put(page, box, painted(rng, h, w))
        _outlined(page, box, 4)
    upper = margin + int(w * rng.uniform(0.35, 0.65)), margin + h + gutter // 2
    side = margin + w + gutter // 2, margin + int(h * rng.uniform(0.35, 0.65))
    kind = int(rng.integers(4))
    for middle in [(upper,), (upper, side), (side,), (upper,)][kind]:
        axes = (w // 6, h // 5) if kind == 3 else (w // 5, h // 8)
        cv2.ellipse(page, middle, axes, 0, 0, 360, (200, 150, 100) if kind == 3 else WHITE, cv2.FILLED)
        cv2.ellipse(page, middle, axes, 0, 0, 360, BLACK, 4)
    if kind == 2:
        at = margin + w // 4, upper[1] + h // 12
        for ink, thick in ((BLACK, 14), ((230, 30, 30), 6)):
            cv2.putText(page, "WAM", at, cv2.FONT_HERSHEY_DUPLEX, h / 150, ink, thick)
    return Drawn(page, boxes)


def fading_ground(rng: Rng) -> Drawn:
    """A ground that fades from one colour to another down the page."""
    drawn = _page_of(rng, ground=(1, 2, 3), frame=4)
    one, other = (np.array(_colour(rng)) for _ in range(2))
    share = np.linspace(0, 1, len(drawn.page))[:, None]
    fade = np.round(one * (1 - share) + other * share).astype(np.uint8)[:, None].repeat(drawn.page.shape[1], axis=1)
    is_ground = (drawn.page == (1, 2, 3)).all(axis=2)
    drawn.page[is_ground] = fade[is_ground]
    return drawn


def shaded_scan(rng: Rng) -> Drawn:
    """Yellowed paper with grain and a shadow towards one side."""
    drawn = _page_of(rng, fill=(painted, line_art)[int(rng.integers(2))], frame=4)
    drawn.page = _scanned(rng, drawn.page)
    return drawn


def _scanned(rng: Rng, page: np.ndarray) -> np.ndarray:
    width = page.shape[1]
    light = np.linspace(1, rng.uniform(0.65, 0.85), width)
    light = light[::-1] if rng.random() < 0.5 else light
    scan = page * np.array([0.98, 0.94, 0.85]) * light[None, :, None]
    return (scan + rng.normal(0, rng.uniform(1, 4), page.shape)).clip(0, 255).astype(np.uint8)


def turned_scan(rng: Rng) -> Drawn:
    """A shaded scan that lies askew by half a degree to three."""
    drawn = shaded_scan(rng)
    height, width = drawn.page.shape[:2]
    angle = float(rng.choice([-3, -1.5, -0.5, 0.5, 1.5, 3]))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    fill = (60, 55, 50) if rng.random() < 0.7 else WHITE
    page = cv2.warpAffine(drawn.page, turn, (width, height), flags=cv2.INTER_CUBIC, borderValue=fill)
    boxes: list[Box] = []
    for x, y, w, h in drawn.boxes:
        corners = np.array([(x, y), (x + w, y), (x, y + h), (x + w, y + h)]) @ turn[:, :2].T + turn[:, 2]
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
        boxes.append((round(left), round(top), round(right - left), round(bottom - top)))
    return Drawn(as_jpeg(page, 85), boxes)


def frameless_in_row(rng: Rng) -> Drawn:
    """A newspaper strip or a page of framed line art, where one panel of a row has no frame."""
    count = int(rng.integers(3, 6))
    w, h, gap = int(rng.integers(170, 300)), int(rng.integers(230, 340)), int(rng.integers(8, 16))
    rows = int(rng.integers(1, 4))
    page = np.full((rows * (h + gap) + gap, count * (w + gap) + gap, 3), WHITE, np.uint8)
    boxes = []
    for row in range(rows):
        bare = int(rng.integers(1, count - 1)) if rng.random() < 0.8 or row == 0 else -1
        for column in range(count):
            box = (gap + column * (w + gap), gap + row * (h + gap), w, h)
            _put(page, box, _stick_figures(rng, h, w))
            if column != bare:
                _outlined(page, box, 2)
            boxes.append(box)
    return Drawn(page, boxes)


def _stick_figures(rng: Rng, height: int, width: int) -> np.ndarray:
    picture = np.full((height, width, 3), WHITE, np.uint8)
    for x in (int(width * 0.3), int(width * 0.74)):
        y = int(height * rng.uniform(0.6, 0.68))
        cv2.circle(picture, (x, y - 46), 14, BLACK, 2)
        for start, end in (
            ((0, -32), (0, 20)),
            ((0, -20), (-25, 0)),
            ((0, -20), (25, 0)),
            ((0, 20), (-18, 60)),
            ((0, 20), (18, 60)),
        ):
            cv2.line(picture, (x + start[0], y + start[1]), (x + end[0], y + end[1]), BLACK, 3)
    for row in range(3):
        cv2.line(picture, (20, 17 + 14 * row), (int(width * rng.uniform(0.6, 0.88)), 17 + 14 * row), BLACK, 3)
    return picture


def halftone(rng: Rng) -> Drawn:
    """Gray dots of a printed page, with thin frames."""
    drawn = _page_of(rng, fill=painted, frame=3)
    gray = cv2.cvtColor(drawn.page, cv2.COLOR_RGB2GRAY)
    screen = np.tile(
        np.array([[20, 150, 60, 190], [180, 90, 220, 120], [50, 200, 30, 160], [210, 110, 170, 80]]),
        (len(gray) // 4 + 1, gray.shape[1] // 4 + 1),
    )
    dots = np.where(gray > screen[: len(gray), : gray.shape[1]], 255, 0).astype(np.uint8)
    for box in drawn.boxes:
        _outlined(dots, box, 3, (0,))  # type: ignore[arg-type]
    return Drawn(np.repeat(dots[..., None], 3, axis=2), drawn.boxes)


def spread(rng: Rng) -> Drawn:
    """Two pages side by side."""
    one, other = _page_of(rng, frame=4), _page_of(rng, frame=4)
    height, left = max(len(one.page), len(other.page)), one.page.shape[1]
    page = np.full((height, left + other.page.shape[1], 3), WHITE, np.uint8)
    page[: len(one.page), :left], page[: len(other.page), left:] = one.page, other.page
    return Drawn(page, [*one.boxes, *((x + left, y, w, h) for x, y, w, h in other.boxes)])


def inset(rng: Rng) -> Drawn:
    """A page-wide painting with small panels on it, each with a border of ground."""
    width, height = _size(rng)
    margin = width // 30
    page = np.full((height, width, 3), WHITE, np.uint8)
    host = (margin, margin, width - 2 * margin, height - 2 * margin)
    _put(page, host, painted(rng, host[3], host[2]))
    boxes = [host]
    for row in range(int(rng.integers(1, 3))):
        w, h = int(width * rng.uniform(0.25, 0.4)), int(height * rng.uniform(0.18, 0.25))
        x, y = int(width * rng.uniform(0.1, 0.5)), int(height * (0.15 + 0.4 * row))
        edge = max(6, width // 90)
        page[y - edge : y + h + edge, x - edge : x + w + edge] = WHITE
        _put(page, (x, y, w, h), painted(rng, h, w))
        boxes.append((x, y, w, h))
    return Drawn(page, boxes)


def splash(rng: Rng) -> Drawn:
    """One picture: full bleed, or in a margin of paper."""
    width, height = _size(rng)
    if rng.random() < 0.5:
        return Drawn(painted(rng, height, width), [(0, 0, width, height)])
    margin = width // 20
    page = np.full((height, width, 3), WHITE, np.uint8)
    box = (margin, margin, width - 2 * margin, height - 2 * margin)
    _put(page, box, scene(rng, box[3], box[2]) if rng.random() < 0.5 else painted(rng, box[3], box[2]))
    return Drawn(page, [box])


def borderless(rng: Rng) -> Drawn:
    """One drawing without a border on paper: figures, a table, a line of ground."""
    width, height = _size(rng)
    page = np.full((height, width, 3), WHITE, np.uint8)
    thick = width // 250
    for _ in range(int(rng.integers(4, 9))):
        middle = int(width * rng.uniform(0.25, 0.75)), int(height * rng.uniform(0.25, 0.75))
        axes = int(width * rng.uniform(0.04, 0.16)), int(width * rng.uniform(0.04, 0.16))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(page, middle, axes, turn, 0, 360, _colour(rng), cv2.FILLED)
        cv2.ellipse(page, middle, axes, turn, 0, 360, BLACK, thick)
    cv2.line(page, (width // 6, int(height * 0.8)), (width * 5 // 6, int(height * 0.8)), BLACK, thick)
    rows, columns = np.flatnonzero((page < 250).any(axis=(1, 2))), np.flatnonzero((page < 250).any(axis=(0, 2)))
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return Drawn(page, [box])


STYLES: dict[str, Callable[[Rng], Drawn]] = {
    style.__name__: style
    for style in (
        *(clean, tinted, thin_frames, black_with_ink, thin_gutters, jpeg, hand_framed, touching_frames, bleeding),
        *(titled, balloons, bridged_gutters, fading_ground, shaded_scan, turned_scan, frameless_in_row, halftone),
        *(spread, inset, splash, borderless),
    )
}
"""Every style by its name."""


def drawn_page(style: str, seed: int) -> Drawn:
    """A page of a style. The same seed gives the same page."""
    return STYLES[style](np.random.default_rng([seed, *style.encode()]))


def hits(found: list[Box], truth: list[Box], *, overlap: float = 0.8) -> int:
    """How many of the true boxes are found: each by another box, with an intersection over union of `overlap`."""
    left = list(found)
    count = 0
    for box in truth:
        best = max(left, key=lambda other: iou(box, other), default=None)
        if best is not None and iou(box, best) >= overlap:
            left.remove(best)
            count += 1
    return count


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)
