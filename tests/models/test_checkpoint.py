"""Checkpoints: what goes in comes out, and other files are refused by name."""

import dataclasses
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.build import build_network
from models.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from models.frames.spec import FramesGenerator
from models.kinds import spec_from_json
from models.pix2pix.spec import Pix2pixUNet
from models.specs.base import NetworkSpec, spec_to_json

UNET = Pix2pixUNet(in_channels=1, out_channels=2, width=8, levels=4)
CONVNET = FramesGenerator(width=8, multiples=(1, 2, 4), kernel_px=4)


def checkpoint_of(spec: NetworkSpec) -> Checkpoint:
    network = build_network(spec).to(memory_format=torch.channels_last)
    return Checkpoint(
        weights=network.state_dict(),
        network=spec,
        recipe={"name": "webtoon_l2", "color_space": "lab"},
        fingerprint="f1",
        source_digest="c1",
        seed=7,
        step=300,
        resolution=16,
    )


@pytest.mark.parametrize("spec", [UNET, CONVNET], ids=["unet", "convnet"])
def test_round_trip(spec: NetworkSpec, tmp_path: Path):
    written = checkpoint_of(spec)
    save_checkpoint(tmp_path / "c.safetensors", written)
    read = load_checkpoint(tmp_path / "c.safetensors")
    assert dataclasses.replace(read, weights={}) == dataclasses.replace(written, weights={})
    assert read.weights.keys() == written.weights.keys()
    assert all(torch.equal(read.weights[name], tensor) for name, tensor in written.weights.items())
    x = torch.randn(1, 1, 16, 16)
    network = build_network(spec)
    network.load_state_dict(dict(written.weights))
    assert torch.equal(read.trained()(x), network.eval()(x))
    assert not read.trained().training


@pytest.mark.parametrize("spec", [UNET, CONVNET])
def test_specification_survives_json(spec: NetworkSpec):
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": "Transformer"}, "unknown kind 'Transformer'"),
        ({"kind": "Pix2pixUNet"}, "missing"),
        ({"kind": "FramesGenerator", "depth": 3}, "depth"),
    ],
)
def test_unknown_specification_is_refused(values: dict, problem: str):
    with pytest.raises(ValueError, match=problem):
        spec_from_json(values)


def test_other_files_are_refused_by_name(tmp_path: Path):
    path = tmp_path / "notes.safetensors"
    path.write_bytes(b"no tensors at all")
    with pytest.raises(CheckpointError, match=r"notes.safetensors: no safetensors file"):
        load_checkpoint(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"format is None, expected 'tintoon-colorizer-1'"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "missing.safetensors")


def test_equal_checkpoints_are_equal_files(tmp_path: Path):
    checkpoint = checkpoint_of(UNET)
    for name in ("1", "2", "3"):
        save_checkpoint(tmp_path / name, checkpoint)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_weights_of_another_network_are_refused(tmp_path: Path):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, dataclasses.replace(checkpoint_of(UNET), network=dataclasses.replace(UNET, width=16)))
    with pytest.raises(CheckpointError, match="does not describe its weights"):
        load_checkpoint(path)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, checkpoint_of(UNET))
    return path


def origin_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        return json.loads((file.metadata() or {})["tintoon"])


def rewritten(path: Path, change: Callable[[dict[str, Any]], None], **tensors: torch.Tensor) -> None:
    """The file as an earlier version wrote it, without a digest, with changed metadata or tensors."""
    origin, weights = origin_of(path), load_file(path)
    del origin["digest"]
    change(origin)
    save_file({**weights, **tensors}, path, {"tintoon": json.dumps(origin)})


