"""What something costs at growing sizes, and the exponent that fits: cost = factor * size ** exponent."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Measured points of one cost."""

    name: str
    size: str
    """What grows, with its unit, such as "hashes"."""
    cost: str
    """What is measured, with its unit, such as "CPU seconds" or "peak MB"."""
    points: list[tuple[float, float]]
    """(size, cost), the sizes rising."""
    fitted_from: float = 0.0
    """Sizes below it are not fitted: there the fixed costs rule."""

    @property
    def exponent(self) -> float:
        """The slope of the line through the logarithms of the fitted points, by least squares."""
        return float(self._fit()[0])

    def at(self, size: float) -> float:
        """The cost that the fit foretells for a size."""
        slope, offset = self._fit()
        return float(np.exp(offset) * size**slope)

    def _fit(self) -> tuple[float, float]:
        sizes, costs = zip(*(point for point in self.points if point[0] >= self.fitted_from), strict=True)
        slope, offset = np.polyfit(np.log(sizes), np.log(costs), 1)
        return slope, offset
