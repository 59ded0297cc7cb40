"""The heat map of a study: a row a rater, a column a method and picture, as Figure 12 of paper 003.

It shows at a glance who gives high points, who always the same, and whether raters agree. Touches no files.
"""

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from pipelines.images.sheets import MARGIN_PX, PAPER, draw_text

ROW_PX, LABEL_PX, HEAD_PX = 14, 110, 22
NO_ANSWER = (225, 225, 225)


def draw_heat_map(table: pd.DataFrame, *, lowest: float, highest: float) -> np.ndarray:
    """`Analysis.heat_map` as a picture, uint8 RGB (H, W, 3).

    From dark (lowest) to bright (highest), gray where there is no answer; raters from the one with the highest mean
    down, each method's pictures beside one another, and a scale below.
    """
    ordered = table.loc[table.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    groups = [column[0] if isinstance(column, tuple) else column for column in ordered.columns]
    methods = list(dict.fromkeys(groups))
    cell_px = max(14, -(-120 // groups.count(methods[0])))
    gaps = [methods.index(group) * MARGIN_PX for group in groups]
    lefts = [LABEL_PX + index * cell_px + gap for index, gap in enumerate(gaps)]
    bottom = HEAD_PX + len(ordered) * ROW_PX
    image = Image.new("RGB", (lefts[-1] + cell_px + MARGIN_PX, bottom + 3 * HEAD_PX), PAPER)
    draw = ImageDraw.Draw(image)
    colors = _colors(ordered.to_numpy(float), lowest, highest)
    for method in methods:
        first = groups.index(method)
        draw_text(draw, lefts[first], 4, method, width_px=groups.count(method) * cell_px)
    for row, rater in enumerate(ordered.index):
        top = HEAD_PX + row * ROW_PX
        draw_text(draw, MARGIN_PX, top, str(rater), width_px=LABEL_PX - 2 * MARGIN_PX, size_px=11)
        for left, color in zip(lefts, colors[row], strict=True):
            draw.rectangle((left, top, left + cell_px - 1, top + ROW_PX - 1), fill=tuple(map(int, color)))
    for index, color in enumerate(_colors(np.linspace(lowest, highest, 120)[None], lowest, highest)[0]):
        draw.line((LABEL_PX + index, bottom + 10, LABEL_PX + index, bottom + 24), fill=tuple(map(int, color)))
    draw_text(draw, LABEL_PX, bottom + 28, f"{lowest:g}", width_px=40)
    draw_text(draw, LABEL_PX + 120, bottom + 28, f"{highest:g}", width_px=40, anchor="ra")
    return np.asarray(image)


def _colors(values: np.ndarray, lowest: float, highest: float) -> np.ndarray:
    """float (R, C), NaN where there is no answer -> uint8 RGB (R, C, 3)."""
    levels = np.nan_to_num((values - lowest) / (highest - lowest) * 255).round().clip(0, 255).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    colors[np.isnan(values)] = NO_ANSWER
    return colors