def refusal(path: Path) -> str:
    """The one line of a refusal, which names the file."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    assert line.startswith(str(path))
    return line


def test_any_flipped_byte_is_noticed(checkpoint: Path):
    whole = checkpoint.read_bytes()
    for place in random.Random(0).sample(range(len(whole)), 60):
        data = bytearray(whole)
        data[place] ^= 0x10
        checkpoint.write_bytes(data)
        refusal(checkpoint)


def test_a_file_of_an_earlier_version_has_no_digest_and_is_read(checkpoint: Path):
    rewritten(checkpoint, lambda origin: None)
    assert load_checkpoint(checkpoint).step == 300


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("step", "many", "step is 'many'"),
        ("step", True, "step is True"),
        ("step", -1, "step is -1"),
        ("resolution", -5, "resolution is -5"),
        ("resolution", 10**9, "resolution is 1000000000"),
        ("resolution", 64.5, "resolution is 64.5"),
        ("seed", None, "seed is None"),
        ("fingerprint", ["f"], "fingerprint is"),
        ("recipe", ["webtoon_l2"], "recipe is"),
        ("recipe", {}, "name is missing"),
        ("recipe", {"name": 7}, "name is 7"),
        ("recipe", {"name": "x", "variant": "sepia"}, "variant is 'sepia'"),
        ("recipe", {"name": "x", "hint": {"scale": 0}}, "hint.scale is 0"),
        ("network", "Pix2pixUNet", "network is 'Pix2pixUNet'"),
        ("network", {"kind": "Transformer"}, "unknown kind 'Transformer'"),
        ("network", {"kind": ["a"]}, "unknown kind"),
        ("network", {"kind": "Recipe"}, "missing"),
        ("network", {**spec_to_json(UNET), "width": "8"}, "width is '8'"),
        ("network", {**spec_to_json(UNET), "width": 10**12}, "width is 1000000000000"),
        ("network", {**spec_to_json(UNET), "width": 10**4}, "larger than its weights"),
        ("network", {**spec_to_json(UNET), "width": -8}, "does not describe its weights"),
        ("network", {**spec_to_json(UNET), "levels": 10**4}, "does not describe its weights"),
        ("network", {**spec_to_json(UNET), "levels": 0}, "levels is 0; expected 2 or more"),
        ("network", {**spec_to_json(UNET), "dropout": float("nan")}, "dropout is nan"),
        ("network", {**spec_to_json(UNET), "norm": "none"}, "norm is 'none'"),
        ("more", 1, "more is 1"),
    ],
)
def test_metadata_of_wrong_types_or_ranges_are_refused(checkpoint: Path, key: str, value: Any, problem: str):
    rewritten(checkpoint, lambda origin: origin.update({key: value}))
    assert problem in refusal(checkpoint)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "null", "7", '"x"', "[" * 100_000, '{"a":' * 50_000, " " * 2_000_000, '{"format": NaN}', "\ud7ff"],
)
def test_metadata_that_are_no_object_are_refused(checkpoint: Path, text: str):
    save_file(load_file(checkpoint), checkpoint, {"tintoon": text})
    refusal(checkpoint)


def test_tensors_that_do_not_fit_are_refused(checkpoint: Path):
    weights = load_file(checkpoint)
    name = next(name for name, tensor in weights.items() if tensor.ndim == 4)
    whole = checkpoint.read_bytes()
    for changed, problem in [
        ({name: weights[name].half()}, f"tensor {name} is torch.float16, expected torch.float32"),
        ({name: weights[name][:1].clone()}, f"tensor {name} has the shape"),
        ({name: torch.full_like(weights[name], float("nan"))}, f"{name} holds numbers that are not finite"),
        ({name: weights[name] / 0}, f"{name} holds numbers that are not finite"),
        ({"one.more": torch.zeros(1)}, "tensor 'one.more' belongs to no part"),
    ]:
        checkpoint.write_bytes(whole)
        rewritten(checkpoint, lambda origin: None, **changed)
        assert problem in refusal(checkpoint)
    checkpoint.write_bytes(whole)
    origin = origin_of(checkpoint)
    del weights[name], origin["digest"]
    save_file(weights, checkpoint, {"tintoon": json.dumps(origin)})
    assert f"tensor {name} is missing" in refusal(checkpoint)


def test_a_network_that_is_not_finite_is_not_written(tmp_path: Path):
    made = checkpoint_of(UNET)
    spoilt = {name: tensor / 0 for name, tensor in made.weights.items()}
    with pytest.raises(ValueError, match=r"not written: .* not finite"):
        save_checkpoint(tmp_path / "c.safetensors", dataclasses.replace(made, weights=spoilt))
    assert not list(tmp_path.iterdir())


def test_what_is_no_file_is_refused(tmp_path: Path):
    (tmp_path / "folder.safetensors").mkdir()
    refusal(tmp_path / "folder.safetensors")
    os.mkfifo(tmp_path / "pipe.safetensors")  # opening it would wait for a writer
    refusal(tmp_path / "pipe.safetensors")
    (tmp_path / "huge.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    refusal(tmp_path / "huge.safetensors")
    (tmp_path / "empty.safetensors").touch()
    refusal(tmp_path / "empty.safetensors")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float4_e2m1fn_x2, torch.complex64])
def test_a_tensor_of_another_type_is_refused_in_one_line(checkpoint: Path, dtype: torch.dtype):
    name, tensor = next(iter(load_file(checkpoint).items()))
    wrong = torch.zeros(tensor.shape, dtype=torch.complex64) if dtype.is_complex else tensor.to(torch.uint8)
    rewritten(checkpoint, lambda _: None, **{name: wrong if dtype.is_complex else wrong.view(dtype)})
    assert f"tensor {name} is {dtype}, expected torch.float32" in refusal(checkpoint)


def test_the_network_that_was_checked_is_handed_out_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch):
    """Making it takes longer than reading its weights; and no two callers share one."""
    built = []
    monkeypatch.setattr("models.checkpoint.build_network", lambda spec: built.append(spec) or build_network(spec))
    read = load_checkpoint(checkpoint)
    first = read.trained()
    assert len(built) == 1
    second = read.trained()
    assert len(built) == 2
    assert first is not second
    assert not first.training
    assert not dataclasses.replace(read, seed=8)._checked
