"""How a recipe is cross-validated: one class of parameters for the Launchpad, the command line and the tests."""

from pydantic import Field

from pipelines.evaluation.fold_rule import FoldRule
from pipelines.training_rule import TrainingRule


class CrossValidationRule(TrainingRule, FoldRule, frozen=True, extra="forbid"):
    """How to deal the pictures, and how each fold is trained. `seed` is that of the deal and of each training."""

    test_resolution: int = Field(default=256, ge=16, le=4096, description="Side of the test pictures in pixels.")
    max_pictures: int | None = Field(default=None, ge=1, description="At most so many test pictures of each fold.")
