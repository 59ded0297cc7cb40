"""The raters who do not count, and why: limits that are stated before the scores are known.

Only the behaviour of a rater matters, never their agreement with others: leaving out raters who disagree would make
agreement. Reads the table of `StudyStore.answers`.
"""

from collections.abc import Hashable
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field

from pipelines.studies.plan import GRAY, TRUTH
from pipelines.studies.questions import MAIN_QUESTION, RIGHT


class ExclusionParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the exclusion of raters. Each limit that is passed is a reason."""

    failed_golds: int = Field(
        default=1, ge=1, description="So many golds failed: the gray copy was no worse than the truth."
    )
    failed_share: float = Field(
        default=0.6, ge=0, le=1, description="More than this share of golds and repeats failed, of at least four."
    )
    constant_share: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="At least this share of answers are one value (or one side), of at least ten.",
    )
    min_seconds: float = Field(
        default=1.0, ge=0, description="Half of the trials, of at least ten, took less than this."
    )
    repeat_tolerance: int = Field(
        default=1, ge=0, description="Points by which the answer to a repeat may differ; of two pictures, none."
    )


MIN_CHECKS, MIN_ANSWERS = 4, 10
"""With fewer answers a share means nothing: a rater who left after three pictures may have liked all three."""

CHECK_COLUMNS = (
    "rater", "answers", "golds", "failed_golds", "repeats", "failed_repeats", "constant_share", "median_seconds",
    "reason",
)  # fmt: skip


def check_raters(answers: pd.DataFrame, params: ExclusionParams) -> pd.DataFrame:
    """One row a rater, with CHECK_COLUMNS, in order of appearance; `reason` is empty where the rater counts.

    `answers` counts trials, checks among them; checks that were not answered are neither passed nor failed.
    """
    main = answers[answers["question"] == MAIN_QUESTION]
    of_raters = main.groupby("rater", sort=False)
    golds, repeats = (found.groupby("rater")["is_passed"] for found in (_golds(main), _repeats(main, params)))
    values = answers.groupby(["rater", "value"]).size().groupby("rater")
    table = pd.DataFrame(
        {
            "answers": of_raters.size(),
            "golds": golds.size(),
            "failed_golds": golds.size() - golds.sum(),
            "repeats": repeats.size(),
            "failed_repeats": repeats.size() - repeats.sum(),
            "constant_share": values.max() / values.sum(),
            "median_seconds": of_raters["seconds"].median(),
        }
    ).reindex(of_raters.size().index)
    counts = ["golds", "failed_golds", "repeats", "failed_repeats"]
    table[counts] = table[counts].fillna(0).astype(int)
    table = table.reset_index()
    table["reason"] = [_reason(row, params) for row in table.to_dict("records")]
    return table[list(CHECK_COLUMNS)]


def counted(answers: pd.DataFrame, checks: pd.DataFrame) -> pd.DataFrame:
    """The answers that enter scores: of raters who count, without checks. `checks` is the table of `check_raters`."""
    counting = checks.loc[checks["reason"] == "", "rater"]
    return answers[(answers["purpose"] == "rated") & answers["rater"].isin(counting)]


def _reason(row: dict[Hashable, Any], params: ExclusionParams) -> str:
    """Every limit that is passed, in words."""
    checks, failed = row["golds"] + row["repeats"], row["failed_golds"] + row["failed_repeats"]
    reasons = []
    if row["failed_golds"] >= params.failed_golds:
        reasons.append(f"found the truth no better than gray in {row['failed_golds']} of {row['golds']}")
    if checks >= MIN_CHECKS and failed > params.failed_share * checks:
        reasons.append(f"failed {failed} of {checks} checks")
    if row["answers"] >= MIN_ANSWERS and row["constant_share"] >= params.constant_share:
        reasons.append(f"gave one answer {row['constant_share']:.0%} of the time")
    if row["answers"] >= MIN_ANSWERS and row["median_seconds"] < params.min_seconds:
        reasons.append(f"took less than {row['median_seconds']:.1f} s for half of the trials")
    return "; ".join(reasons)


def _golds(main: pd.DataFrame) -> pd.DataFrame:
    """The result of each answered gold: rater, and True where the truth scored above its gray copy."""
    golds = main[main["purpose"] == "gold"]
    if golds["right_method"].notna().any():
        chosen = golds["right_method"].where(golds["value"] == RIGHT, golds["method"])
        return golds.assign(is_passed=chosen == TRUTH)[["rater", "is_passed"]]
    truths, grays = (golds[golds["method"] == method] for method in (TRUTH, GRAY))
    both = truths.merge(grays, on=["rater", "picture"], suffixes=("", "_gray"))
    return both.assign(is_passed=both["value"] > both["value_gray"])[["rater", "is_passed"]]


def _repeats(main: pd.DataFrame, params: ExclusionParams) -> pd.DataFrame:
    """The result of each answered repeat: rater, and True where the answer was the same."""
    repeats, keys = main[main["purpose"] == "repeat"], ["rater", "picture", "method"]
    is_paired = main["right_method"].notna().any()
    if is_paired:  # left and right are exchanged
        repeats = repeats.rename(columns={"method": "right_method", "right_method": "method"})
        keys.append("right_method")
    both = repeats.merge(main[main["purpose"] == "rated"], on=keys, suffixes=("", "_first"), validate="one_to_one")
    difference = (both["value"] - both["value_first"]).abs()
    # With sides exchanged, the other answer is the same choice.
    return both.assign(is_passed=difference == 1 if is_paired else difference <= params.repeat_tolerance)
