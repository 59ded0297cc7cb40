"""How large, how fast and where to train: one class of parameters for the Launchpad, the command line and the tests.

Values only, no torch: whoever shows these parameters need not be able to train.
"""

from typing import Literal

from pydantic import BaseModel, Field

CODE_VERSION = "1"
"""Part of every training's key: raise it whenever the same recipe, rule and pictures train otherwise than before."""


class TrainingRule(BaseModel, frozen=True, extra="forbid"):
    """Parameters of one training that are not the recipe's: its size, its pace and its machine."""

    steps: int | None = Field(default=None, ge=1, description="Optimizer steps; empty: the recipe's own budget.")
    batch: int | None = Field(default=None, ge=1, description="Pictures a step; empty: the recipe's own.")
    resolution: int | None = Field(
        default=None, ge=16, le=4096, description="Side of the training pictures in pixels; empty: the recipe's own."
    )
    width: int | None = Field(
        default=None, ge=1, le=1024, description="Channels of the networks' first layers; empty: the recipe's own."
    )
    flip: bool = Field(
        default=True, description="Mirror half of the training pictures left to right, anew in each epoch."
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Of initialization, order, flips and dropout.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where to train; auto takes a GPU if there is one."
    )
    precision: Literal["32-true", "bf16-mixed"] = Field(
        default="32-true", description="Lightning Fabric's precision; bf16-mixed is faster where the chip has it."
    )
    validate_every: int = Field(
        default=500, ge=1, description="Steps between validations; the last step always has one."
    )
    validation_pictures: int = Field(default=64, ge=1, description="At most so many pictures of the validation split.")
    sample_every: int = Field(
        default=500, ge=1, description="Steps between sample pictures; the last step always has them."
    )
    sample_pictures: int = Field(default=4, ge=1, le=64, description="Rows of a sample picture.")
    checkpoint_every_s: float = Field(default=300, gt=0, description="Seconds between saved states.")
