"""Weak titles, issues and styles: those that were made weak are named, and chance is not."""

import numpy as np
import pandas as pd
import pytest

from pipelines.comparison.weak_spots import weak_spots


def rows_of(
    seed: int = 0, *, titles: int = 6, worse: dict[str, float] | None = None, between: float = 0.0
) -> pd.DataFrame:
    """Of each title, two issues of ten pictures in two styles; pictures differ by `between` (standard deviation)."""
    random = np.random.default_rng(seed)
    pictures = between * np.random.default_rng([seed, 1]).normal(size=(titles, 2, 10))
    rows = [
        {
            "title": f"t{title}",
            "issue": str(issue),
            "style": style,
            "panel_id": f"t{title}__{issue}__{picture}",
            "ciede2000": random.normal(20, 3)
            + pictures[title, issue, picture]
            + (worse or {}).get(f"t{title}", 0)
            + (worse or {}).get(style, 0),
        }
        for title in range(titles)
        for issue in range(2)
        for picture in range(10)
        for style in ("canny", "xdog_0.4")
    ]
    return pd.DataFrame(rows)


def test_a_weak_title_is_named():
    found = weak_spots(rows_of(worse={"t3": 5.0}), resamples=1000)
    assert found.loc[found["is_weak"], "title"].tolist() == ["t3"]
    worst = found.iloc[0]
    assert (worst["title"], worst["pictures"]) == ("t3", 20)
    assert worst["difference"] == pytest.approx(5 * 5 / 6, abs=1)
    assert worst["low"] < worst["difference"] < worst["high"]


def test_where_more_is_better_less_is_weak():
    rows = rows_of(worse={"t3": 5.0}).rename(columns={"ciede2000": "psnr"})
    found = weak_spots(rows, "psnr", resamples=1000)
    assert not found.set_index("title").loc["t3", "is_weak"]
    assert found.iloc[-1]["title"] == "t3"


def test_chance_is_seldom_named():
    named = [weak_spots(rows_of(seed), resamples=300)["is_weak"].any() for seed in range(40)]
    assert np.mean(named) <= 0.12  # 0.05 +- 2 standard errors


def test_a_picture_is_held_against_itself_in_other_styles():
    rows = rows_of(worse={"canny": 3.0}, between=15.0)
    found = weak_spots(rows, by=["style"], resamples=1000)
    assert found["style"].tolist() == ["canny", "xdog_0.4"]
    assert found["is_weak"].tolist() == [True, False]  # though pictures differ five times as much
    assert found["difference"].tolist() == pytest.approx([1.5, -1.5], abs=0.5)
    assert found["high"][0] - found["low"][0] < 1.2  # unpaired it would be above 5
    # A picture that only one style has adds a difference of 0.
    fewer = rows.drop(index=rows.index[(rows["style"] == "canny") & (rows["panel_id"] == "t0__0__0")])
    assert weak_spots(fewer, by=["style"], resamples=100)["pictures"].tolist() == [119, 120]
    named = [weak_spots(rows_of(seed, between=15), by=["style"], resamples=300)["is_weak"].any() for seed in range(40)]
    assert np.mean(named) <= 0.12  # 0.05 +- 2 standard errors


def test_groups_of_issues_and_styles():
    found = weak_spots(rows_of(worse={"canny": 4.0}), by=["style"], resamples=1000)
    assert found["style"].tolist() == ["canny", "xdog_0.4"]
    assert found["is_weak"].tolist() == [True, False]
    found = weak_spots(rows_of(worse={"t1": 6.0}), by=["title", "issue"], resamples=1000)
    assert len(found) == 12
    assert set(found.loc[found["is_weak"], "title"]) == {"t1"}


def test_of_few_pictures_nothing_is_claimed():
    rows = rows_of(worse={"t3": 50.0})
    rows = rows[(rows["title"] != "t3") | rows["panel_id"].str.endswith(("1", "2"))]
    rows = rows[(rows["title"] != "t3") | (rows["issue"] == "0")]
    found = weak_spots(rows, resamples=400).iloc[0]
    assert (found["title"], found["pictures"], found["is_weak"]) == ("t3", 2, False)
    assert np.isnan(found["p_value"])
