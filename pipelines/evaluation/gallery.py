"""The pictures of an evaluation that people should see: best, median, worst, and failures by kind.

The kinds of failure are those that papers 000 (Figures 3 and 10) and 001 (Figures 12 to 14) show. They are picked by
numbers, never by hand: the pictures that have most of what is difficult, and of those the worst colored.
"""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import pandas as pd

from pipelines.images.color import rgb_to_gray, rgb_to_lab
from pipelines.images.decode import decode_picture
from pipelines.images.sheets import labelled_grid

PICTURES = 3
"""The number of pictures of each kind."""

KINDS = {
    "shared": "the same pictures for every colorizer, evenly spread over the set",
    "best": "the lowest CIEDE2000",
    "median": "CIEDE2000 in the middle",
    "worst": "the highest CIEDE2000",
    "bubbles": "colour in speech bubbles and lettering that are white in the truth (paper 000, Figure 3)",
    "texture": "the worst of the quarter with the grainiest truth (paper 000, Figure 3)",
    "lettering": "the worst of the quarter with most small dark signs on white (papers 000 and 001, Figure 14)",
    "large_object": "the worst of the quarter whose largest area of one colour is largest (paper 001, Figure 13)",
    "color_swap": "the most colourful of wrong hues: enough colour, but another one (paper 001, Figure 12)",
}
"""Each kind, and how its pictures are picked."""

UNPAIRED = "unpaired"
"""The kind of pictures that have no truth; see `unpaired`."""

COLUMNS = ["kind", "style", "panel_id", "ciede2000", "input", "output", "truth"]

SIGN_PX = (2, 14)
"""Smallest and largest height of a sign of lettering, on a picture of 256 pixels."""


def difficulties(truth: np.ndarray) -> dict[str, float]:
    """The difficulties of a picture, (H, W, 3) uint8 RGB: each a share of its pixels, in 0..1.

    texture: pixels whose lightness differs from the blurred one by more than 6 levels, but by less than a line does;
    lettering: pixels of small dark components on white; large_object: the largest area of one quantized colour that
    is neither black nor white.
    """
    gray = rgb_to_gray(truth)
    grain = cv2.absdiff(gray, cv2.GaussianBlur(gray, (0, 0), 1.5))
    return {
        "texture": float(((grain > 6) & (grain < 40)).mean()),
        "lettering": _lettering(gray),
        "large_object": _largest_area(truth),
    }


