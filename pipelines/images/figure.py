"""Figures of matplotlib as pictures. Draws without a window, whatever the machine's settings are."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 100

# Two hues that stay apart for people who are colour-blind, and a gray for what is only there to compare with.
BLUE, RED, GRAY, INK = "#426eb4", "#c83c32", "#a0a0a0", "#202020"
STRIPE = "#f6f6f6"


def new_figure(width_px: int, height_px: int) -> Figure:
    """An empty white figure of a size in pixels, whose parts are laid out without overlap."""
    return Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, layout="constrained", facecolor="white")


def figure_picture(figure: Figure) -> np.ndarray:
    """A figure as a picture, uint8 RGB (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
