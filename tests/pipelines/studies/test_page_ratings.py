"""Ratings: whole or not at all, only what was asked, and means as Table 1 of paper 004 has them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.colorize.hints import Hint, Point, Stroke
from pipelines.lake import Lake
from pipelines.studies.ratings import Rating, read_ratings, scores, store_rating

HINT = Hint((Point(0.25, 0.5, (255, 0, 10)),), (Stroke(((0.1, 0.2), (1, 0)), (1, 2, 3), 0.05),))
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def rating(answers: dict[str, Any], *, recipe: str = "sketch_hint", minute: int = 0, **changed: Any) -> Rating:
    hints = HINT if len(answers) == 4 else None
    known = {
        "checkpoint_sha256": "c" * 64,
        "picture_sha256": "p" * 64,
        "snapped": False,
        "rater": "Ada",
        "hints": hints,
    }
    return Rating(time=NOON + timedelta(minutes=minute), recipe=recipe, answers=answers, **{**known, **changed})


def hinted(*points: int) -> dict[str, int]:
    return dict(zip(("same_color", "overflow", "overall", "unhinted_places"), points, strict=True))


def plain(overflow: int, overall: int) -> dict[str, int]:
    return {"overflow": overflow, "overall": overall}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path)


def test_what_is_stored_is_read_the_oldest_first(lake):
    given = [rating(hinted(5, 4, 3, 0), minute=2), rating(plain(1, 2), minute=1), rating(plain(1, 2), minute=1)]
    for one in given:
        store_rating(lake, one)
    found = read_ratings(lake)
    assert found == [given[1], given[0]]  # the same row at the same microsecond is the same rating
    assert found[1].hints == HINT


def test_rows_say_what_was_rated(lake):
    store_rating(lake, rating(hinted(5, 4, 3, 0), snapped=True))
    (path,) = lake.ratings.iterdir()
    row = json.loads(path.read_text())
    assert row == {
        "time": "2026-03-04T12:00:00Z",
        "recipe": "sketch_hint",
        "checkpoint_sha256": "c" * 64,
        "picture_sha256": "p" * 64,
        "hints": json.loads(HINT.to_json()),
        "snapped": True,
        "answers": {"same_color": 5, "overflow": 4, "overall": 3, "unhinted_places": 0},
        "rater": "Ada",
    }


def test_the_first_and_the_last_question_are_about_hints():
    with pytest.raises(ValidationError, match="expected overflow, overall"):
        rating(hinted(1, 2, 3, 4), hints=None)
    with pytest.raises(ValidationError, match="expected same_color, overflow, overall, unhinted_places"):
        rating(plain(1, 2), hints=HINT)
    with pytest.raises(ValidationError, match="nothing"):
        rating({})


@pytest.mark.parametrize("points", [-1, 6, 2.5, "3", True, None])
def test_points_are_whole_numbers_from_0_to_5(points):
    with pytest.raises(ValidationError, match="overall"):
        rating({"overflow": 3, "overall": points})


def test_a_name_is_no_novel():
    with pytest.raises(ValidationError, match="rater"):
        rating(plain(1, 2), rater="x" * 101)


def test_a_half_written_rating_is_never_seen(lake):
    store_rating(lake, rating(plain(1, 2)))
    (lake.ratings / ".x.json.1234.part").write_bytes(b'{"time": ')
    assert len(read_ratings(lake)) == 1


def test_a_file_that_is_no_rating_is_named(lake):
    lake.write_json(lake.ratings / "stray.json", {"time": "now"})
    with pytest.raises(ValueError, match=r"stray\.json: no rating"):
        read_ratings(lake)


def test_means_and_counts_keep_hints_and_recipes_apart():
    given = [
        rating(hinted(5, 4, 3, 0)),
        rating(hinted(2, 4, 4, 1)),
        rating(plain(1, 5)),
        rating(plain(0, 2), recipe="ajou_cgan"),
    ]
    found = [(score.recipe, score.with_hints, score.question, score.ratings, score.mean) for score in scores(given)]
    assert found == [
        ("ajou_cgan", False, "overflow", 1, 0),
        ("ajou_cgan", False, "overall", 1, 2),
        ("sketch_hint", False, "overflow", 1, 1),
        ("sketch_hint", False, "overall", 1, 5),
        ("sketch_hint", True, "same_color", 2, 3.5),
        ("sketch_hint", True, "overflow", 2, 4),
        ("sketch_hint", True, "overall", 2, 3.5),
        ("sketch_hint", True, "unhinted_places", 2, 0.5),
    ]
