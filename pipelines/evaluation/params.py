"""The size of the benchmark: one class of parameters for the Launchpad, the command line and the tests."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

Side = Annotated[int, Field(ge=16, le=4096)]


class BenchmarkParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stages `evaluation` and `leaderboard`.

    All but the last three are part of the benchmark's fingerprint.
    """

    code_version: ClassVar[str] = "3"
    """Part of every benchmark's fingerprint: raise it when a metric is added, or gives other values."""

    resolution: int = Field(default=256, ge=16, le=4096, description="Side of the test pictures in pixels.")
    max_pictures: int | None = Field(
        default=None, ge=1, description="At most so many test pictures, evenly spread; empty: all."
    )
    hint_counts: list[Annotated[int, Field(ge=1)]] = Field(
        default=[1, 5, 10, 64, 128],
        description="Numbers of random hint points, for colorizers that take hints; beside none, and the 28 of C-FID.",
    )
    draws: int = Field(default=3, ge=1, description="How often hints are drawn, and halves for the spread of KID.")
    seed: int = Field(default=0, ge=0, description="The seed of the hints and the draws.")
    extractor: Literal["efflite0", "inception", "title_vgg16", "none"] = Field(
        default="efflite0",
        description="The feature extractor of FID and KID: EfficientNet-Lite0, the standard Inception file, our "
        "classifier of titles (paper 000); none: FID and KID are left out.",
    )
    unpaired: str = Field(
        default="",
        description="A folder of line art or black-and-white pages without a truth, to be coloured and looked at; "
        "empty: panels that were dropped as gray.",
    )
    latency_sides: list[Side] = Field(
        default=[256, 512, 1024], description="Sides in pixels at which latency is measured; and on a page."
    )
    page: bool = Field(default=True, description="Measure the latency of a page of 1200 x 1700 pixels too.")
