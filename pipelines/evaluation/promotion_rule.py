"""When a challenger becomes the champion: one class of parameters for the Launchpad, the command line and the tests."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

Margin = Annotated[float, Field(ge=0, allow_inf_nan=False)]

MARGINS: Mapping[str, float] = {
    "white_chroma": 1.0,  # delta E: half of what an eye just notices, 2.3 [Mahy, Van Eycken and Oosterlinck, 1994]
    "bleeding": 0.05,  # a twentieth of all changes of colour
    "gray_share": 0.10,  # a tenth of the picture gone gray: how paper 002's networks collapse
    "colorfulness_error": 5.0,  # a third of one step of Hasler and Suesstrunk's seven, which are about 15 apart
    "ssim": 0.02,
}
"""By how much a guard may get worse, in its unit."""


class PromotionRule(BaseModel, frozen=True, extra="forbid"):
    """When a challenger becomes the champion."""

    score: str = Field(default="ciede2000", description="The metric that the challenger must be better in.")
    confidence: float = Field(
        default=0.95, gt=0, lt=1, description="How sure it must be that the score is better, all challengers together."
    )
    least_issues: int = Field(
        default=3,
        ge=1,
        description="Nobody is promoted on fewer test issues: they say nothing about others. 1: pictures count as if "
        "each were an issue.",
    )
    guards: dict[str, Margin] = Field(
        default_factory=lambda: dict(MARGINS),
        description="Metrics that may get worse by no more than this, in their units, on average.",
    )
    latency_factor: float = Field(
        default=2.0,
        ge=1,
        description="The challenger may take at most so many times the champion's time, at each size that both were "
        "timed at on the same kind of device.",
    )
    resamples: int = Field(default=10_000, ge=100, description="Of the bootstrap.")
    seed: int = Field(default=0, ge=0, description="Of the bootstrap.")

    @model_validator(mode="after")
    def _score_is_no_guard(self) -> "PromotionRule":
        if self.score in self.guards:
            raise ValueError(f"guards: {self.score} is the score; it must be better, which no margin loosens")
        return self
