"""Copies of panels as people make them. All uint8 RGB (H, W, 3)."""

import cv2
import numpy as np


def mirrored(rgb: np.ndarray) -> np.ndarray:
    """The mirror image."""
    return np.ascontiguousarray(rgb[:, ::-1])


def zoomed(rgb: np.ndarray, scale: float = 1.3, x: float = 0.5, y: float = 0.5) -> np.ndarray:
    """A part of the picture at its size; x and y in 0..1 say where it lies."""
    height, width = rgb.shape[:2]
    rows, columns = int(height / scale), int(width / scale)
    top, left = int((height - rows) * y), int((width - columns) * x)
    return cv2.resize(rgb[top : top + rows, left : left + columns], (width, height), interpolation=cv2.INTER_CUBIC)


def lettered(rgb: np.ndarray) -> np.ndarray:
    """With a balloon in a corner."""
    height, width = rgb.shape[:2]
    found, center = rgb.copy(), (width // 5, height // 6)
    cv2.ellipse(found, center, (width // 10, height // 14), 0, 0, 360, (255, 255, 255), -1)
    cv2.ellipse(found, center, (width // 10, height // 14), 0, 0, 360, (0, 0, 0), 2)
    return found


def at_night(rgb: np.ndarray) -> np.ndarray:
    """The same drawing, darker and bluer."""
    return np.clip(rgb * np.array([0.45, 0.5, 0.9]), 0, 255).astype(np.uint8)


def turned_in_hue(rgb: np.ndarray, degrees: int = 120) -> np.ndarray:
    """The same drawing with every hue turned."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + degrees // 2) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def encoded_anew(rgb: np.ndarray, quality: int = 60, scale: float = 0.7) -> np.ndarray:
    """Smaller, and through a JPEG."""
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert found
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def encoded_poorly(rgb: np.ndarray) -> np.ndarray:
    """Through a tiny picture and a JPEG, and lighter: its perceptual hash differs in some bits."""
    return encoded_anew(np.clip(rgb * 0.85 + 30, 0, 255).astype(np.uint8), quality=40, scale=0.3)
