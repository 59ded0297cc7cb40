"""From folders, or colorizers, to a planned study: what belongs together, what is chosen, and that no form tells."""

from hashlib import sha256

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.images.sheets import to_png
from pipelines.studies.plan import PlanParams
from pipelines.studies.prepare import ColoredPictures, FolderPictures, plan_study
from pipelines.studies.store import StudyStore
from studio.cli.app import app
from tests.pipelines.evaluation.conftest import Tint, freeze
from tests.untrained import install_untrained

PARAMS = PlanParams(kind="preference", pictures=4, golds=2, repeats=1)
COLORS = {"ours": (250, 10, 10), "base": (10, 250, 10), "truth": (10, 10, 250), "given": (200, 200, 200)}


def drawn(method: str, number: int, side: int = 20) -> np.ndarray:
    rgb = np.full((side, side + 4, 3), COLORS[method], np.uint8)
    rgb[:number, :5] = 0
    return rgb


@pytest.fixture
def folder(tmp_path):
    """Eight pictures by two methods, in PNG and JPEG, with truths."""
    for method in ("ours", "base", "truth"):
        (tmp_path / method).mkdir()
        for number in range(8):
            suffix = "jpg" if method == "base" else "png"
            rgb = cv2.cvtColor(drawn(method, number), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(tmp_path / method / f"cat__{number}.{suffix}"), rgb)
    (tmp_path / "base" / "notes.txt").write_text("no picture")
    return tmp_path


@pytest.fixture
def store():
    opened = StudyStore("sqlite://")
    yield opened
    opened.close()


def seen(store, study) -> list[dict]:
    """What one rater is shown, with what the answers say that it was."""
    shown = []
    while trial := store.next_trial(study, "ada"):
        store.answer(study, "ada", trial.position, {question.key: 1 for question in trial.questions})
        shown.append(trial)
    answers = store.answers(study).to_dict("records")
    return [{**row, "trial": trial} for row, trial in zip(answers, shown, strict=True)]


def test_a_folder_becomes_a_study(folder, store):
    study = plan_study(store, "spring", PARAMS, FolderPictures(folder))
    assert study.methods == {"base": "folder base", "ours": "folder ours"}
    rated: set[str] = set()
    golds: set[str] = set()
    for row in seen(store, study):
        for method, png in zip((row["method"], row["right_method"]), row["trial"].pictures, strict=True):
            assert png.startswith(b"\x89PNG")
            picture = decode_picture(png, name="shown")
            number = int(row["picture"].removeprefix("cat__"))
            if row["purpose"] == "gold":
                truth = drawn("truth", number)
                assert (picture == (truth if method == "truth" else gray_to_rgb(rgb_to_gray(truth)))).all()
            else:
                assert picture.shape == (20, 24, 3)
                assert np.abs(picture[-1, -1].astype(int) - COLORS[method]).max() < 8  # JPEG
        (golds if row["purpose"] == "gold" else rated).add(row["picture"])
        assert row["title"] == "cat"
        assert row["trial"].given is None
    assert (len(rated), len(golds)) == (4, 2)
    assert not rated & golds


def test_golds_fall_back_on_rated_pictures(folder, store):
    study = plan_study(store, "all", PARAMS.model_copy(update={"pictures": 8}), FolderPictures(folder))
    assert len(seen(store, study)) == 8 + 1 + 2


def test_what_was_given_is_seen_beside_every_trial(folder, store):
    (folder / "given").mkdir()
    for number in range(8):
        (folder / "given" / f"cat__{number}.png").write_bytes(to_png(drawn("given", number)))
    study = plan_study(store, "spring", PARAMS, FolderPictures(folder))
    for row in seen(store, study):
        assert row["trial"].given == to_png(drawn("given", int(row["picture"].removeprefix("cat__"))))
    (folder / "given" / "cat__0.png").unlink()
    with pytest.raises(ValueError, match="some pictures have one given beside them and some have not"):
        plan_study(store, "summer", PARAMS.model_copy(update={"pictures": 8}), FolderPictures(folder))


