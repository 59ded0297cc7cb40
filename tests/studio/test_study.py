"""`tintoon study`: a whole study from a terminal, in the default database and in one that is named."""

import json
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import pytest

from pipelines.images.decode import decode_picture
from tests.installation import Installation

METHODS = ("base", "ours")


@pytest.fixture
def tintoon(tmp_path) -> Callable[..., tuple[int, str, str]]:
    """The command: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        done = Installation(tmp_path / "home").try_to("study", *map(str, arguments))
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def pictures(tmp_path):
    for brightness, method in enumerate((*METHODS, "truth"), 1):
        (tmp_path / "pictures" / method).mkdir(parents=True)
        for number in range(6):
            rgb = np.full((16, 16, 3), 60 * brightness, np.uint8)
            rgb[number, :, 0] = 255
            cv2.imwrite(str(tmp_path / "pictures" / method / f"cat__{number}.png"), rgb)
    return tmp_path / "pictures"


def rate_by_brightness(tintoon, folder, rater: str) -> int:
    """Takes the brighter one, trial by trial, until there is none; how many."""
    trials = 0
    while True:
        code, out, err = tintoon("next", "spring", "--rater", rater, "--folder", folder, "--json")
        assert code == 0, err
        trial = json.loads(out)
        if trial is None:
            return trials
        trials += 1
        files = {side: (folder / f"trial-{trials:03d}-{side}.png") for side in ("left", "right")}
        assert trial["files"] == {side: str(file) for side, file in files.items()}
        left, right = (decode_picture(files[side].read_bytes(), name=side)[-1, -1, 2] for side in ("left", "right"))
        code, _, err = tintoon("answer", "spring", trial["trial"], f"overall={int(right > left)}", "--rater", rater)
        assert code == 0, err


def test_a_study_from_plan_to_export(tintoon, pictures, tmp_path):
    asked = ("--kind", "preference", "--pictures", pictures, "--count", 3, "--golds", 0, "--repeats", 1)
    code, out, _ = tintoon("plan", "spring", *asked)
    assert code == 0
    assert "spring: 3 pictures by base, ours" in out
    assert (tmp_path / "home" / "studies.db").exists()
    for rater in ("ada", "bob"):
        assert rate_by_brightness(tintoon, tmp_path / "look", rater) == 4
    assert "bob has answered everything" in tintoon("next", "spring", "--rater", "bob")[1]
    (listed,) = json.loads(tintoon("list", "--json")[1])
    assert listed["raters"] == [{"rater": name, "answered": 4, "trials": 4} for name in ("ada", "bob")]
    code, out, err = tintoon("analyse", "spring", "--folder", tmp_path / "found", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [(row["method"], row["mean"]) for row in found["scores"]] == [("ours", 1), ("base", 0)]
    assert found["strengths"][0]["score"] > 0
    assert all(row["reason"] == "" for row in found["raters"])
    kept = json.loads((tmp_path / "found" / "analysis.json").read_text())
    assert {name: kept[name] for name in found} == found
    assert kept["plan"]["kind"] == "preference"
    assert kept["exclusion_rule"]["failed_golds"] == 1
    assert decode_picture((tmp_path / "found" / "heat_map.png").read_bytes(), name="heat map").ndim == 3
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "analysis.json",
        "heat_map.png",
        *(f"{table}.csv" for table in ("scores", "strengths", "comparisons", "agreement", "raters")),
    }
    printed = tintoon("analyse", "spring")[1]
    assert "2 raters, 2 of them count" in printed
    assert "Bradley-Terry" in printed
    for name in ("answers.csv", "answers.parquet"):
        assert "8 answers" in tintoon("export", "spring", tmp_path / name)[1].replace("\n", "")
    exported = pd.read_parquet(tmp_path / "answers.parquet")
    assert exported["rater"].tolist() == ["ada"] * 4 + ["bob"] * 4
    read = pd.read_csv(tmp_path / "answers.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(exported, read, check_dtype=False, rtol=1e-9)


def test_the_database_can_be_another(tintoon, pictures, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    asked = ("--kind", "mos", "--pictures", pictures, "--method", "ours", "--count", 3, "--repeats", 1)
    assert tintoon("plan", "spring", *asked, "--golds", 1, "--database", url)[0] == 0
    assert not (tmp_path / "home").exists()
    code, out, _ = tintoon("next", "spring", "--rater", "ada", "--folder", tmp_path, "--database", url)
    assert code == 0
    assert "Trial 1 of 6" in out
    assert "tintoon study answer spring 1 overall=... --rater ada" in out
    monkeypatch.setenv("TINTOON_STUDIES", url)
    assert "spring" in tintoon("list")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("next", "spring", "--rater", "ada"), "no study 'spring'; none is planned yet (tintoon study plan)"),
        (("plan", "spring", "--kind", "mos"), "name a folder (--pictures) or trained recipes (--recipe)"),
        (("plan", "spring", "--kind", "mos", "--recipe", "webtoon_l2"), "webtoon_l2 has not been trained yet"),
        (("answer", "spring", "1", "four", "--rater", "ada"), "'four': expected question=number"),
        (("export", "spring", "answers.xls"), "expected a name that ends in .parquet or .csv"),
        (("list", "--database", "nowhere"), "no URL; expected e.g. postgresql+psycopg://user@host/base"),
        (("list", "--database", "sqlite:////no/such/folder/a.db"), "unable to open database file"),
        (("list", "--database", "nobase://a:secret@b/c"), "nobase://a:***@b/c"),
    ],
)
def test_errors_are_one_clear_line(tintoon, tmp_path, arguments, message):
    code, out, err = tintoon(*arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert "secret" not in err
    assert len(err.splitlines()) == 1
