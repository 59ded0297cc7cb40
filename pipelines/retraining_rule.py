"""Which recipes are trained when nobody names any: by the weekly schedule, the command line and the demo."""

from pydantic import BaseModel, Field, field_validator

from pipelines.recipes import RECIPES


class RetrainingRule(BaseModel, frozen=True, extra="forbid"):
    """The recipes of an installation. What they need is trained before them."""

    recipes: list[str] = Field(
        default=["webtoon_l2", "frames_gan_gray"],
        min_length=1,
        description="Names, as `tintoon recipes` lists them.",
    )

    @field_validator("recipes")
    @classmethod
    def _known(cls, recipes: list[str]) -> list[str]:
        for name in recipes:
            if name not in RECIPES:
                raise ValueError(f"no recipe {name!r} of a colorizer; there are: {', '.join(RECIPES)}")
        return list(dict.fromkeys(recipes))
