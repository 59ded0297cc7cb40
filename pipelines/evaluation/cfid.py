"""C-FID (paper 003, section 4): FID of what a colorizer makes of 28 hints in seven regions.

The regions and counts are those of `pipelines.hints.segment_hint_of_truth`. Paper 003 reports the mean and standard
deviation over random positions; so does this.
"""

from collections.abc import Callable, Sequence

import numpy as np

from pipelines.color import gray_to_rgb, rgb_to_gray
from pipelines.evaluation.distribution import FeatureExtractor, distribution
from pipelines.hints import Hint, segment_hint_of_truth

HintedColorize = Callable[[np.ndarray, Sequence[Hint]], np.ndarray]
"""(N, H, W) uint8 and N hints -> (N, H, W, 3) uint8 RGB."""


def cfid_hints(truths: np.ndarray, *, side: int, seed: int, draw: int) -> list[Hint]:
    """The 28 true colours of each picture in one draw: (N, H, W, 3) uint8 RGB -> N hints of `side` x `side` pixels.

    Places differ between pictures and between draws, and are the same for every colorizer.
    """
    seeds = np.random.SeedSequence([seed, draw]).generate_state(len(truths))
    return [segment_hint_of_truth(truth, side=side, seed=int(own)) for truth, own in zip(truths, seeds, strict=True)]


def cfid(
    colorize: HintedColorize,
    pictures: np.ndarray,
    truths: np.ndarray,
    extractor: FeatureExtractor,
    *,
    side: int = 64,
    draws: int = 3,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """C-FID, and the same by KID: `cfid_<extractor>` and `ckid_<extractor>` -> as `distribution` gives.

    Args:
        colorize: Called once a draw.
        pictures: (N, H, W) uint8, what it sees.
        truths: (N, H, W, 3) uint8 RGB.
        extractor: What FID looks through.
        side: Of the hints in pixels, 8 or more.
        draws: How often places are drawn, and halves.
        seed: Of both.
    """
    outputs = [
        extractor(colorize(pictures, cfid_hints(truths, side=side, seed=seed, draw=draw))) for draw in range(draws)
    ]
    real, gray = extractor(truths), extractor(gray_to_rgb(rgb_to_gray(truths)))
    measured = distribution(outputs, real, gray, extractor=extractor.name, draws=draws, seed=seed)
    return {f"c{name}": values for name, values in measured.items()}
