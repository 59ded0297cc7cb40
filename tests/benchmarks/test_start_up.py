"""The benchmark of start-up: its steps are those of Dagster, and its checks see another picture."""

import pytest

from benchmarks.start_up import _check_colors, _small_page, step_rows
from pipelines.images.sheets import to_png


def test_a_step_of_ours_runs_beside_a_bare_one(tmp_path):
    in_memory, in_sqlite = step_rows(tmp_path / "steps", steps=1)
    assert in_memory.ratio > 0
    assert in_sqlite.facts["rounds"] == 1


def test_a_command_that_gives_another_picture_is_noticed(tmp_path):
    page, colored = tmp_path / "page.png", tmp_path / "colored.png"
    page.write_bytes(to_png(_small_page()))
    colored.write_bytes(b"another picture")
    with pytest.raises(AssertionError, match="tintoon colorize default"):
        _check_colors(page, colored, "default")
