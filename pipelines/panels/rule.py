"""How pages are cut and which panels pass: one class of parameters for the Launchpad, titles.yaml and the tests."""

from typing import Literal

from pydantic import BaseModel, Field


class PanelRule(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `panels`. A title may set its own under `panels:` in titles.yaml."""

    layout: Literal["auto", "strip", "pages"] = Field(
        "auto", description="Whether the pages are slices of one vertical strip; auto decides by looking."
    )
    min_side_px: int = Field(200, ge=1, description="Panels narrower or lower than this are dropped (paper 000).")
    max_side_px: int = Field(800, ge=1, description="Panels wider or higher than this are dropped (paper 000).")
