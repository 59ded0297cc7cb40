"""All metrics of pictures, computed: outputs and truths in, one number a picture and metric out.

Works on uint8 RGB arrays; touches no files. A new metric is a function in a module beside this one, its definition in
`definitions`, and its line in `_measure`.
"""

from collections.abc import Sequence

import numpy as np

from pipelines.colorize.hints import Hint
from pipelines.evaluation.metrics.bleeding import bleeding, lines_of, white_chroma, white_of
from pipelines.evaluation.metrics.color_behaviour import (
    chroma_of,
    colorfulness,
    gray_share,
    hue_distance,
    saturation_distance,
)
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.metrics.hint_obedience import hint_ciede2000, hint_segment_ciede2000
from pipelines.evaluation.metrics.pixels import ciede2000, half_sum_of, l1_rgb, l2_ab, l2_rgb, psnr_of
from pipelines.evaluation.metrics.structural_similarity import WINDOW_PX, ssim_and_ms_ssim
from pipelines.images.color import rgb_to_gray, rgb_to_lab


def measure_pictures(
    outputs: np.ndarray, truths: np.ndarray, *, hints: Sequence[Hint | None] | None = None
) -> dict[str, np.ndarray]:
    """Every metric of every picture: two (N, H, W, 3) uint8 RGB -> name -> (N,) float64, in the order of METRICS.

    `hints` are the N that the outputs were made with; metrics of hints are NaN where there is none. Bleeding and
    white_chroma are NaN where they do not apply to a picture. Raises ValueError for other shapes, or sides below
    11 px (SSIM's window).
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
