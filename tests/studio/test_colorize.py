"""`tintoon colorize`: files and folders in, as many out, nothing overwritten, a clear line where it cannot."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.params import ReferencesParams
from pipelines.colorize.title_references import build_title_references
from pipelines.images.decode import decode_picture
from tests.installation import Installation
from tests.pipelines.books.drawn import read_cbz, write_cbz
from tests.pipelines.colorize.pages import colored_page, file_of, gray_page
from tests.pipelines.conftest import write_lake
from tests.untrained import install_untrained

__all__ = ["write_lake"]

RECIPE = "webtoon_l2"


@pytest.fixture
def home(tmp_path) -> Path:
    """An installation with one trained recipe, whose untrained network has strong colours."""
    home = tmp_path / "home"
    install_untrained(home, RECIPE)
    return home


@pytest.fixture
def colorize(home) -> Callable[..., tuple[int, str, str]]:
    """The command: (exit code, stdout, stderr)."""

    def call(*arguments: object, by: str = RECIPE) -> tuple[int, str, str]:
        done = Installation(home).try_to("colorize", *map(str, arguments), "--colorizer", by)
        return done.returncode, done.stdout, done.stderr

    return call


def drawn(path: Path, height: int = 71, width: int = 53) -> Path:
    """A gray drawing with white lettering ground and black strokes."""
    picture = np.random.default_rng(height).integers(60, 200, (height, width)).astype(np.uint8)
    picture[: height // 3] = 255
    picture[height // 4, ::3] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def test_a_fresh_clone_needs_no_home(tmp_path):
    home = tmp_path / "none"
    book = write_cbz(
        tmp_path / "in.cbz", {"1.png": file_of(colored_page()), "2.png": file_of(gray_page(20)), "3.png": b"nothing"}
    )
    done = Installation(home).try_to("colorize", str(book), str(tmp_path / "out.cbz"))
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        str(tmp_path / "out.cbz"),
        "3 pages: 1 coloured, 1 kept, 1 copied as it was",
    ]
    assert "1.png: kept: it has colour of its own" in done.stdout
    assert done.stderr.startswith("3.png: copied as it was: ")
    assert not home.exists()
    assert set(read_cbz(tmp_path / "out.cbz")) == {"1.png", "2.png", "3.png"}
    done = Installation(home).try_to("colorize", str(book), str(tmp_path / "o.cbz"), "--title", "orchard")
    refused((done.returncode, done.stdout, done.stderr), "orchard", "no home", "--references")


def test_references_and_hints_of_pages(tmp_path):
    home = Installation(tmp_path / "none")
    reference, page, hints = tmp_path / "reference.png", tmp_path / "page.png", tmp_path / "hints.json"
    reference.write_bytes(file_of(colored_page()))
    page.write_bytes(file_of(gray_page(20)))
    out = tmp_path / "out.png"
    home.run("colorize", str(page), str(out), "--references", str(reference))
    assert decode_picture(out.read_bytes(), name="out")[126, 96].tolist()[0] > 150
    hints.write_text(f'{{"pages": {{"page.png": {Hint(points=(Point(0.3, 126 / 448, (30, 170, 60)),)).to_json()}}}}}')
    report = tmp_path / "report.html"
    said = home.run("colorize", str(page), str(out), "--hints", str(hints), "--report", str(report))
    assert said == f"{out}\n{report}\n"
    assert "hints.json" in report.read_text()
    red, green, _ = decode_picture(out.read_bytes(), name="out")[126, 96].tolist()
    assert green > red


def test_a_picture_in_colour_is_kept_unless_it_is_to_be_recoloured(tmp_path):
    home, page, out = Installation(tmp_path / "none"), tmp_path / "page.png", tmp_path / "out.png"
    page.write_bytes(file_of(colored_page()))
    assert "--recolor" in home.run("colorize", str(page), str(out))
    assert out.read_bytes() == page.read_bytes()
    assert "--references" in home.run("colorize", str(page), str(out), "--recolor")
    recolored = np.ptp(decode_picture(out.read_bytes(), name="out").astype(int), axis=2)
    assert recolored.max() < np.ptp(colored_page().astype(int), axis=2).max() / 2  # nothing of its own colours


def refused(result: tuple[int, str, str], *parts: str) -> None:
    code, out, err = result
    assert code == 1
    assert out == ""
    assert len(err.splitlines()) == 1, err
    for part in parts:
        assert part in err


def test_a_picture_keeps_its_size_and_its_lightness_and_gets_colour(colorize, tmp_path):
    source, target = drawn(tmp_path / "page.png"), tmp_path / "new" / "colored[b].png"
    code, out, err = colorize(source, target)
    assert (code, out, err) == (0, f"{target}\n", "")
    colored, gray = cv2.imread(str(target)), cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
    assert colored is not None
    assert gray is not None
    assert colored.shape == (71, 53, 3)
    assert np.abs(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY).astype(int) - gray).max() <= 2
    assert np.ptp(colored.astype(int), axis=2).mean() > 2
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_folder_keeps_names_and_formats(colorize, tmp_path):
    names = ["page2.webp", "page9.png", "page10.jpg", "same.jpg", "same.png", "sub/page1.bmp"]
    for name in names:
        drawn(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    code, out, _ = colorize(tmp_path / "in", tmp_path / "out")
    assert code == 0
    assert out.splitlines()[:2] == [str(tmp_path / "out"), "6 pages: 6 coloured"]
    written = (path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert sorted(str(path) for path in written if path.parts[0] != ".tintoon") == sorted(names)


def test_into_a_folder_that_is_there(colorize, tmp_path):
    (tmp_path / "out").mkdir()
    assert colorize(drawn(tmp_path / "page.jpg"), tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "page.jpg").exists()


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
    refused(colorize(tmp_path / "in", page), "page.png", "name a folder")
    (tmp_path / "text.png").write_text("not a picture")
    refused(colorize(tmp_path / "text.png", tmp_path / "o.png"), "text.png", "and no picture")
    assert not (tmp_path / "o.png").exists()


def test_colorizers_that_are_not_there(colorize, tmp_path):
    page = drawn(tmp_path / "page.png")
    refused(colorize(page, tmp_path / "o.png", by="nobody"), "'nobody'", "champion", RECIPE)
    refused(colorize(page, tmp_path / "o.png", by="frames_gan_gray"), "frames_gan_gray", "tintoon run colorizer")


def test_a_broken_checkpoint_is_named(colorize, home, tmp_path):
    path = home / "lake" / "trained" / RECIPE / "k" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    refused(colorize(drawn(tmp_path / "page.png"), tmp_path / "o.png"), "checkpoint.safetensors")


def test_there_is_no_champion_before_the_first_promotion(colorize, tmp_path):
    code, out, err = colorize(drawn(tmp_path / "page.png"), tmp_path / "o.png", by="champion")
    assert (code, out) == (1, "")
    assert "there is no champion yet" in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize("recipe", ["two_stage_pix2pix", "frames_convnet_edge"])
def test_line_art_goes_through_colorizers_of_lines_and_edges(colorize, home, tmp_path, recipe):
    install_untrained(home, recipe)
    target = tmp_path / "o.png"
    assert colorize(drawn(tmp_path / "page.png"), target, by=recipe)[0] == 0
    colored = cv2.imread(str(target))
    assert colored is not None
    assert colored.shape == (71, 53, 3)
    assert np.ptp(colored.astype(int), axis=2).mean() > 1


def test_hints_colour_each_picture_of_a_folder(colorize, home, tmp_path):
    install_untrained(home, "two_stage_pix2pix")
    for name in ("1.png", "2.png"):
        drawn(tmp_path / "in" / name)
    hints = tmp_path / "hints.json"
    hints.write_text(Hint(points=(Point(0.5, 0.5, (250, 20, 20)),)).to_json())
    call = (tmp_path / "in", tmp_path / "plain"), (tmp_path / "in", tmp_path / "hinted", "--hints", hints)
    for arguments in call:
        assert colorize(*arguments, by="two_stage_pix2pix")[0] == 0
    for name in ("1.png", "2.png"):
        plain, hinted = (cv2.imread(str(tmp_path / folder / name)) for folder in ("plain", "hinted"))
        assert plain is not None
        assert hinted is not None
        assert (plain != hinted).any()


def test_what_a_colorizer_does_not_take(colorize, home, tmp_path):
    page, target = drawn(tmp_path / "page.png"), tmp_path / "o.png"
    hints = tmp_path / "hints.json"
    hints.write_text(Hint(points=(Point(0.5, 0.5, (250, 20, 20)),)).to_json())
    refused(colorize(page, target, "--hints", hints), f"{RECIPE} takes no hints")
    refused(colorize(page, target, "--hints", tmp_path / "none.json"), "none.json", "no such file")
    hints.write_text("[]")
    refused(colorize(page, target, "--hints", hints), "hints.json", "no hints", "tintoon page")
    refused(colorize(page, target, "--title", "orchard"), RECIPE, "leave --title out")
    install_untrained(home, "webtoon_label_conditioned")
    by = "webtoon_label_conditioned"
    refused(colorize(page, target, "--title", "moor", by=by), by, "'moor'", "harbour, orchard")
    assert not target.exists()
    assert colorize(page, target, "--title", "orchard", by=by)[0] == 0


def test_a_title_of_the_home_lends_its_colours(home, tmp_path, write_lake):
    page, target = tmp_path / "page.png", tmp_path / "out.png"
    page.write_bytes(file_of(gray_page(20)))
    here = Installation(home)
    done = here.try_to("colorize", str(page), str(target), "--title", "moon-cat")
    refused((done.returncode, done.stdout, done.stderr), "moon-cat: no references", "tintoon run references --title")
    lake = write_lake(home / "lake", {("moon-cat", "1"): ("train", [colored_page()])})
    build_title_references(lake, "moon-cat", ReferencesParams(lines=False), cache=tmp_path / "cache")
    here.run("colorize", str(page), str(target), "--title", "moon-cat")
    red, green, _ = decode_picture(target.read_bytes(), name="out")[126, 96].tolist()
    assert red > green + 40


def test_snapped_segments_are_flat(colorize, tmp_path):
    page = np.full((120, 120), 170, np.uint8)
    cv2.rectangle(page, (30, 30), (90, 90), 0, 3)
    source = tmp_path / "box.png"
    cv2.imwrite(str(source), page)
    shades = []
    for target, more in ((tmp_path / "plain.png", ()), (tmp_path / "snapped.png", ("--snap",))):
        assert colorize(source, target, *more)[0] == 0
        colored = cv2.imread(str(target))
        assert colored is not None
        shades.append(len(np.unique(colored[40:80, 40:80].reshape(-1, 3), axis=0)))
    assert shades[1] <= 2 < shades[0]  # an untrained network is wild enough to part a segment in two


def test_like_one_picture_is_learned_once(colorize, home, tmp_path):
    reference = tmp_path / "reference.png"
    colors = np.full((64, 64, 3), (40, 40, 200), np.uint8)
    colors[:, 32:] = (200, 60, 40)
    cv2.imwrite(str(reference), colors)
    page, target = drawn(tmp_path / "page.png"), tmp_path / "o.png"
    made = []
    for _ in range(2):
        code, out, _ = colorize(page, target, "--like", reference, "--minutes", "0.01")
        assert (code, out.split("\n")[0]) == (0, str(target))
        made.append({path: path.stat().st_mtime_ns for path in (home / "cache" / "references").rglob("*.safetensors")})
    assert [path.name for path in made[0]] == ["checkpoint.safetensors"]
    assert made[0] == made[1]
    refused(colorize(page, target, "--like", tmp_path / "none.png"), "none.png", "no such file")


def test_what_learning_from_one_picture_does_not_take_is_refused_before_it_learns(colorize, home, tmp_path):
    page, reference, hints = drawn(tmp_path / "page.png"), drawn(tmp_path / "reference.png"), tmp_path / "hints.json"
    hints.write_text(Hint(points=(Point(0.5, 0.5, (250, 20, 20)),)).to_json())
    for option, value in (("--hints", hints), ("--references", reference), ("--title", "orchard")):
        done = colorize(page, tmp_path / "o.png", "--like", reference, option, value)
        refused(done, "--like trains", f"leave {option}")
    assert not (home / "cache" / "references").exists()
