"""`tintoon ratings`."""

from datetime import UTC, datetime, timedelta

from pipelines.lake import Lake
from pipelines.studies.ratings import Rating, store_rating
from tests.installation import Installation

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_the_command_prints_them(tmp_path):
    installation = Installation(tmp_path)
    assert installation.json("ratings") == []
    nothing = installation.try_to("ratings")
    assert nothing.returncode == 1
    assert "no ratings yet" in nothing.stderr
    assert "tintoon page" in nothing.stderr
    lake = Lake.at(tmp_path / "lake")
    for minute, overall in enumerate((5, 4, 4)):
        rating = Rating(
            time=NOON + timedelta(minutes=minute),
            recipe="sketch_hint",
            checkpoint_sha256="c" * 64,
            picture_sha256="p" * 64,
            hints=None,
            snapped=False,
            answers={"overflow": 1, "overall": overall},
            rater="Ada",
        )
        store_rating(lake, rating)
    assert installation.json("ratings")[1] == {
        "recipe": "sketch_hint",
        "with_hints": False,
        "question": "overall",
        "ratings": 3,
        "mean": 13 / 3,
    }
    table = installation.run("ratings")
    assert "How does it look overall?" in table
    assert "4.33" in table
    assert installation.half_written() == {}
