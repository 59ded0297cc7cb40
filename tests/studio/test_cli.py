"""`tintoon` as a person or a program calls it: exact JSON on stdout, and bad input as one clear line on stderr."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
import typer
import yaml
from PIL import Image

from assets.definitions import defs
from assets.settings import PARAMS_OF, load_settings
from assets.stages import STAGES
from models.recipes import RECIPES
from pipelines.issue_pages.sources.registry import SOURCES
from studio.cli.app import app
from tests.installation import PROJECT, QUICK, Installation

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Completed:
    code: int
    out: str
    err: str


def call(installation: Installation, *arguments: object) -> Completed:
    done = installation.try_to(*map(str, arguments))
    return Completed(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tintoon(tmp_path) -> Callable[..., Completed]:
    """The command over an installation where nothing has happened yet."""
    return partial(call, Installation(tmp_path / "home"))


def picture(
    height: int, width: int, boxes: list[list[int]], colour: tuple[int, int, int] = (200, 90, 40)
) -> np.ndarray:
    """A white page with textured panels, black-framed, uint8 RGB."""
    page = np.full((height, width, 3), WHITE, np.uint8)
    random = np.random.default_rng(7)
    for x, y, w, h in boxes:
        page[y : y + h, x : x + w] = 0
        texture = random.integers(-30, 30, (h - 6, w - 6, 1))
        page[y + 3 : y + h - 3, x + 3 : x + w - 3] = np.clip(np.array(colour) + texture, 0, 255)
    return page


def saved(path: Path, rgb: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def complaint(result: Completed, *parts: str) -> str:
    """The one line of a failed command; every part must be in it."""
    assert result.code != 0
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("tintoon: ")
    for part in parts:
        assert part in result.err
    return result.err


# What programs read


def test_cut_gives_the_boxes_of_a_page_as_cut_in_reading_order(tintoon, tmp_path):
    # The second is below the size filter's 200 px: boxes come as cut.
    boxes = [[30, 30, 300, 220], [350, 30, 120, 220], [30, 280, 440, 300]]
    page = saved(tmp_path / "page.png", picture(620, 500, boxes))
    result = tintoon("cut", page, "--json")
    assert result.code == 0
    assert json.loads(result.out) == {str(page): boxes}
    assert result.err == ""


def test_cut_numbers_panels_from_the_right_where_told(tintoon, tmp_path):
    boxes = [[350, 30, 120, 220], [30, 30, 300, 220], [30, 280, 440, 300]]
    page = saved(tmp_path / "page.png", picture(620, 500, boxes))
    assert json.loads(tintoon("cut", page, "--right-to-left", "--json").out) == {str(page): boxes}


def test_cut_says_which_explanation_of_the_page_won(tintoon, tmp_path):
    page = saved(
        tmp_path / "page.png", picture(620, 500, [[30, 30, 300, 220], [350, 30, 120, 220], [30, 280, 440, 300]])
    )
    said = " ".join(tintoon("cut", page).out.split())
    assert re.search(r"3 panels \(ground, score (1\.00|0\.[89]\d)\)", said), said
    assert "left out" not in said


def test_cut_says_what_it_left_out_beside_the_panels(tintoon, tmp_path):
    drawn = picture(620, 500, [[30, 60, 300, 190], [350, 60, 120, 190], [30, 280, 440, 300]])
    cv2.putText(drawn, "A TITLE", (40, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    page = saved(tmp_path / "page.png", drawn)
    said = " ".join(tintoon("cut", page).out.split())
    assert "3 panels" in said
    assert re.search(r"left out, no panels: 1: \[\d+, \d+, \d+, \d+\]", said), said
    assert len(json.loads(tintoon("cut", page, "--json").out)[str(page)]) == 3


def test_cut_takes_several_pages(tintoon, tmp_path):
    boxes = {"a.png": [[20, 20, 260, 200]], "b.jpg": [[20, 20, 260, 100], [20, 140, 260, 120]]}
    files = [saved(tmp_path / name, picture(280, 300, found)) for name, found in boxes.items()]
    found = json.loads(tintoon("cut", *files, "--json").out)
    assert list(found) == [str(file) for file in files]
    assert found[str(files[0])] == boxes["a.png"]
    assert np.abs(np.array(found[str(files[1])]) - boxes["b.jpg"]).max() <= 1  # JPEG blurs the edge


def test_a_strip_is_stitched_in_the_given_order(tintoon, tmp_path):
    boxes = [[40, 40, 320, 200], [60, 300, 280, 260], [40, 620, 320, 150]]
    strip = picture(820, 400, boxes)
    above, below = saved(tmp_path / "z.png", strip[:430]), saved(tmp_path / "a.png", strip[430:])
    assert json.loads(tintoon("cut", above, below, "--strip", "--json").out) == {"strip": boxes}
    assert json.loads(tintoon("cut", below, above, "--strip", "--json").out) != {"strip": boxes}
    assert len(json.loads(tintoon("cut", above, below, "--json").out)) == 2


def test_a_slice_that_is_given_twice_is_stitched_twice(tintoon, tmp_path):
    page = saved(tmp_path / "a.png", picture(300, 400, [[40, 40, 320, 200]]))
    found = json.loads(tintoon("cut", page, page, "--strip", "--json").out)
    assert found == {"strip": [[40, 40, 320, 200], [40, 340, 320, 200]]}


def test_hash_equals_imagehash(tintoon, tmp_path):
    files = [saved(tmp_path / f"{n}.png", picture(200, 300, [[20 * n + 5, 10, 90, 150]])) for n in range(3)]
    files.append(saved(tmp_path / "photo.jpg", picture(333, 222, [[0, 0, 222, 333]])))
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    result = tintoon("hash", *files, "--json")
    assert json.loads(result.out) == {str(file): str(imagehash.phash(Image.open(file))) for file in files}
    assert result.err == ""


def test_sources_and_recipes_are_lists_of_objects_with_a_name(tintoon):
    sources, recipes = (json.loads(tintoon(command, "--json").out) for command in ("sources", "recipes"))
    assert [source["name"] for source in sources] == list(SOURCES)
    assert all(source["takes"] for source in sources)
    colorizers = [recipe["name"] for recipe in recipes if recipe["asset"] == "colorizer"]
    assert colorizers == list(RECIPES)
    assert {"title_classifier", "line_detector", "draft"} == {recipe["asset"] for recipe in recipes} - {"colorizer"}
    assert {"paper", "input", "color_space", "resolution", "batch", "steps"} <= set(recipes[0])
    base = next(recipe for recipe in recipes if recipe["name"] == "webtoon_l2")
    assert (base["parameters"], base["gflop_per_image"]) == (54_409_858, pytest.approx(12.0, abs=0.1))


def test_json_is_all_of_stdout(tintoon, tmp_path):
    """What programs parse must stand alone, also where file names are not ASCII or look like markup."""
    page = saved(tmp_path / "쪽 [b] [red].png", picture(300, 300, [[20, 20, 260, 260]]))
    for command in ("cut", "hash"):
        result = tintoon(command, page, "--json")
        assert list(json.loads(result.out)) == [str(page)]
        assert len(result.out.splitlines()) == 1
        assert result.err == ""


@pytest.mark.parametrize("command", ["cut", "hash"])
def test_tables_for_people_keep_odd_names(tintoon, tmp_path, command):
    (tmp_path / "a[").mkdir()
    page = saved(tmp_path / "a[" / "b] [red].png", picture(300, 300, [[20, 20, 260, 260]]))
    result = tintoon(command, page)
    assert result.code == 0
    assert "a[/b][red].png" in "".join(result.out.split())  # wrapped at the terminal's width


# Bad input


@pytest.mark.parametrize("command", ["cut", "hash"])
def test_files_that_are_no_pictures(tintoon, tmp_path, command):
    missing = tmp_path / "a[" / "b] [red].png"
    complaint(tintoon(command, missing, "--json"), str(missing), "no such file")
    complaint(tintoon(command, tmp_path, "--json"), str(tmp_path), "folder")
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    line = complaint(tintoon(command, text, "--json"), str(text), "no whole picture", "replace")
    assert "object at 0x" not in line
    whole = saved(tmp_path / "whole.jpg", picture(300, 300, [[20, 20, 260, 260]])).read_bytes()
    half = tmp_path / "half.jpg"
    half.write_bytes(whole[: len(whole) // 2])
    complaint(tintoon(command, half, "--json"), str(half), "no whole picture")
    (tmp_path / "empty.png").write_bytes(b"")
    complaint(tintoon(command, tmp_path / "empty.png"), "empty.png", "0 bytes")


@pytest.mark.parametrize("command", ["cut", "hash"])
def test_bad_files_among_good_ones_are_named_and_the_others_go_on(tintoon, tmp_path, command):
    boxes = [[20, 20, 260, 260]]
    first, last = (saved(tmp_path / f"{name}.png", picture(300, 300, boxes)) for name in ("first", "last"))
    (tmp_path / "half.png").write_bytes(first.read_bytes()[:900])
    (tmp_path / "page.jxl").write_bytes(bytes.fromhex("0000000c4a584c200d0a870a") + bytes(50))
    result = tintoon(
        command, first, tmp_path / "half.png", tmp_path / "none.png", tmp_path / "page.jxl", last, "--json"
    )
    assert list(json.loads(result.out)) == [str(first), str(last)]
    assert result.code == 1
    named = result.err.splitlines()
    assert [line.partition(": ")[0] for line in named] == ["tintoon"] * 3
    for line, part in zip(named, ["no whole picture", "no such file", "JPEG XL"], strict=True):
        assert part in line


def test_a_strip_needs_all_its_slices(tintoon, tmp_path):
    page = saved(tmp_path / "page.png", picture(300, 300, [[20, 20, 260, 260]]))
    result = tintoon("cut", page, tmp_path / "none.png", "--strip", "--json")
    assert result.out == ""
    complaint(result, "none.png", "no such file")


def test_there_is_no_leaderboard_before_anything(tintoon):
    result = tintoon("leaderboard", "--json")
    complaint(result, "no leaderboard yet", "tintoon run all")
    assert result.out == ""


def test_unknown_commands_and_options(tintoon):
    for arguments in (["nothing"], ["cut"], ["cut", "x.png", "--nothing"], ["run"]):
        result = tintoon(*arguments)
        assert result.code == 2
        assert "Traceback" not in result.err
        assert "Usage: tintoon" in result.err


def test_an_unknown_stage(tintoon):
    complaint(tintoon("run", "panles"), "'panles'", "panels", "training_set")


CONFIGS = {
    "colorizer: {stepz: 3}": ["colorizer.stepz", "unknown key", "steps"],
    "colorizer: {steps: many}": ["colorizer.steps", "valid integer", "'many'"],
    "panels: {join_share: 2.0}": ["panels.join_share", "less than or equal to 0.2", "2.0"],
    "issue_pages: {spacing_s: -1}": ["issue_pages.spacing_s", "-1"],
    "issue_splits: {train_share: 0.5}": ["issue_splits", "add up to 1"],
    "colorizer: {1: 2}": ["colorizer.1"],
    "colourizer: {steps: 3}": ["'colourizer'", "colorizer"],
    "champion: {steps: 3}": ["champion.steps", "unknown key", "min_issues"],
    "gray: {steps: 3}": ["'gray'", "evaluation"],
    "colorizer: 3": ["colorizer", "expected settings"],
    "[colorizer]": ["expected settings by stage"],
    "colorizer": ["expected settings by stage"],
    "panels: {}\ncolorizer: [1": [":2: not valid YAML"],
    "colorizer: \x00": [":1: not valid YAML"],
}


@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.parametrize("text", CONFIGS)
def test_wrong_settings_are_named_by_stage_and_key_before_anything_runs(tintoon, tmp_path, text, command):
    config = tmp_path / "settings.yaml"
    config.write_text(text)
    complaint(
        tintoon(command, *(["colorizer"] if command == "run" else []), "--config", config), str(config), *CONFIGS[text]
    )
    assert not (tmp_path / "home").exists()


def test_settings_that_are_not_there(tintoon, tmp_path):
    complaint(tintoon("run", "panels", "--config", tmp_path / "none.yaml"), "none.yaml", "no such file")
    complaint(tintoon("run", "panels", "--config", tmp_path), str(tmp_path), "folder")
    (tmp_path / "latin.yaml").write_bytes("# caf\xe9".encode("latin-1"))
    complaint(tintoon("run", "panels", "--config", tmp_path / "latin.yaml"), "latin.yaml:1: no UTF-8 text")


def test_settings_are_those_of_the_launchpad(tmp_path):
    """Each asset's own configuration and what a settings file may say are the same fields."""
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        (op,) = graph.get(key).assets_def.node_def.iterate_op_defs()
        fields = getattr(op.config_schema.config_type, "fields", {})
        assert set(fields) == set(PARAMS_OF[STAGES[key.to_user_string()].settings_key].model_fields), key
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert load_settings(tmp_path / "empty.yaml") == {}
    for shipped in (QUICK, PROJECT / "demo" / "settings.yaml"):
        assert load_settings(shipped) == yaml.safe_load(shipped.read_text())


