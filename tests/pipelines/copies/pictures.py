"""Panels with enough in them to be told apart. All uint8 RGB (H, W, 3)."""

import cv2
import numpy as np


def detailed_panel(seed: int, height_px: int = 210, width_px: int = 280) -> np.ndarray:
    """A panel of many shapes in black outlines."""
    random = np.random.default_rng(seed)
    rgb = np.full((height_px, width_px, 3), random.integers(60, 240, 3), np.uint8)
    for _ in range(14):
        center = (int(random.integers(width_px)), int(random.integers(height_px)))
        axes = (int(random.integers(12, 70)), int(random.integers(12, 50)))
        color = random.integers(20, 256, 3).tolist()
        if random.random() < 0.5:
            cv2.ellipse(rgb, center, axes, float(random.uniform(0, 180)), 0, 360, color, -1)
            cv2.ellipse(rgb, center, axes, 0, 0, 360, (0, 0, 0), 2)
        else:
            end = (center[0] + axes[0], center[1] + axes[1])
            cv2.rectangle(rgb, center, end, color, -1)
            cv2.rectangle(rgb, center, end, (0, 0, 0), 2)
    return rgb