def _lettering(gray: np.ndarray) -> float:
    scale = gray.shape[0] / 256
    around = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, np.ones((2 * round(8 * scale) + 1,) * 2, np.uint8))
    dark_on_white = ((gray < 110) & (around > 235)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(dark_on_white, connectivity=8)
    heights = stats[:, cv2.CC_STAT_HEIGHT]
    signs = np.flatnonzero((heights >= SIGN_PX[0] * scale) & (heights <= SIGN_PX[1] * scale))
    signs = signs[signs > 0]  # 0 is the ground
    return float(stats[signs, cv2.CC_STAT_AREA].sum() / gray.size) if count > 1 else 0.0


def _largest_area(truth: np.ndarray) -> float:
    lab = rgb_to_lab(cv2.medianBlur(truth, 5))
    levels = np.round(lab / np.array([20, 16, 16], np.float32)).astype(int)
    colors = (levels[..., 0] * 64 + levels[..., 1]) * 64 + levels[..., 2]
    is_ground = (np.hypot(lab[..., 1], lab[..., 2]) < 6) & ((lab[..., 0] > 92) | (lab[..., 0] < 12))
    largest = 0
    for color in np.unique(colors[~is_ground]):
        area = ((colors == color) & ~is_ground).astype(np.uint8)
        if area.sum() <= largest:
            continue
        _, _, stats, _ = cv2.connectedComponentsWithStats(area, connectivity=4)
        largest = max(largest, int(stats[1:, cv2.CC_STAT_AREA].max()))
    return largest / colors.size


def pick(
    rows: pd.DataFrame, difficult: Mapping[str, Mapping[str, float]], shared: Sequence[str]
) -> list[tuple[str, str]]:
    """The pictures to show, as (kind, panel_id), in the order of KINDS.

    Args:
        rows: One a picture, with `panel_id` and the metrics.
        difficult: `difficulties` of each picture, by panel_id.
        shared: Those that every colorizer shows.

    A kind has fewer pictures where fewer qualify: none without a speech bubble, a sign, or a wrong hue.
    """
    ranked = rows.sort_values(["ciede2000", "panel_id"]).reset_index(drop=True)
    by_kind: dict[str, list[str]] = {
        "shared": list(shared),
        "best": _ids(ranked.head(PICTURES)),
        "median": _ids(ranked.iloc[max(0, (len(ranked) - PICTURES) // 2) :].head(PICTURES)),
        "worst": _ids(ranked.iloc[::-1].head(PICTURES)),
        "bubbles": _with_largest(ranked, ranked["white_chroma"], above=1.0),
    }
    for kind in ("texture", "lettering", "large_object"):
        amount = pd.Series([difficult[panel_id][kind] for panel_id in _ids(ranked)], index=ranked.index)
        quarter = ranked[(amount >= amount.quantile(0.75)) & (amount > 0)]
        by_kind[kind] = _ids(quarter.iloc[::-1].head(PICTURES))
    colorful = ranked[ranked["saturation_distance"] <= ranked["saturation_distance"].median()]
    by_kind["color_swap"] = _with_largest(colorful, colorful["hue_distance"], above=0.0)
    return [(kind, panel_id) for kind in KINDS for panel_id in by_kind[kind]]


def _with_largest(rows: pd.DataFrame, values: pd.Series, *, above: float) -> list[str]:
    chosen = values[values > above].sort_values(ascending=False, kind="stable").head(PICTURES)
    return _ids(rows.loc[chosen.index])


def _ids(rows: pd.DataFrame) -> list[str]:
    return [str(panel_id) for panel_id in rows["panel_id"]]


def gallery(
    chosen: list[tuple[str, str]],
    rows: pd.DataFrame,
    pictures: Callable[[str], tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    style: str,
) -> pd.DataFrame:
    """The chosen pictures: `kind`, `style`, `panel_id`, `ciede2000`, and input, output, truth as JPEG bytes.

    `pictures` gives (input, output, truth) of a panel_id: (H, W) uint8, then two (H, W, 3) uint8 RGB.
    """
    scores = rows.set_index("panel_id")["ciede2000"]
    shown: dict[str, tuple[bytes, bytes, bytes]] = {}
    for _, panel_id in chosen:
        if panel_id not in shown:
            seen, output, truth = pictures(panel_id)
            shown[panel_id] = (_jpeg(seen), _jpeg(output[..., ::-1]), _jpeg(truth[..., ::-1]))
    return pd.DataFrame(
        [
            {
                "kind": kind,
                "style": style,
                "panel_id": panel_id,
                "ciede2000": float(scores[panel_id]),
                **dict(zip(("input", "output", "truth"), shown[panel_id], strict=True)),
            }
            for kind, panel_id in chosen
        ],
        columns=COLUMNS,
    )


def _jpeg(bgr_or_gray: np.ndarray) -> bytes:
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(bgr_or_gray), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


def without_truth(pictures: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Rows of a gallery of what has no truth: (input, output) by name, (H, W) uint8 and (H, W, 3) uint8 RGB."""
    return pd.DataFrame(
        [
            {
                "kind": UNPAIRED,
                "style": UNPAIRED,
                "panel_id": name,
                "ciede2000": float("nan"),
                "input": _jpeg(_squared(seen)),
                "output": _jpeg(_squared(output[..., ::-1])),
                "truth": b"",
            }
            for name, (seen, output) in pictures.items()
        ],
        columns=COLUMNS,
    )


def _squared(picture: np.ndarray) -> np.ndarray:
    """Centres a picture in a white square."""
    height, width = picture.shape[:2]
    above, left = (max(0, width - height) // 2, max(0, height - width) // 2)
    below, right = (max(height, width) - height - above, max(height, width) - width - left)
    return cv2.copyMakeBorder(picture, above, below, left, right, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def gallery_grid(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Rows of a gallery as one picture, uint8 RGB: input, output of the colorizer `name`, and truth where there is."""
    parts = ["input", "output", "truth"] if all(rows["truth"]) else ["input", "output"]
    pictures = [
        [decode_picture(getattr(row, part), name=str(row.panel_id)) for part in parts] for row in rows.itertuples()
    ]
    labels = [
        f"{row.panel_id}  (CIEDE2000 {row.ciede2000:.1f})" if row.truth else str(row.panel_id)
        for row in rows.itertuples()
    ]
    return labelled_grid(pictures, [name if part == "output" else part for part in parts], labels=labels)