def test_nothing_is_registered_before_sync(tintoon):
    result = tintoon("run", "panels")
    complaint(result, "no issue is registered", "tintoon sync")
    assert result.out == ""


def title(**changes: object) -> dict[str, object]:
    return {"source": "folder", "address": "comics", "licence": "CC0-1.0", "attribution": "A tester", **changes}


@pytest.fixture(scope="module")
def registered(tmp_path_factory) -> Installation:
    """An installation that knows two issues of one title, and cannot list another."""
    folder = tmp_path_factory.mktemp("titles")
    for issue in ("ep1", "ep2"):
        (folder / "comics" / issue).mkdir(parents=True)
        saved(folder / "comics" / issue / "1.png", picture(620, 500, [[30, 30, 440, 300]]))
    titles = {"comics": title(), "lost": title(address="nowhere")}
    (folder / "titles.yaml").write_text(yaml.safe_dump({"titles": titles}))
    installation = Installation.with_stores(
        tmp_path_factory.mktemp("registered"), {"TINTOON_TITLES": str(folder / "titles.yaml")}
    )
    result = call(installation, "sync")
    complaint(result, "lost", "nowhere")  # the other title is registered all the same
    assert "2 free issues, 2 of them new" in result.out
    return installation


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "panels", "--issue", "comics__ep9"], ["'comics__ep9'", "comics__ep1", "tintoon sync"]),
        (["run", "panels", "--title", "comix"], ["'comix'", "comics", "titles.yaml"]),
        (["run", "colorizer", "--recipe", "webtoon_l3"], ["'webtoon_l3'", "webtoon_l2", "tintoon recipes"]),
        (["sync", "--title", "comix"], ["'comix'", "comics", "titles.yaml"]),
    ],
)
def test_unknown_issues_titles_and_recipes(registered, arguments, parts):
    complaint(call(registered, *arguments), *parts)


