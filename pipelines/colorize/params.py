"""Parameters of the stage `references`. Values only: importing them costs nothing."""

from typing import ClassVar

from pydantic import BaseModel, Field


class ReferencesParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `references`."""

    code_version: ClassVar[str] = "1"
    """Raise it when the same panels give another index: all are then made again."""

    max_panels: int = Field(
        default=400,
        ge=1,
        description="At most so many panels of a title, spread over all its issues; each takes about 1 MB.",
    )
    lines: bool = Field(
        default=True,
        description="Also an index for line art, beside that for gray pictures; it takes as much room again.",
    )

    @property
    def variants(self) -> tuple[str, ...]:
        """The pictures that there is an index for."""
        return ("gray", "line") if self.lines else ("gray",)
