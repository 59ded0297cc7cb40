"""The numbers by which colorizers are judged: each with its unit, scale, direction and definition, per picture.

Works on uint8 RGB arrays; touches no files. What is computed is in the modules beside this one. scikit-image is
imported only when something is measured, so that whoever only needs the definitions (a leaderboard, a page) does not
pay for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.colorize.hints import Hint
from pipelines.evaluation.metrics.bleeding import bleeding, lines_of, white_chroma, white_of
from pipelines.evaluation.metrics.color_behaviour import (
    GRAY_CHROMA,
    chroma_of,
    colorfulness,
    gray_share,
    hue_distance,
    saturation_distance,
)
from pipelines.evaluation.metrics.hint_obedience import hint_ciede2000, hint_segment_ciede2000
from pipelines.evaluation.metrics.pixels import PSNR_LIMIT_DB, ciede2000, half_sum_of, l1_rgb, l2_ab, l2_rgb, psnr_of
from pipelines.evaluation.metrics.structural_similarity import WINDOW_PX, ssim_and_ms_ssim
from pipelines.images.color import AB_SCALE, rgb_to_gray, rgb_to_lab


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
        "ms_ssim", "none", "RGB 0..255", "higher",
        "Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003), windows as ssim, mean over channels; "
        "five scales from 176 px on, below it fewer, so that it only compares at one size.",
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
    MetricSpec(
        "saturation_distance", "CIELAB units", "C*ab, 0..134", "lower",
        "Earth mover's distance between the distributions of chroma in output and truth, wherever in the picture.",
    ),
    MetricSpec(
        "hue_distance", "degrees", "CIELAB hue, 0..180", "lower",
        "Earth mover's distance around the hue circle between output and truth; hues weigh as much as their chroma. "
        "A gray picture counts as all hues alike.",
    ),
    MetricSpec(
        "bleeding", "share", "CIELAB, ab", "lower",
        "Share of the gradient energy of a and b that is more than 1/85 of the side away from the truth's Canny "
        "edges: E_off / (E_off + E_on). Not a number where no chroma changes, or without lines.",
    ),
    MetricSpec(
        "white_chroma", "CIELAB units", "C*ab, 0..134", "lower",
        "Mean chroma of the output in what is white in the truth: speech bubbles, lettering, paper (regions with "
        "L of 95 or more and chroma below 5). Not a number where nothing is.",
    ),
    MetricSpec(
        "hint_ciede2000", "delta E", "CIELAB, D65", "lower",
        "Mean CIEDE2000 between the output and the hint's colours at the hint's pixels. Not a number without hints.",
    ),
    MetricSpec(
        "hint_segment_ciede2000", "delta E", "CIELAB, D65", "lower",
        "Mean CIEDE2000 between output and truth over the truth's segments that the hint marks: what hangs together "
        "with its pixels within 10 in L, a and b. Not a number without hints.",
    ),
)  # fmt: skip

METRICS = {spec.name: spec for spec in _SPECS}


def measure_pictures(
    outputs: np.ndarray, truths: np.ndarray, *, hints: Sequence[Hint | None] | None = None
) -> dict[str, np.ndarray]:
    """Every metric of every picture: two (N, H, W, 3) uint8 RGB -> name -> (N,) float64, in the order of METRICS.

    `hints` are the N that the outputs were made with; what is about hints is NaN where there is none. Bleeding and
    white_chroma are NaN where a picture has nothing of which they could speak. Raises ValueError for other shapes,
    or sides below 11 px (SSIM's window).
    """
    if outputs.shape != truths.shape or outputs.ndim != 4 or outputs.shape[-1] != 3:
        raise ValueError(f"outputs {outputs.shape} and truths {truths.shape}: expected two of one shape (N, H, W, 3)")
    if outputs.dtype != np.uint8 or truths.dtype != np.uint8:
        raise ValueError(f"outputs {outputs.dtype} and truths {truths.dtype}: expected uint8 RGB in 0..255")
    if min(outputs.shape[1:3]) < WINDOW_PX:
        raise ValueError(f"pictures of {outputs.shape[1]} x {outputs.shape[2]} px: expected at least 11 x 11")
    if hints is None:
        hints = [None] * len(outputs)
    if len(hints) != len(outputs):
        raise ValueError(f"{len(hints)} hints for {len(outputs)} pictures: expected one, or None, for each")
    # Picture by picture: the temporaries of one stay in cache, and memory does not grow with N.
    measured = [_measure(output, truth, hint) for output, truth, hint in zip(outputs, truths, hints, strict=True)]
    return {name: np.array([values[name] for values in measured], np.float64) for name in METRICS}


def _measure(output: np.ndarray, truth: np.ndarray, hint: Hint | None) -> dict[str, float]:
    output_lab, truth_lab = rgb_to_lab(output), rgb_to_lab(truth)
    chroma = chroma_of(output_lab)
    squared_rgb, squared_ab = l2_rgb(output, truth), l2_ab(output_lab, truth_lab)
    differences = ciede2000(output_lab, truth_lab)
    ssim, ms_ssim = ssim_and_ms_ssim(output, truth)
    output_colorfulness = colorfulness(output)
    return {
        "l1_rgb": l1_rgb(output, truth),
        "l2_rgb": squared_rgb,
        "l2_ab": squared_ab,
        "l2_ab_half_sum": half_sum_of(squared_ab),
        "ciede2000": float(differences.mean(dtype=np.float64)),
        "psnr": psnr_of(squared_rgb),
        "ssim": ssim,
        "ms_ssim": ms_ssim,
        "colorfulness": output_colorfulness,
        "colorfulness_error": abs(output_colorfulness - colorfulness(truth)),
        "gray_share": gray_share(chroma),
        "saturation_distance": saturation_distance(chroma, chroma_of(truth_lab)),
        "hue_distance": hue_distance(output_lab, truth_lab),
        "bleeding": bleeding(output_lab, lines_of(rgb_to_gray(truth))),
        "white_chroma": white_chroma(chroma, white_of(truth_lab)),
        "hint_ciede2000": hint_ciede2000(output_lab, hint) if hint else float("nan"),
        "hint_segment_ciede2000": hint_segment_ciede2000(differences, truth_lab, hint) if hint else float("nan"),
    }
