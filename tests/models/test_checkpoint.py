"""Checkpoints: what goes in comes out, and other files are refused by name."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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