def test_a_stage_that_fails_is_named_with_its_reason(registered):
    result = call(registered, "run", "panels", "--issue", "comics__ep1")
    assert result.code == 1
    started, reason, done, last = result.err.splitlines()
    assert started == "panels: started, 1 partition"
    assert done.startswith("panels: done in ")
    assert reason.startswith("panels comics__ep1: ")
    assert "issue_pages" in reason
    assert "1 of 1 materializations failed" in last
    assert "Traceback" not in result.err


TITLES = {
    "titles:\n  comics: {source: folder, address: c, licence: CC0, attribution: x, licens: y}": [":2", "comics.licens"],
    "titles:\n  comics:\n    source: fodler\n    address: c\n    licence: x\n    attribution: y": [
        ":3",
        "comics.source",
    ],
    "titles:\n  comics: [": ["not valid YAML"],
    "comics: {}": [":1", "'comics'", "titles:"],
    "titles: \x00": [":1: not valid YAML"],
}


@pytest.mark.parametrize("text", TITLES)
def test_broken_titles_are_named_by_line_and_key(tintoon, monkeypatch, tmp_path, text):
    path = tmp_path / "titles.yaml"
    path.write_text(text)
    monkeypatch.setenv("TINTOON_TITLES", str(path))
    complaint(tintoon("sync"), str(path), *TITLES[text])