def test_the_table_says_titles_and_genres(folder, store):
    lines = ["picture,title,genre", *(f"cat__{n},title{n % 4},{('anime', 'other')[n < 6]}" for n in range(8))]
    (folder / "pictures.csv").write_text("\n".join(lines))
    study = plan_study(store, "spring", PARAMS.model_copy(update={"golds": 0}), FolderPictures(folder))
    genres = {row["picture"]: row["genre"] for row in seen(store, study)}
    assert sorted(genres.values()) == ["anime", "anime", "other", "other"]
    (folder / "pictures.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(ValueError, match=r"pictures\.csv: no line for cat__7 \(1 are missing\)"):
        plan_study(store, "x", PARAMS, FolderPictures(folder))
    (folder / "pictures.csv").write_text("name,title\n")
    with pytest.raises(ValueError, match="expected the columns picture,title,genre"):
        plan_study(store, "x", PARAMS, FolderPictures(folder))


def test_what_is_wrong_is_named(folder, store):
    def planned(source: FolderPictures, **changed) -> None:
        plan_study(store, "x", PARAMS.model_copy(update=changed), source)

    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        planned(FolderPictures(folder / "nowhere"))
    with pytest.raises(ValueError, match="no folder 'theirs'; there are: base, ours"):
        planned(FolderPictures(folder, ["theirs"]))
    with pytest.raises(ValueError, match="1 methods; a study needs one, and to compare two"):
        planned(FolderPictures(folder, ["ours"]))
    with pytest.raises(ValueError, match="8 pictures by every method, 9 wanted"):
        planned(FolderPictures(folder), pictures=9)
    (folder / "ours" / "cat__3.png").write_bytes(to_png(drawn("ours", 3, side=30)))
    with pytest.raises(ValueError, match="cat__3 is 24 x 20 by base, 34 x 30 by ours: a size would reveal the method"):
        planned(FolderPictures(folder), pictures=8)
    (folder / "ours" / "cat__3.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ValueError, match="has the same name; keep one"):
        planned(FolderPictures(folder))
    (folder / "ours" / "cat__3.jpg").unlink()
    for number in range(1, 8):
        (folder / "truth" / f"cat__{number}.png").unlink()
    with pytest.raises(ValueError, match="1 pictures have a truth to tell from gray, 2 wanted: add a folder 'truth'"):
        planned(FolderPictures(folder))
    assert store.studies() == []


def test_colorizers_colour_the_test_split(small_lake, store):
    training_set = freeze(small_lake)
    colorizers = {"reddish": Tint("reddish", (60, 0, 0)), "bluish": Tint("bluish", (0, 0, 60), "line")}
    pictures = ColoredPictures(colorizers, {"reddish": "a" * 64, "bluish": "b" * 64}, training_set)
    params = PlanParams(kind="mos", pictures=3, golds=1, repeats=1)
    study = plan_study(store, "spring", params, pictures)
    assert study.methods["reddish"] == f"checkpoint {'a' * 64}"
    pairs = training_set.pairs("test", "gray", 64)
    for row in seen(store, study):
        (png,) = row["trial"].pictures
        picture, place = decode_picture(png, name="shown"), pairs.panel_ids.index(row["picture"])
        assert picture.shape == (64, 64, 3)
        assert row["title"] == pairs.titles[place]
        if row["method"] == "reddish":
            assert (picture == colorizers["reddish"].colorize(pairs.variant[place, 0])).all()
        if row["method"] == "bluish":
            lines = training_set.pairs("test", "line", 64).variant[place, 0]
            assert (picture == colorizers["bluish"].colorize(lines)).all()
        if row["method"] == "truth":
            assert (picture == pairs.color[place]).all()


def test_trained_recipes_by_the_command(small_lake, tmp_path, monkeypatch):
    freeze(small_lake)
    checkpoint = install_untrained(tmp_path, "webtoon_l2")
    monkeypatch.setenv("TINTOON_HOME", str(tmp_path))
    asked = "study plan spring --kind mos --recipe webtoon_l2 --count 3 --golds 2 --repeats 1"
    result = CliRunner().invoke(app, asked.split())
    assert result.exit_code == 0, result.output
    opened = StudyStore(f"sqlite:///{tmp_path / 'studies.db'}")
    study = opened.study("spring")
    assert study.methods == {"webtoon_l2": f"checkpoint {sha256(checkpoint.read_bytes()).hexdigest()}"}
    assert len(seen(opened, study)) == 3 + 1 + 4
    opened.close()
