"""An episode inserted in the middle renumbers the others: the terminal says what each holds, and no split changes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.lake import Lake
from tests.installation import Installation
from tests.pipelines.copies.pictures import detailed_panel

STAGES = ("issue_pages", "panels", "unique_panels", "issue_splits")


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    (tmp_path / "titles.yaml").write_text(
        "titles:\n  saga:\n    source: folder\n    address: saga\n    licence: CC0-1.0\n    attribution: A tester\n"
        "    panels: {layout: whole}\n"
    )
    for number in range(1, 4):
        put(tmp_path / "saga" / f"ep{number}", 100 * number)
    return Installation.with_stores(tmp_path / "home", {"TINTOON_TITLES": str(tmp_path / "titles.yaml")})


def put(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    for number in (1, 2):
        Image.fromarray(np.asarray(detailed_panel(seed + number, 240, 260))).save(folder / f"{number:03}.png")


def run(here: Installation) -> tuple[str, dict[str, str]]:
    synced = here.try_to("sync")
    assert synced.returncode == 0, synced.stderr
    done = here.try_to("run", *STAGES)
    assert done.returncode == 0, done.stderr
    lake = Lake.at(here.home / "lake")
    return done.stderr, {row["issue"]: row["split"] for row in lake.read_table(lake.issue_splits).to_pylist()}


def test_an_inserted_episode_is_said_and_changes_no_split(here, tmp_path):
    _, before = run(here)
    assert {*before.values()} == {"train", "val", "test"}
    saga = tmp_path / "saga"
    for number in (3, 2):
        (saga / f"ep{number}").rename(saga / f"ep{number + 1}")
    put(saga / "ep2", 900)
    said, after = run(here)
    assert {"ep1": before["ep1"], **{f"ep{n + 1}": before[f"ep{n}"] for n in (2, 3)}} == {
        issue: split for issue, split in after.items() if issue != "ep2"
    }
    for number in (3, 4):
        was = f"ep{number - 1}"
        assert f"issue_splits: saga__ep{number} holds what was saga__{was}: keeps {before[was]}" in said
