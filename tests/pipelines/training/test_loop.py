"""The training loop, with real networks on small pictures: results, exact resumption, refusals, one checkpoint."""

import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.torch import save_file

from models.checkpoint import load_checkpoint
from models.recipes import RECIPES
from pipelines.images.color import gray_to_rgb, network_input, network_target, rgb_to_gray
from pipelines.pairs import Pairs
from pipelines.training.loop import StepResult, TrainingDivergedError, TrainingError, TrainingResult, train
from pipelines.training.params import TrainingParams
from tests.installation import PROJECT

Results = Generator[StepResult | TrainingResult, None, None]

SIDE = 32
PARAMS = TrainingParams(
    steps=12,
    batch=4,
    resolution=SIDE,
    width=8,
    device="cpu",
    validate_every=4,
    sample_every=6,
    sample_pictures=2,
    checkpoint_every_s=1e-9,  # after every step
)


def pictures(count: int, seed: int) -> Pairs:
    """Blocks of flat colour; light ones are warm and dark ones cold, so colour can be learnt from gray."""
    random = np.random.default_rng(seed)
    lightness = random.integers(40, 216, (count, 4, 4, 1))
    warmth = (lightness - 128) // 2
    blocks = np.concatenate([lightness + np.maximum(warmth, 0) // 2, lightness, lightness - warmth], axis=-1)
    color = blocks.clip(0, 255).astype(np.uint8).repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    names = tuple(f"drawn__ep01__{number:04d}" for number in range(count))
    return Pairs(color=color, variant=rgb_to_gray(color)[:, np.newaxis], panel_ids=names, titles=("drawn",) * count)


TRAIN, VAL = pictures(18, seed=0), pictures(6, seed=1)  # 4 steps an epoch, two pictures wait for the next


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks as small as these lose more to threads than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=["webtoon_l2", "frames_gan_gray"])
def recipe_name(request: pytest.FixtureRequest) -> str:
    return request.param


def training(recipe_name: str, work: Path, params: TrainingParams = PARAMS, **changes: Any) -> Results:
    arguments: dict[str, Any] = {"train_pairs": TRAIN, "val_pairs": VAL, "fingerprint": "f1", **changes}
    return train(RECIPES[recipe_name], params=params, work=work, **arguments)


def finished(results: Results) -> tuple[list[StepResult], TrainingResult]:
    *steps, trained = results
    assert isinstance(trained, TrainingResult)
    assert all(isinstance(step, StepResult) for step in steps)
    return steps, trained  # type: ignore[return-value]


def curve(steps: list[StepResult]) -> list[tuple[int, dict[str, float]]]:
    """All but the clock's numbers."""
    return [
        (step.number, {name: value for name, value in step.metrics.items() if not name.startswith("speed/")})
        for step in steps
    ]


def test_results_of_steps(recipe_name: str, tmp_path: Path):
    steps, trained = finished(training(recipe_name, tmp_path))
    assert [step.number for step in steps] == list(range(1, 13))
    assert all("train/loss_generator/total" in step.metrics for step in steps)
    loss = "val/l2" if recipe_name == "webtoon_l2" else "val/l1"
    validated = {step.number: step.metrics[loss] for step in steps if loss in step.metrics}
    assert list(validated) == [4, 8, 12]
    assert trained.best_validation == min(validated.values()) == validated[trained.best_step]
    assert all({"val/l1_rgb255", "val/l2_rgb255"} <= steps[number - 1].metrics.keys() for number in validated)
    epochs = [step.number for step in steps if "epoch/loss_generator/total" in step.metrics]
    assert epochs == [4, 8, 12]
    mean = np.mean([step.metrics["train/loss_generator/total"] for step in steps[4:8]])
    assert steps[7].metrics["epoch/loss_generator/total"] == pytest.approx(mean)
    assert trained.pictures_seen == 48
    assert trained.seconds > 0


def test_the_gans_health_is_among_the_results(tmp_path: Path):
    steps, _ = finished(training("frames_gan_gray", tmp_path))
    for side in ("real", "fake"):
        assert all(0 <= step.metrics[f"train/accuracy_discriminator/{side}"] <= 1 for step in steps)
        assert f"epoch/accuracy_discriminator/{side}" in steps[3].metrics


def test_samples_show_input_output_and_truth_of_the_same_pictures(recipe_name: str, tmp_path: Path):
    steps, _ = finished(training(recipe_name, tmp_path))
    sampled = {step.number: step.samples for step in steps if step.samples is not None}
    assert list(sampled) == [6, 12]
    for samples in sampled.values():
        assert samples.shape == (2 * SIDE, 3 * SIDE, 3)
        assert samples.dtype == np.uint8
        rows = [0, 5]  # spread over the validation pictures
        assert np.array_equal(samples[:, :SIDE], gray_to_rgb(np.concatenate(VAL.variant[rows, 0])))
        assert np.array_equal(samples[:, 2 * SIDE :], np.concatenate(VAL.color[rows]))
    assert not np.array_equal(sampled[6][:, SIDE : 2 * SIDE], sampled[12][:, SIDE : 2 * SIDE])


def test_a_killed_training_goes_on_bit_for_bit(recipe_name: str, tmp_path: Path):
    straight, reference = finished(training(recipe_name, tmp_path / "straight"))
    killed = training(recipe_name, tmp_path / "killed")
    first = [next(killed) for _ in range(7)]
    killed.close()
    torch.manual_seed(999)  # whatever happened in between
    torch.rand(5)
    rest, trained = finished(training(recipe_name, tmp_path / "killed"))
    assert [step.number for step in rest] == [7, 8, 9, 10, 11, 12]  # the state of step 7 was not written yet
    assert curve([*first[:6], *rest]) == curve(straight)
    assert np.array_equal(rest[-1].samples, straight[-1].samples)
    assert (trained.best_step, trained.best_validation) == (reference.best_step, reference.best_validation)
    left, right = load_checkpoint(trained.checkpoint), load_checkpoint(reference.checkpoint)
    assert all(torch.equal(left.weights[name], tensor) for name, tensor in right.weights.items())


def test_a_process_killed_without_warning_goes_on_bit_for_bit(tmp_path: Path):
    straight, _ = finished(training("webtoon_l2", tmp_path / "straight"))
    code = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from tests.pipelines.training.test_loop import training
torch.set_num_threads(1)
for step in training("webtoon_l2", Path(sys.argv[2])):
    print(step.number, flush=True)
    if step.number == 5:
        time.sleep(600)
"""
    command = [sys.executable, "-c", code, str(PROJECT), str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline().strip() for _ in range(5)]
        process.kill()
    assert seen == ["1", "2", "3", "4", "5"]
    rest, _ = finished(training("webtoon_l2", tmp_path / "killed"))
    assert curve(rest) == curve(straight)[4:]


def test_steps_since_the_last_state_are_taken_again(tmp_path: Path):
    rarely = PARAMS.model_copy(update={"checkpoint_every_s": 3600.0})
    straight, _ = finished(training("webtoon_l2", tmp_path / "straight", rarely))
    killed = training("webtoon_l2", tmp_path / "killed", rarely)
    for _ in range(7):
        next(killed)
    killed.close()
    again, _ = finished(training("webtoon_l2", tmp_path / "killed", rarely))
    assert curve(again) == curve(straight)


def test_no_state_is_written_before_its_steps_could_be_stored(tmp_path: Path):
    taken: list[int] = []
    stored: list[tuple[int, bool]] = []

    def store() -> None:
        stored.append((taken[-1], (tmp_path / "state.safetensors").exists()))

    for result in training("webtoon_l2", tmp_path, before_saving=store):
        if isinstance(result, StepResult):
            taken.append(result.number)
    assert stored[0] == (1, False)
    assert [number for number, _ in stored] == taken


def test_a_result_nobody_took_is_found_again(tmp_path: Path):
    results = training("webtoon_l2", tmp_path)
    last = [next(results) for _ in range(13)][-1]
    assert isinstance(last, TrainingResult)
    results.close()
    assert list(training("webtoon_l2", tmp_path)) == [last]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_the_seed_decides_the_curve(tmp_path: Path):
    one, _ = finished(training("webtoon_l2", tmp_path / "1"))
    other, _ = finished(training("webtoon_l2", tmp_path / "2", PARAMS.model_copy(update={"seed": 1})))
    assert curve(one)[0] != curve(other)[0]


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"recipe_name": "frames_gan_gray"}, "recipe"),
        ({"fingerprint": "f2"}, "fingerprint"),
        ({"params": PARAMS.model_copy(update={"seed": 3})}, "params"),
    ],
)
def test_a_state_of_another_training_is_refused(changes: dict, differs: str, tmp_path: Path):
    started = training("webtoon_l2", tmp_path)
    next(started)
    next(started)
    started.close()
    with pytest.raises(TrainingError, match=rf"state.safetensors: the interrupted training differs in {differs}"):
        next(training(**{"recipe_name": "webtoon_l2", "work": tmp_path, **changes}))


def test_a_broken_state_is_refused(tmp_path: Path):
    (tmp_path / "state.safetensors").write_bytes(b"half a file")
    with pytest.raises(TrainingError, match=r"no training state .* remove it to start anew"):
        next(training("webtoon_l2", tmp_path))


def test_the_checkpoint_says_where_it_comes_from(recipe_name: str, tmp_path: Path):
    _, trained = finished(training(recipe_name, tmp_path))
    checkpoint = load_checkpoint(trained.checkpoint)
    assert checkpoint.recipe["name"] == recipe_name
    assert checkpoint.network.width == 8
    assert (checkpoint.fingerprint, checkpoint.seed, checkpoint.resolution) == ("f1", 0, SIDE)
    assert checkpoint.step == trained.best_step
    assert len(checkpoint.source_digest) == 12


def test_it_learns(recipe_name: str, tmp_path: Path):
    params = TrainingParams(
        steps=60, batch=8, resolution=SIDE, width=16, device="cpu", validate_every=10, sample_every=60
    )
    steps, trained = finished(training(recipe_name, tmp_path, params))
    loss = "val/l2" if recipe_name == "webtoon_l2" else "val/l1"
    first = next(step.metrics[loss] for step in steps if loss in step.metrics)
    assert trained.best_validation < first * 0.75


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_its_batch(tmp_path: Path):
    results = training("webtoon_l2", tmp_path)
    for _ in range(3):
        next(results)
    results.close()
    _poison(tmp_path / "state.safetensors")
    with pytest.raises(TrainingDivergedError, match=r"webtoon_l2: train/loss_generator/total is nan at step 3"):
        next(training("webtoon_l2", tmp_path))

    kept = load_file(tmp_path / "diverged_at_3.safetensors")
    mirrored = 0
    for row, condition, target in zip(kept["rows"], kept["condition"], kept["target"], strict=True):
        color, gray = TRAIN.color[[row]], TRAIN.variant[row]
        if np.allclose(target, network_target(color[:, :, ::-1], "lab")[0], atol=5e-4):
            color, gray = color[:, :, ::-1], gray[:, :, ::-1]
            mirrored += 1
        # The picture and its variant are those of the row, and mirrored together.
        assert np.allclose(target, network_target(color, "lab")[0], atol=5e-4)
        assert np.allclose(condition, network_input(gray, "lab")[0], atol=5e-4)
    assert 0 < mirrored < 4


def _poison(path: Path) -> None:
    """One weight of a saved state becomes NaN, as after a step too far."""
    with safe_open(path, "pt") as file:
        metadata = {name: value for name, value in file.metadata().items() if name != "digest"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    tensors["network.generator.encoder.0.weight"][0, 0, 0, 0] = torch.nan
    save_file(tensors, path, metadata)


def test_arrays_that_do_not_fit_are_refused_before_anything_starts(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"webtoon_l2: the training pictures are \(32, 32, 3\) .* expected 64"):
        training("webtoon_l2", tmp_path, PARAMS.model_copy(update={"resolution": 64}))
    empty = Pairs(VAL.color[:0], VAL.variant[:0], (), ())
    with pytest.raises(TrainingError, match="the validation split has no pictures"):
        training("webtoon_l2", tmp_path, val_pairs=empty)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named(tmp_path: Path):
    with pytest.raises(TrainingError, match="torch sees no GPU"):
        training("webtoon_l2", tmp_path, PARAMS.model_copy(update={"device": "cuda"}))


def test_memory_mapped_arrays_are_read_in_place(tmp_path: Path):
    for name in ("color", "variant"):
        np.save(tmp_path / f"{name}.npy", getattr(TRAIN, name))
    mapped = Pairs(
        np.load(tmp_path / "color.npy", mmap_mode="r"),
        np.load(tmp_path / "variant.npy", mmap_mode="r"),
        TRAIN.panel_ids,
        TRAIN.titles,
    )
    steps, _ = finished(training("webtoon_l2", tmp_path / "mapped", train_pairs=mapped))
    reference, _ = finished(training("webtoon_l2", tmp_path / "memory"))
    assert curve(steps) == curve(reference)


def test_several_line_styles_are_all_seen(tmp_path: Path):
    styles = np.concatenate([TRAIN.variant, np.zeros_like(TRAIN.variant), 255 - TRAIN.variant], axis=1)
    several = Pairs(TRAIN.color, styles, TRAIN.panel_ids, TRAIN.titles)
    steps, _ = finished(training("webtoon_l2", tmp_path / "several", train_pairs=several))
    reference, _ = finished(training("webtoon_l2", tmp_path / "one"))
    assert len(steps) == 12
    assert curve(steps)[-1] != curve(reference)[-1]


def test_the_rule_can_be_dressed_for_the_launchpad():
    class TrainingConfig(dg.Config, TrainingParams): ...

    assert TrainingConfig(steps=3).model_dump() == TrainingParams(steps=3).model_dump()
    with pytest.raises(ValidationError):
        TrainingParams(steps=0)
    with pytest.raises(ValidationError):
        TrainingParams(step=3)  # type: ignore[call-arg]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_mixed_precision_on_a_gpu(recipe_name: str, tmp_path: Path):
    params = PARAMS.model_copy(update={"device": "cuda", "precision": "bf16-mixed"})
    steps, _ = finished(training(recipe_name, tmp_path, params))
    assert steps[-1].metrics["train/loss_generator/total"] < steps[0].metrics["train/loss_generator/total"]


def test_one_picture_is_too_little_for_batch_norm_over_one_pixel(tmp_path: Path):
    with pytest.raises(
        TrainingError, match=r"^frames_gan_gray: with a batch of 1 picture of 32 pixels.*; set batch to 2.*resolution"
    ):
        training("frames_gan_gray", tmp_path, PARAMS.model_copy(update={"batch": 1}))
    with pytest.raises(TrainingError, match=r"^frames_gan_gray: with a batch of 1 .*; add issues until train has 2"):
        training("frames_gan_gray", tmp_path, train_pairs=pictures(1, seed=0))


@pytest.mark.parametrize(("name", "side"), [("webtoon_l2", 32), ("frames_gan_gray", 96)])
def test_one_picture_is_enough_where_maps_stay_larger(name: str, side: int, tmp_path: Path):
    def enlarged(pairs: Pairs) -> Pairs:
        factor = side // SIDE
        color, variant = pairs.color.repeat(factor, 1), pairs.variant.repeat(factor, 2)
        return replace(pairs, color=color.repeat(factor, 2), variant=variant.repeat(factor, 3))

    params = PARAMS.model_copy(update={"batch": 1, "resolution": side, "steps": 1})
    steps, _ = finished(training(name, tmp_path, params, train_pairs=enlarged(TRAIN), val_pairs=enlarged(VAL)))
    assert len(steps) == 1
