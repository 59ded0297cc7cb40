"""The definitions of the metrics, as data: unit, scale, direction and meaning of each number of a picture.

Imports nothing that computes: tables and pages that only show numbers read this module. `measure` holds the work.
"""

from dataclasses import dataclass
from typing import Literal

from models.specs.base import AB_SCALE

GRAY_CHROMA = 5.0
"""A colour with less chroma counts as gray; its hue means nothing."""

PSNR_LIMIT_DB = 100.0
"""The value for two equal pictures."""


@dataclass(frozen=True)
class MetricSpec:
    """The meaning of one number."""

    name: str
    unit: str
    scale: str
    """The range of the pictures or colours that it is computed on."""
    direction: Literal["lower", "higher", "neither"]
    """The better direction; neither for a number that only describes."""
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
"""The definition of each metric by its name, in the order of all tables."""
