"""`python -m pipelines`: no finished work is lost, and no result counts as another training's or benchmark's."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.recipes import recipe_of
from pipelines.__main__ import main, train_and_evaluate
from pipelines.evaluation.evaluation import load_evaluation
from pipelines.evaluation.learned_lines import load_line_drawer
from pipelines.evaluation.params import BenchmarkParams
from pipelines.evaluation.tracks import TestPictures
from pipelines.lake import Lake
from pipelines.params import TrainingSetParams, VariantParams
from pipelines.training.params import TrainingParams
from pipelines.training.run_folder import find_run_folders, read_curves
from pipelines.training_set import TrainingSet, build_training_set
from pipelines.variants import KINDS, build_variant
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

TRAINING = TrainingParams(
    steps=2, batch=2, resolution=32, width=8, device="cpu", validate_every=2, sample_every=2, sample_pictures=1
)
BENCHMARK = BenchmarkParams(resolution=32, extractor="none", latency_sides=[], page=False, hint_counts=[1], draws=1)

Train = Callable[..., Path]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A training set of 32 pixels: train 4 pictures, val 1, test 4."""
    return _lake(tmp_path_factory.mktemp("lake"), first=0)


def _lake(root: Path, *, first: int) -> Lake:
    write: WriteLake = write_lake.__wrapped__()
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(first + seed) for seed in range(2)]),
        ("a-sun", "1"): ("train", [drawn_panel(first + seed) for seed in range(2, 4)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(20, 24)]),
    }
    lake = write(root, issues)
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, VariantParams(resolutions=[32]))
    build_training_set(lake, TrainingSetParams())
    return lake


@pytest.fixture
def train(lake: Lake, tmp_path: Path) -> Train:
    """Trains and evaluates a recipe into `<tmp_path>/out`: its folder."""

    def call(name: str, *, on: Lake = lake, benchmark: BenchmarkParams = BENCHMARK, **params: object) -> Path:
        return train_and_evaluate(
            recipe_of(name),
            on,
            TRAINING.model_copy(update=params),
            benchmark,
            out=tmp_path / "out",
            weights=tmp_path / "weights",
            commit="c0ffee",
        )

    return call


@contextmanager
def interrupted_when(happened: Callable[[], bool]) -> Iterator[None]:
    """Ctrl-C, as soon as something has happened."""

    def look(*_: object) -> None:
        if happened():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_training_whose_evaluation_fails_is_not_lost(train: Train, tmp_path: Path):
    folder = tmp_path / "out" / "webtoon_l2"
    folder.mkdir(parents=True)
    (folder / "evaluating").write_text("in the way")
    with pytest.raises(OSError, match="evaluating"):
        train("webtoon_l2")
    checkpoint, curves = (folder / "checkpoint.safetensors").read_bytes(), (folder / "curves.jsonl").stat().st_mtime_ns

    (folder / "evaluating").unlink()
    assert train("webtoon_l2") == folder
    assert (folder / "checkpoint.safetensors").read_bytes() == checkpoint
    assert (folder / "curves.jsonl").stat().st_mtime_ns == curves  # no step was taken again
    assert load_evaluation(Lake.at(folder), "webtoon_l2").pictures == 4
    assert not (folder / "state.safetensors").exists()


def test_curves_of_an_interrupted_training_are_whole(train: Train, tmp_path: Path):
    folder = tmp_path / "out" / "webtoon_l2"
    settings = {"steps": 40, "checkpoint_every_s": 1e-9}
    with interrupted_when((folder / "state.safetensors").exists):
        train("webtoon_l2", **settings)
    kept = dict(read_curves(folder / "curves.jsonl"))
    assert 1 <= len(kept) < 40
    train("webtoon_l2", **settings)
    curves = dict(read_curves(folder / "curves.jsonl"))
    assert list(curves) == list(range(1, 41))
    assert curves[1] == kept[1]


def test_samples_of_a_training_without_a_state_do_not_count(train: Train, tmp_path: Path):
    old = tmp_path / "out" / "webtoon_l2" / "samples" / "900.jpg"
    old.parent.mkdir(parents=True)
    old.touch()
    folder = train("webtoon_l2")
    assert [path.name for path in (folder / "samples").iterdir()] == ["2.jpg"]


