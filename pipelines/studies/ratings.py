"""Ratings of colored pictures, as paper 004 asked for them (section IV.B): four questions, each from 0 to 5 points.

The first and the last question are about hints, and are asked only where hints were given. In the lake each rating
is a file of its own, `ratings/<time>-<digest>.json`: it appears whole or not at all, on any filesystem, and two pages
that store at once lose nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from pipelines.colorize.hints import Hint
from pipelines.lake import Lake, digest_of
from pipelines.studies.questions import MAX_POINTS, questions_for

Points = Annotated[int, Field(strict=True, ge=0, le=MAX_POINTS)]


class Rating(BaseModel, frozen=True, extra="forbid"):
    """One person's rating of one result, and the result."""

    time: AwareDatetime
    recipe: str
    checkpoint_sha256: str
    picture_sha256: str
    """The SHA-256 of the encoded picture, as it was opened."""
    hints: Hint | None
    """None where none were given, or where the colorizer takes none."""
    snapped: bool
    """True for colours snapped to the segments of the picture."""
    answers: dict[str, Points]
    """The points by question."""
    rater: str = Field(max_length=100)

    @model_validator(mode="after")
    def _what_was_asked_is_answered(self) -> "Rating":
        asked = questions_for(with_hints=self.hints is not None)
        if self.answers.keys() != asked.keys():
            raise ValueError(f"answers to {', '.join(self.answers) or 'nothing'}: expected {', '.join(asked)}")
        return self


@dataclass(frozen=True)
class Score:
    """The answers of the raters of one recipe to one question."""

    recipe: str
    with_hints: bool
    question: str
    ratings: int
    mean: float


def store_rating(lake: Lake, rating: Rating) -> None:
    """Adds one rating; it is there whole or not at all."""
    row = rating.model_dump(mode="json")
    lake.write_json(lake.ratings / f"{rating.time:%Y%m%dT%H%M%S.%f}-{digest_of(row)[:12]}.json", row)


def read_ratings(lake: Lake) -> list[Rating]:
    """Every rating, the oldest first. Raises ValueError that names a file which is no rating."""
    ratings = []
    for path in lake.ratings.glob("*.json") if lake.ratings.exists() else ():
        try:
            ratings.append(Rating.model_validate_json(path.read_bytes()))
        except ValueError as error:
            raise ValueError(f"{path}: no rating ({error}); remove it") from error
    return sorted(ratings, key=lambda rating: rating.time)


def scores(ratings: Iterable[Rating]) -> list[Score]:
    """Mean points per recipe and question, with and without hints apart, as in the paper's Table 1."""
    points: dict[tuple[str, bool], dict[str, list[int]]] = {}
    for rating in ratings:
        of_recipe = points.setdefault((rating.recipe, rating.hints is not None), {})
        for question, given in rating.answers.items():
            of_recipe.setdefault(question, []).append(given)
    return [
        Score(recipe, with_hints, question, len(given[question]), sum(given[question]) / len(given[question]))
        for (recipe, with_hints), given in sorted(points.items())
        for question in questions_for(with_hints=with_hints)
    ]
