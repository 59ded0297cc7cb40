"""The numbers by which colorizers are judged: each with its unit, scale, direction and definition, per picture.

Works on uint8 RGB arrays; touches no files. torch is imported only when something is measured, so that whoever only
needs the definitions (a leaderboard, a page) does not pay for it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.color import AB_SCALE, rgb_to_lab

METRICS_VERSION = "2"
"""Raised whenever a definition below changes: older results then no longer compare."""

PSNR_LIMIT_DB = 100.0
GRAY_CHROMA = 5.0


@dataclass(frozen=True)
class MetricSpec:
    """What one number means."""

    name: str
    unit: str
    scale: str
    """Of the pictures or colours that it is taken on."""
    direction: Literal["lower", "higher", "neither"]
    """Which is better; neither for what only describes."""
    definition: str


_SPECS = (
    MetricSpec(
        "l1_rgb", "gray levels", "RGB 0..255", "lower",
        "Mean of |output - truth| over pixels and channels (paper 001, Table 1).",
    ),
    MetricSpec(
        "l2_rgb", "gray levels squared", "RGB 0..255", "lower",
        "Mean of (output - truth)^2 over pixels and channels (paper 001, Table 1).",
    ),
    MetricSpec(
        "l2_ab", "CIELAB units squared", "a, b in about -108..99", "lower",
        "Mean over pixels of the squared distance of the ab vectors, da^2 + db^2.",
    ),
    MetricSpec(
        "l2_ab_half_sum", "none", f"ab / {AB_SCALE:g}, in [-1, 1]", "lower",
        "Half the sum of squared ab differences of a picture, as tf.nn.l2_loss: paper 000's average test L2, whose "
        "scale it does not state [inferred]. At other sizes than 256 x 256 scaled to that many pixels.",
    ),
    MetricSpec(
        "ciede2000", "delta E", "CIELAB, D65", "lower",
        "Mean over pixels of CIEDE2000 with kL = kC = kH = 1.",
    ),
    MetricSpec(
        "psnr", "dB", "RGB 0..255", "higher",
        f"Peak signal-to-noise ratio over pixels and channels, peak 255; at most {PSNR_LIMIT_DB:g}.",
    ),
    MetricSpec(
        "ssim", "none", "RGB 0..255", "higher",
        "Structural similarity, Gaussian window 11 x 11, sigma 1.5, mirrored borders, peak 255, mean over channels.",
    ),
    MetricSpec(
        "colorfulness", "none", "RGB 0..255", "neither",
        "Colourfulness M3 of the output (Hasler and Suesstrunk, 2003): 0 is gray, about 60 is colourful.",
    ),
    MetricSpec(
        "colorfulness_error", "none", "RGB 0..255", "lower",
        "|colourfulness of the output - colourfulness of the truth|.",
    ),
    MetricSpec(
        "gray_share", "share", "CIELAB, D65", "neither",
        f"Share of the output's pixels with chroma below {GRAY_CHROMA:g}: near 1 where a network collapsed to gray.",
    ),
)  # fmt: skip

METRICS = {spec.name: spec for spec in _SPECS}


def measure_pictures(outputs: np.ndarray, truths: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of every picture: two (N, H, W, 3) uint8 RGB -> name -> (N,) float64, in the order of METRICS.

    Raises ValueError for other shapes, or sides below 11 px (SSIM's window).
    """
    if outputs.shape != truths.shape or outputs.ndim != 4 or outputs.shape[-1] != 3:
        raise ValueError(f"outputs {outputs.shape} and truths {truths.shape}: expected two of one shape (N, H, W, 3)")
    if outputs.dtype != np.uint8 or truths.dtype != np.uint8:
        raise ValueError(f"outputs {outputs.dtype} and truths {truths.dtype}: expected uint8 RGB in 0..255")
    if min(outputs.shape[1:3]) < 11:
        raise ValueError(f"pictures of {outputs.shape[1]} x {outputs.shape[2]} px: expected at least 11 x 11")
    # Picture by picture: the temporaries of one stay in cache, and memory does not grow with N.
    measured = [_measure(output, truth) for output, truth in zip(outputs, truths, strict=True)]
    return {name: np.array([values[name] for values in measured], np.float64) for name in METRICS}


