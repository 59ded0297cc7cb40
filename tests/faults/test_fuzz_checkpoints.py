"""Checkpoints of any content, from the command line: a whole picture, or one line that names file and remedy."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from models.checkpoint import CheckpointError
from models.digest import content_digest
from pipelines.colorize.load import load_colorizer
from pipelines.colorize.picture import Colorizer
from tests.installation import Installation
from tests.untrained import install_untrained

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=10), parts, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that colours. Read it only."""
    return install_untrained(tmp_path_factory.mktemp("trained"), "webtoon_l2")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "page.png"
    gray = np.linspace(0, 255, 40 * 48, dtype=np.uint8).reshape(40, 48)
    cv2.imwrite(str(path), gray)
    return path


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where each example works."""
    return tmp_path_factory.mktemp("work")


def colored_or_refused(path: Path, picture: Path) -> bool:
    """True where the command line colours with the checkpoint, False where it refuses it in one line that names it."""
    out = path.with_name("out.png")
    out.unlink(missing_ok=True)
    installation = Installation(path.with_name("home"))
    done = installation.try_to("colorize", str(picture), str(out), "--colorizer", str(path), "--gray")
    if done.returncode == 0:
        assert cv2.imread(str(out)).shape == (40, 48, 3)
        return True
    assert not out.exists()
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert str(path) in lines[0]
    assert len(lines[0]) < 1000
    return False


@given(places=st.lists(st.tuples(st.integers(0, 2**30), st.integers(1, 255)), min_size=1, max_size=8))
def test_flipped_bytes(places: list[tuple[int, int]], whole: Path, picture: Path, here: Path):
    data = bytearray(before := whole.read_bytes())
    for place, change in places:
        data[place % len(data)] ^= change
    path = here / "flipped.safetensors"
    path.write_bytes(data)
    assert colored_or_refused(path, picture) == (data == before)


@given(start=st.integers(0, 2**30), length=st.integers(1, 2**20), more=st.binary(max_size=200))
def test_cut_out_and_pasted_in(start: int, length: int, more: bytes, whole: Path, picture: Path, here: Path):
    before = whole.read_bytes()
    start %= len(before)
    data = before[:start] + more + before[start + length :]
    path = here / "pasted.safetensors"
    path.write_bytes(data)
    assert colored_or_refused(path, picture) == (data == before)


def metadata_of(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["tintoon"])


def _set(values: Any, place: list[int], new: Any) -> Any:
    """The values with one of them, somewhere within, replaced."""
    if not place or not values or not isinstance(values, dict | list):
        return new
    keys = sorted(values) if isinstance(values, dict) else range(len(values))
    key = keys[place[0] % len(keys)]
    changed = values.copy()
    changed[key] = _set(values[key], place[1:], new)
    return changed


@given(place=st.lists(st.integers(0, 50), min_size=1, max_size=5), new=JSON, is_signed=st.booleans())
def test_metadata_of_any_type(place: list[int], new: Any, is_signed: bool, whole: Path, here: Path):
    """Also with the right digest, as somebody who means harm would write it."""
    origin, weights = metadata_of(whole), load_file(whole)
    del origin["digest"]
    origin = _set(origin, place, new)
    if is_signed and isinstance(origin, dict):
        origin["digest"] = content_digest(origin, weights)
    path = here / "metadata.safetensors"
    save_file(weights, path, {"tintoon": json.dumps(origin)})
    colorizer = loaded_or_refused(path)
    if colorizer is not None:
        # What loads colours, or says why not: its layers cannot halve this resolution, say.
        with suppress(ValueError, RuntimeError):
            assert colorizer.colorize(np.full((40, 48), 90, np.uint8)).shape == (40, 48, 3)


def loaded_or_refused(path: Path) -> Colorizer | None:
    """The colorizer of a checkpoint; None where it is refused in one line that names it."""
    refusal = ""
    try:
        return load_colorizer(path, "cpu")
    except CheckpointError as error:
        refusal = str(error)
    assert refusal.startswith(str(path))
    assert "\n" not in refusal
    assert len(refusal) < 1000
    return None
