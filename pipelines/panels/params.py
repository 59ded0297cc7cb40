"""Parameters of cutting pages and of filtering panels: one class for the Launchpad, titles.yaml and the tests."""

from typing import ClassVar, Literal

from pydantic import BaseModel, Field


class PanelParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the stage `panels`. A title may set its own under `panels:` in titles.yaml."""

    code_version: ClassVar[str] = "6"
    """Part of every digest: raise it whenever the same pages and parameters give other panels."""

    layout: Literal["auto", "strip", "pages", "whole"] = Field(
        default="auto",
        description="Layout of the pages: slices of one vertical strip, or pages; auto decides by looking. "
        "whole cuts nothing: illustrations and frames of videos.",
    )
    reading_direction: Literal["auto", "ltr", "rtl"] = Field(
        default="auto",
        description="Panels of a row are numbered from the left (ltr) or from the right (rtl); auto follows what the "
        "source says of the pages (ComicInfo, EPUB), else from the left.",
    )
    min_side_px: int = Field(
        default=200, ge=1, description="Panels narrower or lower than this are dropped (paper 000)."
    )
    max_side_px: int = Field(default=800, ge=1, description="Panels wider or higher than this are dropped (paper 000).")
    ground_tolerance: int = Field(
        default=6,
        ge=1,
        le=64,
        description="Smallest difference (0..255) from the common background that counts as drawn.",
    )
    bridge_share: float = Field(
        default=0.15, ge=0, lt=0.5, description="Share of a gutter's length that what reaches over it may cover."
    )
    join_share: float = Field(
        default=0.03, ge=0, le=0.2, description="Borderless drawings nearer than this share of the width are one panel."
    )
    gray_chroma: float = Field(
        default=8.0,  # a float, as in digests of earlier tables
        gt=0,
        description="Lab chroma away from the picture's own tint from which a pixel counts as coloured.",
    )
    gray_share: float = Field(
        default=0.022,
        ge=0,
        le=1,
        description="Panels with a smaller share of coloured pixels are naturally gray (paper 000).",
    )
    max_aspect: float | None = Field(
        default=None, ge=1, description="Panels whose longer side is more than so many shorter ones are dropped."
    )
    high_key_lightness: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Panels of which nine tenths are lighter than this L (CIELAB) are dropped as high key "
        "(paper 003, by eye; 85 finds such).",
    )
    low_key_lightness: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Panels of which nine tenths are darker than this L (CIELAB) are dropped as low key "
        "(paper 003, by eye; 25 finds such).",
    )
    max_cast: float | None = Field(
        default=None,
        gt=0,
        description="Panels whose mean colour is farther from gray than this times the spread of their colours are "
        "dropped as skewed in colour (paper 003, by eye; 3 finds such).",
    )
