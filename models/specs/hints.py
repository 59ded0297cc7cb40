"""Values of `models.hints`: ways to draw sparse colour from the truth in training."""

from dataclasses import dataclass, replace
from typing import Self

from models.specs.base import Spec


@dataclass(frozen=True)
class HintSampling(Spec):
    """A way to draw hints. A subclass is one distribution."""

    scale: int = 1
    """The hint's side is the picture's divided by this (rounded up): 1 for paper 000, 4 for papers 003 and 004."""

    def on_area(self, share: float) -> Self:
        """The sampling for pictures with a `share` of the recipe's area, which shows the same part of each."""
        return self


@dataclass(frozen=True)
class KeptPixels(HintSampling):
    """Dropout on chroma (paper 000, section IV.C): every pixel keeps its colour with probability `share`.

    [I] All channels of a pixel are kept or dropped together, and kept ones are not scaled up as dropout does.
    """

    share: float = 0.01


@dataclass(frozen=True)
class KeptChannels(HintSampling):
    """Dropout on the level of channels (paper 000, section IV.C): one channel of each picture is dropped at random.

    [I] The mask is 1 everywhere, for colour is given everywhere; the dropped channel is 0, the neutral value.
    """


@dataclass(frozen=True)
class RemovedPatches(HintSampling):
    """Blurred colour without random squares: Frans, "Outline Colorization through Tandem Adversarial Networks"
    (2017), which paper 000 aimed to replicate. The figures are those of the released code.

    Frans paints the squares white before he blurs. [I] Here the colours are blurred first and the squares leave
    the mask, so that the mask is 0 where there is no hint.
    """

    patches: int = 30
    side: float = 50 / 256
    """Side of each square, as a share of the picture's sides."""
    blur: float = 100 / 256
    """Side of the averaging window, as a share of the picture's sides."""


@dataclass(frozen=True)
class Points(HintSampling):
    """Single pixels (paper 003, section 3.2): from `min_count` to `max_count`, a uniform number, at random places.

    The released code of paper 003 draws otherwise: `Points(min_count=5, max_count=65, few=0.4)` for the draft
    stage, and `Points(min_count=28, max_count=128)` for the colorization stage. The numbers are for hints of
    128 x 128 pixels.
    """

    scale: int = 4
    min_count: int = 0
    max_count: int = 128
    few: float = 0.0
    """Probability of none or few points instead; [I] then none and 1 to `few_max` are equally likely."""
    few_max: int = 5

    def on_area(self, share: float) -> Self:
        """The same number of points for each pixel, and at most one where that is less than one."""
        return replace(
            self,
            min_count=round(self.min_count * share),
            max_count=max(1, round(self.max_count * share)),
            few_max=max(1, round(self.few_max * share)),
        )


@dataclass(frozen=True)
class FewOrManyPoints(HintSampling):
    """Dots as a person may give them: none, or 1 to `max_count`, as often few as many (log-uniform).

    In half of the pictures they are single pixels at random places. In the others they are dots of 1 to 5 pixels
    where there is colour and where it is even: people mark the middle of regions, and leave paper as it is.
    """

    max_count: int = 128
    none: float = 0.35
    """Probability of no hints at all."""
    even_px: int = 9
    """Side of the window in which the colour is even."""
    uneven: float = 0.02
    """Standard deviation from which the colour in a window is uneven, in the unit of [-1, 1]."""
    neutral: float = 0.04
    """Colours nearer to gray than this are no reason for a mark."""


@dataclass(frozen=True)
class TruncatedNormalMask(HintSampling):
    """Ci et al. (2018), figures of the released code: of every two pictures of a batch, one is without hints; in the
    other, pixels are shown where U(0, 1) is at least a threshold, which each picture draws from N(1, sigma)
    truncated to [0, 1].
    """

    scale: int = 4
    sigma: float = 0.005


@dataclass(frozen=True)
class Strokes(HintSampling):
    """Strokes like those of a person: Hati et al., "PaintsTorch" (2019), as in its released code.

    From 0 to `max_count` strokes. Each starts at a random pixel, whose colour it has, and runs through 1 to `points`
    points in a box about its start; the box's half sides are from 1 to `reach` pixels. Pixels are the hint's.
    Not as in the released code: the lines are not smoothed by a spline, and their borders are sharp.
    """

    scale: int = 4
    max_count: int = 120
    thickness: int = 4
    """Widths are from 1 to this, in pixels."""
    points: int = 5
    reach: int = 10


@dataclass(frozen=True)
class ThresholdMask(HintSampling):
    """Paper 004, section III.B: pixels are shown where U(0, 1) is greater than `threshold`."""

    scale: int = 4
    threshold: float = 0.99
    """[I] Not given; 0.97 to 0.995 are plausible."""
