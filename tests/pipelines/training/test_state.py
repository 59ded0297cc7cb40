"""States of interrupted trainings: what goes in comes out, and spoilt ones are refused by name."""

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.training.state import TrainingError, read_state, write_state

IDENTITY = {"recipe": {"name": "webtoon_l2"}, "fingerprint": "f"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state.safetensors"
    write_state(path, identity=IDENTITY, progress={"step": 3}, tensors={"network.model.w": torch.arange(64.0)})
    return path


def test_round_trip(state: Path):
    progress, tensors = read_state(state, IDENTITY)
    assert progress == {"step": 3}
    assert torch.equal(tensors["network.model.w"], torch.arange(64.0))


def test_any_flipped_byte_is_noticed(state: Path):
    whole = state.read_bytes()
    for place in random.Random(0).sample(range(len(whole)), 100):
        data = bytearray(whole)
        data[place] ^= 0x04
        state.write_bytes(data)
        with pytest.raises(TrainingError, match=r"state.safetensors: .*remove") as caught:
            read_state(state, IDENTITY)
        assert str(caught.value).startswith(str(state))


def test_a_state_of_an_earlier_version_has_no_digest(state: Path):
    about = {"format": "tintoon-training-state-2", "identity": "{}", "progress": '{"step": 3}'}
    save_file(load_file(state), state, about)
    assert read_state(state, {})[0] == {"step": 3}
    save_file(load_file(state), state, {**about, "progress": "{"})
    with pytest.raises(TrainingError, match="unreadable"):
        read_state(state, {})
