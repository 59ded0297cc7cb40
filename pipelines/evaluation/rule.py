"""How large the benchmark is: one class of parameters for the Launchpad, the command line and the tests."""

from pydantic import BaseModel, Field


class BenchmarkRule(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `evaluation`. They are part of the benchmark's fingerprint."""

    resolution: int = Field(default=256, ge=16, le=4096, description="Side of the test pictures in pixels.")
    max_pictures: int | None = Field(
        default=None, ge=1, description="At most so many test pictures, evenly spread; empty: all."
    )