def _measure(output: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    difference = output.astype(np.float32) - truth.astype(np.float32)
    l2_rgb = float(np.square(difference).mean(dtype=np.float64))
    output_lab, truth_lab = rgb_to_lab(output), rgb_to_lab(truth)
    l2_ab = float(np.square(output_lab[..., 1:] - truth_lab[..., 1:]).sum(axis=-1).mean(dtype=np.float64))
    output_colorfulness = colorfulness(output)
    return {
        "l1_rgb": float(np.abs(difference).mean(dtype=np.float64)),
        "l2_rgb": l2_rgb,
        "l2_ab": l2_ab,
        "l2_ab_half_sum": l2_ab / AB_SCALE**2 * 256 * 256 / 2,
        "ciede2000": float(ciede2000(output_lab, truth_lab).mean(dtype=np.float64)),
        "psnr": min(10 * math.log10(255**2 / l2_rgb), PSNR_LIMIT_DB) if l2_rgb else PSNR_LIMIT_DB,
        "ssim": ssim(output, truth),
        "colorfulness": output_colorfulness,
        "colorfulness_error": abs(output_colorfulness - colorfulness(truth)),
        "gray_share": float((np.hypot(output_lab[..., 1], output_lab[..., 2]) < GRAY_CHROMA).mean()),
    }


def ssim(output: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity (Wang, Bovik, Sheikh and Simoncelli, 2004) of two uint8 RGB (H, W, 3), by torchmetrics."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    # In float64: its differences of squares lose nearly flat pictures in float32.
    pair = torch.from_numpy(np.stack([output, truth])).permute(0, 3, 1, 2).double()
    measured = structural_similarity_index_measure(pair[:1], pair[1:], data_range=255.0)
    assert isinstance(measured, torch.Tensor)
    return float(measured)


def colorfulness(rgb: np.ndarray) -> float:
    """M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003): uint8 RGB (H, W, 3)."""
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    return float(spread + 0.3 * np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64)))


def ciede2000(lab: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIEDE2000 (CIE 142-2001) with kL = kC = kH = 1: two (..., 3) Lab -> (...) delta E, symmetric.

    Follows Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula" (2005), equations 2 to 22.
    """
    lightness_1, a_1, b_1 = np.moveaxis(lab, -1, 0)
    lightness_2, a_2, b_2 = np.moveaxis(other, -1, 0)
    mean_chroma_7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1 + (1 - np.sqrt(mean_chroma_7 / (mean_chroma_7 + 25.0**7))) / 2
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    hue_1, hue_2 = np.arctan2(b_1, a_1), np.arctan2(b_2, a_2)

    # The way round the hue circle is the short one; colours without chroma have no hue.
    has_hue = chroma_1 * chroma_2 > 0
    turn = hue_2 - hue_1
    turn = np.where(has_hue, turn - 2 * np.pi * np.rint(turn / (2 * np.pi)), 0)
    mean_hue = np.where(has_hue, hue_1 + turn / 2, hue_1 + hue_2)
    mean_lightness, mean_chroma = (lightness_1 + lightness_2) / 2, (chroma_1 + chroma_2) / 2

    tone = (
        1
        - 0.17 * np.cos(mean_hue - np.radians(30))
        + 0.24 * np.cos(2 * mean_hue)
        + 0.32 * np.cos(3 * mean_hue + np.radians(6))
        - 0.20 * np.cos(4 * mean_hue - np.radians(63))
    )
    from_50 = (mean_lightness - 50) ** 2
    lightness = (lightness_2 - lightness_1) / (1 + 0.015 * from_50 / np.sqrt(20 + from_50))
    chroma = (chroma_2 - chroma_1) / (1 + 0.045 * mean_chroma)
    hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(turn / 2) / (1 + 0.015 * mean_chroma * tone)
    mean_chroma_7 = mean_chroma**7
    degrees = np.degrees(mean_hue) % 360
    rotation = np.radians(30) * np.exp(-(((degrees - 275) / 25) ** 2))
    twist = -2 * np.sqrt(mean_chroma_7 / (mean_chroma_7 + 25.0**7)) * np.sin(2 * rotation)
    return np.sqrt(np.maximum(lightness**2 + chroma**2 + hue**2 + twist * chroma * hue, 0))
