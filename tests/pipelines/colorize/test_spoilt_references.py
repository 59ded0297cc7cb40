"""Indexes of references that were damaged, or that are something else, are refused in one line."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipelines.colorize.references import FORMAT, References, ReferencesError


@pytest.fixture(scope="module")
def index() -> bytes:
    colors = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    return References.of([("a", colors), ("b", colors[::-1])]).to_bytes()


def refused(path: Path) -> str:
    with pytest.raises(ReferencesError, match="make it again") as caught:
        References.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_any_flipped_byte_is_noticed(index: bytes, tmp_path: Path):
    path = tmp_path / "index.safetensors"
    for place in random.Random(0).sample(range(len(index)), 100):
        data = bytearray(index)
        data[place] ^= 0x04
        path.write_bytes(data)
        refused(path)


def test_an_index_of_an_earlier_version_has_no_digest(index: bytes, tmp_path: Path):
    path = tmp_path / "index.safetensors"
    path.write_bytes(index)
    tensors, listed = load_file(path), [{"name": name, "size": [4, 6], "weight": 1.0} for name in "ab"]
    entries = References.load(path).entries
    listed = [{"name": one.name, "size": list(one.places.size), "weight": one.weight} for one in entries]
    about = {"format": FORMAT, "variant": "gray", "pictures": json.dumps(listed)}
    save_file(tensors, path, about)
    assert References.load(path).names == ("a", "b")
    for key, value in [
        ("pictures", "["),
        ("pictures", "{}"),
        ("pictures", json.dumps([{**listed[0], "size": [10**9, 2]}])),
        ("pictures", json.dumps([{**listed[0], "size": [1, 1]}])),
        ("pictures", json.dumps([*listed, listed[0]])),
        ("pictures", json.dumps([{**listed[0], "weight": "much"}])),
        ("variant", "sepia"),
    ]:
        save_file(tensors, path, {**about, key: value})
        refused(path)
    save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, path, about)
    refused(path)