def test_no_titles_file(tintoon, monkeypatch, tmp_path):
    monkeypatch.setenv("TINTOON_TITLES", str(tmp_path / "none.yaml"))
    complaint(tintoon("sync"), "none.yaml", "no such file", "TINTOON_TITLES")


# Help


def test_every_command_explains_itself(tintoon):
    result = tintoon("--help")
    assert result.code == 0
    commands = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    assert {"sync", "run", "cut", "hash", "sources", "recipes", "leaderboard", "colorize", "demo", "up"} <= set(
        commands
    )
    for name, command in commands.items():
        first_sentence = command.help.split("\n\n")[0].split(":")[0]
        assert name in result.out
        shown = tintoon(name, "--help")
        assert shown.code == 0
        assert first_sentence[:30] in " ".join(shown.out.split())
        for parameter in command.params:
            assert parameter.name == "help" or getattr(parameter, "help", None), (name, parameter.name)


def test_no_command_shows_the_help(tintoon):
    result = tintoon()
    assert "Usage: tintoon" in result.out + result.err


def test_torchrun_does_not_start_it(tmp_path):
    for arguments in (("run", "colorizer"), ("run", "cross_validation"), ("leaderboard",)):
        done = Installation(tmp_path / "home", {"TORCHELASTIC_RUN_ID": "x"}).try_to(*arguments)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert "torchrun --nproc-per-node=2 --standalone -m pipelines RECIPE" in line
    assert not (tmp_path / "home").exists()
