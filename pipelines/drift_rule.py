"""What counts as drift: one class of parameters for the Launchpad, the command line and the tests."""

from pydantic import BaseModel, Field


class DriftRule(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the drift check."""

    side_px: int = Field(default=256, ge=32, description="Panels are reduced to this longer side before they compare.")
    panels_per_issue: int = Field(default=32, ge=1, description="At most so many panels an issue, evenly spread.")
    least_panels: int = Field(default=4, ge=1, description="New issues with fewer panels are not judged.")
    false_alarms: float = Field(
        default=0.05, gt=0, lt=1, description="Share of ordinary issues that may be flagged by chance."
    )
