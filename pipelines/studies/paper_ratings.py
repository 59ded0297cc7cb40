"""Ratings of recipes as the papers' tables take them: answers of rating studies, and ratings of the page.

    mos                studies of the kind `mos`
    unhinted, hinted   studies of the kind `questions`, and the page; paper 004's questions

Studies count without checks and without excluded raters (`exclusions`). Raters of two studies are different raters,
whatever their codes: a rater is paired with themself over pictures that they saw in one study. On the page raters know
what they rate, and those without a name count as one. Pictures snapped to segments are not a colorizer's, and left out.
"""

from collections.abc import Iterator

import pandas as pd

from pipelines.comparison.reproduction import RATING_COLUMNS
from pipelines.lake import Lake
from pipelines.studies.database import was_made
from pipelines.studies.exclusions import ExclusionParams, check_raters, counted
from pipelines.studies.ratings import read_ratings
from pipelines.studies.store import open_studies
from pipelines.studies.study import Study

Row = tuple[str, str, str, str, str, int]


def paper_ratings(lake: Lake, studies: str) -> pd.DataFrame | None:
    """One row an answer, with RATING_COLUMNS, sorted; None where there are no ratings.

    studies: The URL of the studies' database. A file of SQLite that is not there holds none, and is not made.
    Raises RuntimeError for a database that cannot be reached, ValueError for a file that is no rating.
    """
    rows = sorted([*_of_studies(studies), *_of_page(lake)])
    return pd.DataFrame(rows, columns=list(RATING_COLUMNS)) if rows else None


def _of_studies(url: str) -> Iterator[Row]:
    if not was_made(url):
        return
    with open_studies(url) as store:
        for study in store.studies():
            answers = store.answers(study)
            if study.params.kind == "preference" or answers.empty:
                continue
            for row in counted(answers, check_raters(answers, ExclusionParams())).to_dict("records"):
                rater = f"study {study.name}: {row['rater']}"
                yield _asked(study), row["question"], row["method"], rater, row["picture"], row["value"]


def _asked(study: Study) -> str:
    if study.params.kind == "mos":
        return "mos"
    return "hinted" if study.params.with_hints else "unhinted"


def _of_page(lake: Lake) -> Iterator[Row]:
    for rating in read_ratings(lake):
        if rating.snapped:
            continue
        asked = "unhinted" if rating.hints is None else "hinted"
        for question, points in rating.answers.items():
            yield asked, question, rating.recipe, f"page: {rating.rater}", rating.picture_sha256, points
