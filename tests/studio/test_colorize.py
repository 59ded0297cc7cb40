"""`tintoon colorize`: files and folders in, as many out, nothing overwritten, a clear line where it cannot."""

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from assets.tracked_training import TrainedColorizerRecord
from models.build import build_generator
from models.checkpoint import Checkpoint, save_checkpoint
from pipelines.recipes import RECIPES
from studio.cli import main

RECIPE = "webtoon_l2"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An installation with one trained recipe, whose untrained network has strong colours."""
    home = tmp_path / "home"
    monkeypatch.setenv("TINTOON_HOME", str(home))
    torch.manual_seed(0)
    recipe = RECIPES[RECIPE].sized(resolution=32, width=8)
    network = build_generator(recipe.objective.generator)
    network.decoder[-1].weight.data *= 20  # pyright: ignore[reportIndexIssue, reportAttributeAccessIssue]
    folder = home / "lake" / "colorizers" / RECIPE
    folder.mkdir(parents=True)
    path = folder / "k.safetensors"
    save_checkpoint(
        path,
        Checkpoint(
            weights=network.state_dict(),
            network=recipe.objective.generator,
            recipe=recipe.to_json(),
            fingerprint="f",
            code_version="c",
            seed=0,
            step=1,
            resolution=32,
        ),
    )
    record = TrainedColorizerRecord(
        recipe=RECIPE,
        key="k",
        checkpoint=path.name,
        checkpoint_sha256=sha256(path.read_bytes()).hexdigest(),
        training_set="f",
        mlflow_run_id="r",
        best_step=1,
        best_validation=1.0,
        seconds=1.0,
        pictures_seen=1,
        seed=0,
    )
    (folder / "current.json").write_text(json.dumps(vars(record)))
    return home


@pytest.fixture
def colorize(home, monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    """The command: (exit code, stdout, stderr)."""

    def call(*arguments: object, by: str = RECIPE) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tintoon", "colorize", *map(str, arguments), "--colorizer", by])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def drawn(path: Path, height: int = 71, width: int = 53) -> Path:
    """A gray drawing with white lettering ground and black strokes."""
    picture = np.random.default_rng(height).integers(60, 200, (height, width)).astype(np.uint8)
    picture[: height // 3] = 255
    picture[height // 4, ::3] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def refused(said: tuple[int, str, str], *parts: str) -> None:
    code, out, err = said
    assert code == 1
    assert out == ""
    assert len(err.splitlines()) == 1, err
    for part in parts:
        assert part in err


def test_a_picture_keeps_its_size_and_its_lightness_and_gets_colour(colorize, tmp_path):
    source, target = drawn(tmp_path / "page.png"), tmp_path / "new" / "colored[b].png"
    code, out, err = colorize(source, target)
    assert (code, out.split("\n")[0], err) == (0, str(target), "")
    colored, gray = cv2.imread(str(target)), cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
    assert colored is not None
    assert gray is not None
    assert colored.shape == (71, 53, 3)
    assert np.abs(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY).astype(int) - gray).max() <= 2
    assert np.ptp(colored.astype(int), axis=2).mean() > 2
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_folder_comes_out_in_natural_order_whatever_its_formats(colorize, tmp_path):
    for name in ("page10.jpg", "page9.png", "page2.webp", "same.jpg", "same.png"):
        drawn(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    code, out, _ = colorize(tmp_path / "in", tmp_path / "out")
    assert code == 0
    names = ["page2.png", "page9.png", "page10.png", "same.jpg.png", "same.png.png"]
    assert [Path(line).name for line in out.splitlines()] == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)


def test_into_a_folder_that_is_there(colorize, tmp_path):
    (tmp_path / "out").mkdir()
    assert colorize(drawn(tmp_path / "page.jpg"), tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "page.png").exists()


def test_nothing_is_overwritten_by_itself(colorize, tmp_path):
    page = drawn(tmp_path / "in" / "page.png")
    before = page.read_bytes()
    refused(colorize(page, page), "page.png", "same file")
    refused(colorize(page, page.parent), "page.png", "same file")
    refused(colorize(page.parent, page.parent), "same folder")
    assert page.read_bytes() == before


def test_bad_files(colorize, tmp_path):
    page = drawn(tmp_path / "page.png")
    refused(colorize(tmp_path / "none.png", tmp_path / "o.png"), "none.png", "no such file")
    refused(colorize(page, tmp_path / "o.gif"), "o.gif", ".png")
    (tmp_path / "empty").mkdir()
    refused(colorize(tmp_path / "empty", tmp_path / "o"), "empty", "no pictures")
    drawn(tmp_path / "in" / "a.png")
    refused(colorize(tmp_path / "in", page), "page.png", "is a file")
    (tmp_path / "text.png").write_text("not a picture")
    refused(colorize(tmp_path / "text.png", tmp_path / "o.png"), "text.png", "no known format")
    assert not (tmp_path / "o.png").exists()


def test_colorizers_that_are_not_there(colorize, tmp_path):
    page = drawn(tmp_path / "page.png")
    refused(colorize(page, tmp_path / "o.png", by="nobody"), "'nobody'", "champion", RECIPE)
    refused(colorize(page, tmp_path / "o.png", by="frames_gan_gray"), "frames_gan_gray", "tintoon run colorizer")


def test_a_broken_checkpoint_is_named(colorize, home, tmp_path):
    path = home / "lake" / "colorizers" / RECIPE / "k.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    refused(colorize(drawn(tmp_path / "page.png"), tmp_path / "o.png"), "k.safetensors")


def test_there_is_no_champion_before_one_was_crowned(colorize, tmp_path):
    code, out, err = colorize(drawn(tmp_path / "page.png"), tmp_path / "o.png", by="champion")
    assert (code, out) == (1, "")
    assert "there is no champion yet" in err.splitlines()[-1]
    assert "Traceback" not in err
