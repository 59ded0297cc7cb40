"""The parameters of the stages from `unique_panels` to `training_set`: what the Launchpad, the command line and the
tests set. Values only: importing them costs nothing.
"""

from typing import ClassVar

from pydantic import BaseModel, Field, field_validator, model_validator

SPLITS = ("train", "val", "test")


class UniqueParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `unique_panels`."""

    code_version: ClassVar[str] = "2"

    radius_bits: int = Field(
        default=8,
        ge=0,
        le=16,
        description="Panels whose 64-bit perceptual hashes differ in at most so many bits are duplicates.",
    )


class SplitParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `issue_splits`."""

    code_version: ClassVar[str] = "2"

    train_share: float = Field(
        default=0.90, gt=0, lt=1, description="Goal for train, as a share of each title's kept panels."
    )
    val_share: float = Field(default=0.05, gt=0, lt=1, description="Goal for val.")
    test_share: float = Field(default=0.05, gt=0, lt=1, description="Goal for test.")
    salt: str = Field(default="tintoon", description="Breaks ties between equally empty splits.")

    @model_validator(mode="after")
    def _shares_add_up(self) -> "SplitParams":
        if abs(self.train_share + self.val_share + self.test_share - 1) > 1e-6:
            raise ValueError("train_share, val_share and test_share must add up to 1")
        return self

    @property
    def goals(self) -> dict[str, float]:
        """The goal of each split."""
        return dict(zip(SPLITS, (self.train_share, self.val_share, self.test_share), strict=True))


class VariantParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stages `gray_panels`, `edge_panels` and `line_panels`."""

    code_version: ClassVar[str] = "2"

    resolutions: list[int] = Field(
        default=[256, 512],
        min_length=1,
        description="Sides in pixels of the square arrays; papers 000 and 002 train at 256 and 512.",
    )
    canny_low: float = Field(default=100.0, ge=0, description="Canny: weaker edges than this are dropped.")
    canny_high: float = Field(default=200.0, ge=0, description="Canny: edges at least this strong always count.")
    canny_aperture: int = Field(default=3, description="Canny: side in pixels of the Sobel kernel: 3, 5 or 7.")

    @field_validator("resolutions")
    @classmethod
    def _small_to_large(cls, resolutions: list[int]) -> list[int]:
        if min(resolutions) < 16 or max(resolutions) > 4096:
            raise ValueError(f"resolutions {resolutions}: expected 16 to 4096 px")
        return sorted(set(resolutions))

    @model_validator(mode="after")
    def _canny_is_possible(self) -> "VariantParams":
        if self.canny_low > self.canny_high:
            raise ValueError(f"canny_low {self.canny_low} is above canny_high {self.canny_high}")
        if self.canny_aperture not in (3, 5, 7):
            raise ValueError(f"canny_aperture {self.canny_aperture}: expected 3, 5 or 7")
        return self


class TrainingSetParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `training_set`."""

    code_version: ClassVar[str] = "1"

    min_train_panels: int = Field(default=1, ge=1, description="Fewer panels than this in train are an error.")