def test_a_result_of_another_training_is_refused_and_one_of_another_benchmark_evaluated_again(
    train: Train, tmp_path: Path
):
    folder = train("webtoon_l2")
    result, first = (folder / "record.json").stat().st_mtime_ns, load_evaluation(Lake.at(folder), "webtoon_l2")
    with pytest.raises(ValueError, match=r"out/webtoon_l2: .*another training: seed is '0', asked '1'\. .*\(--out\)"):
        train("webtoon_l2", seed=1)
    with pytest.raises(ValueError, match="steps is '2', asked ''"):
        train("webtoon_l2", steps=None, minutes=1.0)
    with pytest.raises(ValueError, match="another training: training set is "):
        train("webtoon_l2", on=_lake(tmp_path / "other", first=50))

    other = BENCHMARK.model_copy(update={"seed": 1})
    assert train("webtoon_l2", benchmark=other) == folder
    second = load_evaluation(Lake.at(folder), "webtoon_l2")
    assert second.benchmark_fingerprint != first.benchmark_fingerprint
    train("webtoon_l2")
    assert load_evaluation(Lake.at(folder), "webtoon_l2").key == first.key  # the latest again
    assert (folder / "record.json").stat().st_mtime_ns == result


def test_needs_that_are_there_will_do_if_of_the_same_training_set(train: Train, tmp_path: Path):
    classifier = train("vgg16_gray", steps=1)
    trained = (classifier / "checkpoint.safetensors").read_bytes()
    train("webtoon_vgg_features")
    assert (classifier / "checkpoint.safetensors").read_bytes() == trained
    with pytest.raises(ValueError, match="vgg16_gray: there is a result of another training: training set"):
        train("webtoon_hypercolumns", on=_lake(tmp_path / "other", first=50))


def test_trained_networks_measure(lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    benchmark = BENCHMARK.model_copy(update={"extractor": "title_vgg16"})
    main(
        [
            "frames_convnet_edge", "line_detector", "--lake", str(lake.root), "--out", str(out),
            "--training", TRAINING.model_dump_json(), "--benchmark", benchmark.model_dump_json(),
        ]
    )  # fmt: skip
    printed = capsys.readouterr()
    assert printed.out.split() == [str(out / "line_detector"), str(out / "frames_convnet_edge")]
    lines = [line for line in printed.err.splitlines() if ": training" in line or ": evaluation" in line]
    trained = ("line_detector", "vgg16_color", "frames_convnet_edge")
    parts = ("training started", "training 50 % done", "training done")
    assert lines[:9] == [f"{name}: {part}" for name in trained for part in parts]
    assert lines[9] == "frames_convnet_edge: evaluation started"
    assert lines[-2:] == ["frames_convnet_edge: evaluation, 48 of 48 pictures", "frames_convnet_edge: evaluation done"]
    digests = {result.recipe: result.checkpoint_sha256 for _, result in find_run_folders(out)}
    extractor = f"title_vgg16_{digests['vgg16_color'][:8]}"
    drawer = load_line_drawer(out / "line_detector" / "checkpoint.safetensors", digest=digests["line_detector"])
    evaluation = load_evaluation(Lake.at(out / "frames_convnet_edge"), "frames_convnet_edge")
    test = TestPictures(TrainingSet.open(lake), benchmark, "line", drawer, extractor=extractor)
    assert evaluation.benchmark_fingerprint == test.fingerprint
    assert "learned" in evaluation.styles
    assert f"fid_{extractor}/none" in evaluation.sets


def test_an_impossible_evaluation_is_refused_before_the_training(train: Train, tmp_path: Path):
    unpaired = BENCHMARK.model_copy(update={"unpaired": str(tmp_path / "nowhere")})
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "pt_inception-2015-12-05-6726825d.pth").write_text("no weights")
    for benchmark in (unpaired, BENCHMARK.model_copy(update={"extractor": "inception"})):
        with pytest.raises(FileNotFoundError, match=r"nowhere: no folder|Put the file whose SHA-256"):
            train("webtoon_l2", benchmark=benchmark)
    assert not (tmp_path / "out").exists()


def test_several_devices_train_one_recipe_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        main(["webtoon_l2", "frames_gan_gray", "--lake", ".", "--out", str(out), "--training", '{"devices": 2}'])
    assert "several devices train one recipe a command, not 2" in capsys.readouterr().err
    assert not out.exists()
