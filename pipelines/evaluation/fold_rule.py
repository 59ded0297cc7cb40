"""How pictures are dealt into folds: one class of parameters for the Launchpad, the command line and the tests."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

USUAL_FOLDS = {"issue": 5, "picture": 10}


class FoldRule(BaseModel, frozen=True, extra="forbid"):
    """How pictures are dealt."""

    by: Literal["issue", "title", "picture"] = Field(
        default="issue", description="What stays together: an issue, a whole title, or nothing (leaks: paper 001)."
    )
    folds: int | None = Field(
        default=None, ge=2, description="How many; empty: 5 by issue, 10 by picture, as many as titles by title."
    )
    seed: int = Field(default=0, ge=0, description="Of the deal.")

    @model_validator(mode="after")
    def _leaves_something_to_learn(self) -> "FoldRule":
        if self.folds == 2 and self.by != "title":
            raise ValueError(f"2 folds by {self.by}: one is tested and one validates; ask for 3 or more")
        return self
