"""Size, pace and machine of a training: one class of parameters for the Launchpad, the command line and the tests.

Values only, no torch: showing these parameters needs no installation that can train.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

if TYPE_CHECKING:
    from models.recipes import Recipe

EXCLUDED_FROM_KEY = {"extractor", "weights", "log_every"}
"""Fields that keys and logged parameters of a training leave out. The extractor is in them under its full name and by
the digest of its file, wherever the file lay; `log_every` changes nothing about what is learned."""


def command_on_several(recipe: str, devices: int) -> str:
    """The command that trains a recipe in several processes, each with its GPU: the only one that does."""
    training = f"--training '{{\"devices\": {devices}}}'"
    return f"torchrun --nproc-per-node={devices} --standalone -m pipelines {recipe} --lake LAKE --out OUT {training}"


class TrainingParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of one training that are not the recipe's: its size, its pace and its machine."""

    code_version: ClassVar[str] = "6"
    """Part of every training's key: raise it whenever the same recipe, parameters and pictures give another result."""

    steps: int | None = Field(
        default=None, ge=1, description="Budget in optimizer steps; without any budget: the recipe's own."
    )
    pictures: int | None = Field(
        default=None, ge=1, description="Budget in pictures seen, rounded up to whole batches, in place of steps."
    )
    minutes: float | None = Field(
        default=None,
        gt=0,
        description="Budget in minutes of training, validation included, in place of steps; ends with the step that "
        "passes it.",
    )
    batch: int | None = Field(default=None, ge=1, description="Pictures a step; empty: the recipe's own.")
    resolution: int | None = Field(
        default=None, ge=32, le=4096, description="Side of the training pictures in pixels; empty: the recipe's own."
    )
    width: int | None = Field(
        default=None, ge=1, le=1024, description="Channels of the networks' first layers; empty: the recipe's own."
    )
    titles: list[str] = Field(
        default=[], description="Learn from these titles only, for a colorizer of one series; empty: from all."
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="Longer gradients of an optimizer are scaled to this norm; empty: no scaling."
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay per step of the exponential moving average of the weights. The average is "
        "then validated, shown and kept; 0: no average.",
    )
    extractor: Literal["", "vgg16", "vgg19", "hed-vgg16"] = Field(
        default="", description="Feature extractor of losses and networks; empty: the recipe's own."
    )
    weights: str = Field(default="", description="Folder with the files of extractors; empty: the installation's.")
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of initialization, order, augmentation and dropout.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where to train; auto takes a GPU if there is one."
    )
    devices: int = Field(
        default=1,
        ge=1,
        description="Processes, each with its GPU, that share every batch: 1, except in `python -m pipelines` under "
        "torchrun.",
    )
    precision: Literal["auto", "32-true", "bf16-mixed"] = Field(
        default="auto",
        description="Lightning Fabric's precision; auto takes bf16-mixed where the chip computes in bfloat16. Weights, "
        "their optimizers and validation are float32 in each.",
    )
    compile: bool = Field(default=False, description="Compile the networks: minutes of waiting, then faster steps.")
    validate_every: int = Field(
        default=500, ge=1, description="Steps between validations; the last step always has one."
    )
    validation_pictures: int = Field(default=64, ge=1, description="At most so many pictures of the validation split.")
    sample_every: int = Field(
        default=500, ge=1, description="Steps between sample pictures; the last step always has them."
    )
    sample_pictures: int = Field(default=4, ge=1, le=64, description="Rows of a sample picture.")
    log_every: int | None = Field(
        default=None,
        ge=1,
        description="Steps between points of the training curves, each a mean over its steps; empty: 1 up to step "
        "1,000, 10 up to step 10,000, then 100, so that long trainings stay light. The last step always has one.",
    )
    checkpoint_every_s: float = Field(default=300.0, gt=0, description="Seconds between saved states.")

    @model_validator(mode="after")
    def _one_budget(self) -> "TrainingParams":
        given = [name for name in ("steps", "pictures", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: a training has one budget; leave all but one of them empty")
        return self

    def on_this_machine(self) -> Self:
        """The same parameters with the precision that this machine takes for "auto": what keys and records hold."""
        if self.precision != "auto":
            return self
        from models.precision import computes_in_bfloat16

        is_fast = computes_in_bfloat16(self.device)
        return self.model_copy(update={"precision": "bf16-mixed" if is_fast else "32-true"})

    def log_stride(self, step: int) -> int:
        """Steps between points of the training curves, around a step (1, 2, ...)."""
        return self.log_every or (1 if step <= 1_000 else 10 if step <= 10_000 else 100)

    def extractor_of(self, recipe: "Recipe") -> str | None:
        """The name of the extractor that a recipe uses; None where it uses none."""
        return (self.extractor or recipe.extractor) if recipe.extractor else None

    def weights_in(self, installation: Path) -> Path:
        """The folder of extractors' files: `weights`, or the installation's where that is empty."""
        return Path(self.weights) if self.weights else installation

    def parameters(self, recipe: "Recipe") -> dict[str, Any]:
        """All parameters of a training of this recipe, by the names under which MLflow compares runs.

        A method has its own alone: size, pace and machine of a training change nothing about it.
        """
        if recipe.is_untrained:
            return dict(recipe.parameters())
        sized = recipe.resized(resolution=self.resolution, width=self.width)
        has_own_budget = self.pictures is not None or self.minutes is not None
        extractor = self.extractor_of(recipe)
        return {
            **{name: value for name, value in sized.parameters() if name != "steps" or not has_own_budget},
            **self.model_dump(mode="json", exclude_none=True, exclude=EXCLUDED_FROM_KEY),
            **({"extractor": extractor} if extractor else {}),
        }
