"""The parameters of comparing colorizers: promotion, drift, retraining, folds and cross-validation. Values only."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from models.recipes import RECIPES
from pipelines.evaluation.params import BenchmarkParams
from pipelines.training.params import TrainingParams

Margin = Annotated[float, Field(ge=0, allow_inf_nan=False)]

MARGINS: Mapping[str, float] = {
    "white_chroma": 1.0,  # delta E: half of what an eye just notices, 2.3 [Mahy, Van Eycken and Oosterlinck, 1994]
    "bleeding": 0.05,  # a twentieth of all changes of colour
    "gray_share": 0.10,  # a tenth of the picture gone gray: how paper 002's networks collapse
    "colorfulness_error": 5.0,  # a third of one step of Hasler and Suesstrunk's seven, which are about 15 apart
    "ssim": 0.02,
}
"""The margin by which each guard may get worse, in its unit."""


class PromotionParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `champion`: when a challenger is promoted."""

    code_version: ClassVar[str] = "2"

    score: str = Field(default="ciede2000", description="The metric that the challenger must be better in.")
    confidence: float = Field(
        default=0.95, gt=0, lt=1, description="How sure it must be that the score is better, all challengers together."
    )
    min_issues: int = Field(
        default=3,
        ge=1,
        description="A challenger is not promoted on fewer test issues: they predict nothing about others. 1: pictures "
        "count as if each were an issue.",
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
    reference_latency_ms: float = Field(
        default=2000.0,
        ge=0,
        description="A challenger that takes references may take so many milliseconds at each size in any case, where "
        "the champion takes none.",
    )
    resamples: int = Field(default=10_000, ge=100, description="The number of resamples of the bootstrap.")
    seed: int = Field(default=0, ge=0, description="The seed of the bootstrap.")

    @model_validator(mode="after")
    def _score_is_no_guard(self) -> "PromotionParams":
        if self.score in self.guards:
            raise ValueError(f"guards: {self.score} is the score; it must be better, which no margin loosens")
        return self


class DriftParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the drift check."""

    code_version: ClassVar[str] = "1"

    side_px: int = Field(default=256, ge=32, description="Panels are reduced to this longer side before they compare.")
    panels_per_issue: int = Field(default=32, ge=1, description="At most so many panels an issue, evenly spread.")
    min_panels: int = Field(default=4, ge=1, description="New issues with fewer panels are not compared.")
    false_alarms: float = Field(
        default=0.05, gt=0, lt=1, description="Share of ordinary issues that may be flagged by chance."
    )


class RetrainingParams(BaseModel, frozen=True, extra="forbid"):
    """The recipes of an installation, and when they are trained again. What they need is trained before them."""

    recipes: list[str] = Field(
        default=["webtoon_l2", "frames_gan_gray"],
        min_length=1,
        description="Names, as `tintoon recipes` lists them.",
    )
    min_change: float = Field(
        default=0.05,
        ge=0,
        description="Train again when so many train pictures are new or gone, as a share of the last training's.",
    )
    min_change_on_drift: float = Field(
        default=0.01,
        ge=0,
        description="The same, where new pictures belong to an issue that looks unlike the others (`drift`), and the "
        "drift check had enough issues to compare with. 1 or more: drift alone never starts a training.",
    )

    @field_validator("recipes")
    @classmethod
    def _known(cls, recipes: list[str]) -> list[str]:
        for name in recipes:
            if name not in RECIPES:
                raise ValueError(f"no recipe {name!r} of a colorizer; there are: {', '.join(RECIPES)}")
        return list(dict.fromkeys(recipes))


DEFAULT_FOLDS = {"issue": 5, "picture": 10}


class FoldParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the folds of a cross-validation."""

    code_version: ClassVar[str] = "1"

    by: Literal["issue", "title", "picture"] = Field(
        default="issue",
        description="The unit that stays together: an issue, a whole title, or nothing (leaks: paper 001).",
    )
    folds: int | None = Field(
        default=None, ge=2, description="How many; empty: 5 by issue, 10 by picture, as many as titles by title."
    )
    seed: int = Field(default=0, ge=0, description="The seed of the folds.")

    @model_validator(mode="after")
    def _leave_pictures_to_learn_from(self) -> "FoldParams":
        if self.folds == 2 and self.by != "title":
            raise ValueError(f"2 folds by {self.by}: one is tested and one validates; ask for 3 or more")
        return self


class CrossValidationParams(TrainingParams, FoldParams, frozen=True, extra="forbid"):
    """The folds, and how each of them is trained. `seed` is that of the folds and of each training."""

    code_version: ClassVar[str] = (
        f"{FoldParams.code_version}.{BenchmarkParams.code_version}.{TrainingParams.code_version}"
    )

    test_resolution: int = Field(default=256, ge=16, le=4096, description="Side of the test pictures in pixels.")
    max_pictures: int | None = Field(default=None, ge=1, description="At most so many test pictures of each fold.")
