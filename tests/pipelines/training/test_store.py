"""The trainings of a lake: run folders of this version, and what an earlier version left."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from models.weights_file import CheckpointError
from pipelines.lake import Lake
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import (
    Curves,
    drop_from,
    find_run_folders,
    load_record,
    read_curves,
    read_samples,
    save_record,
    write_sample,
)
from pipelines.training.store import (
    NotTrainedError,
    checkpoint_path,
    copy_run,
    current_checkpoint,
    has_run_folder,
    is_trained,
    keep_run,
    read_record,
    set_current,
)

RECORD = TrainingRecord(
    recipe="webtoon_l2",
    checkpoint_sha256=sha256(b"weights").hexdigest(),
    training_set="f" * 64,
    best_step=4,
    best_validation=0.5,
    seconds=1.5,
    pictures_seen=8,
    seed=0,
    extractor=None,
    key="0123456789abcdef",
    parameters={"steps": 4},
    machine="x86_64 3.11",
    commit="c0ffee",
)

EARLIER = {
    "recipe": "webtoon_l2",
    "key": "6f224fb9e26b3692",
    "checkpoint": "6f224fb9e26b3692.safetensors",
    "checkpoint_sha256": sha256(b"earlier weights").hexdigest(),
    "training_set": "70b051",
    "mlflow_run_id": "f247dc",
    "best_step": 600,
    "best_validation": 0.0178,
    "seconds": 113.6,
    "pictures_seen": 9600,
    "seed": 0,
    "needs": {"classifier": "a8932e"},
    "extractor": None,
}
"""A record as the version before wrote it."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path / "lake")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"weights")
    curves = Curves(folder / "curves.jsonl")
    for step in range(1, 5):
        curves.add(step, {"train/loss": 1 / step})
    curves.flush()
    for step in (2, 4):
        write_sample(folder, step, np.full((8, 8, 3), step, np.uint8))
    save_record(folder, RECORD)
    return folder


def test_a_run_folder_is_kept_found_and_copied_out(lake: Lake, run_folder: Path, tmp_path: Path):
    with pytest.raises(NotTrainedError, match="webtoon_l2 has not been trained yet: materialize colorizer"):
        read_record(lake, "webtoon_l2")
    record = replace(RECORD, mlflow_run_id="r1")
    keep_run(lake, run_folder, record)
    assert is_trained(lake, "webtoon_l2")
    assert read_record(lake, "webtoon_l2") == read_record(lake, "webtoon_l2", RECORD.key) == record
    assert current_checkpoint(lake, "webtoon_l2", tmp_path).read_bytes() == b"weights"

    copy_run(lake, record, tmp_path / "copies" / "webtoon_l2")
    ((folder, copied),) = find_run_folders(tmp_path / "copies")
    assert copied == record
    assert dict(read_curves(folder / "curves.jsonl")) == dict(read_curves(run_folder / "curves.jsonl"))
    assert [step for step, _ in read_samples(folder)] == [2, 4]


def test_a_remote_lake_gives_local_copies(run_folder: Path, tmp_path: Path):
    lake = Lake.at("memory://kept")
    keep_run(lake, run_folder, RECORD)
    copy = current_checkpoint(lake, "webtoon_l2", tmp_path / "cache")
    assert copy.is_relative_to(tmp_path)
    assert copy.read_bytes() == b"weights"
    copy_run(lake, RECORD, tmp_path / "out")
    assert [step for step, _ in read_samples(tmp_path / "out")] == [2, 4]
    assert load_record(tmp_path / "out") == RECORD


def test_a_resumed_training_drops_what_it_writes_again(run_folder: Path):
    with (run_folder / "curves.jsonl").open("a") as file:
        file.write('{"step": 5, "metr')  # the power went out
    drop_from(run_folder, 3)
    assert list(dict(read_curves(run_folder / "curves.jsonl"))) == [1, 2]
    assert [step for step, _ in read_samples(run_folder)] == [2]


def test_a_lake_of_the_version_before_is_read(lake: Lake, run_folder: Path, tmp_path: Path):
    folder = Path(str(lake.trained("webtoon_l2")))
    folder.mkdir(parents=True)
    for name in ("6f224fb9e26b3692", "current"):
        (folder / f"{name}.json").write_text(json.dumps(EARLIER))
    (folder / "6f224fb9e26b3692.safetensors").write_bytes(b"earlier weights")
    earlier = read_record(lake, "webtoon_l2")
    assert (earlier.key, earlier.best_step, earlier.mlflow_run_id) == ("6f224fb9e26b3692", 600, "f247dc")
    assert earlier.dependencies == {"classifier": "a8932e"}
    assert not has_run_folder(lake, earlier)
    assert current_checkpoint(lake, "webtoon_l2", tmp_path).read_bytes() == b"earlier weights"
    # Registered versions name the file.
    path = checkpoint_path(lake, "webtoon_l2", "6f224fb9e26b3692.safetensors", tmp_path)
    assert path.read_bytes() == b"earlier weights"

    keep_run(lake, run_folder, RECORD)
    assert read_record(lake, "webtoon_l2") == RECORD
    assert read_record(lake, "webtoon_l2", earlier.key) == earlier
    set_current(lake, earlier)
    assert read_record(lake, "webtoon_l2") == earlier


def test_results_of_the_version_before_are_read(tmp_path: Path):
    values = {
        name: value for name, value in EARLIER.items() if name not in ("key", "checkpoint", "mlflow_run_id", "needs")
    }
    values |= {"parameters": {"augmentation.least_crop": 1.0}, "datasheet": {}, "machine": "m", "commit": "c"}
    (tmp_path / "webtoon_l2").mkdir()
    (tmp_path / "webtoon_l2" / "result.json").write_text(json.dumps(values))
    ((_, record),) = find_run_folders(tmp_path)
    assert record.parameters == {"augmentation.min_crop": 1.0}
    assert (record.machine, record.key) == ("m", "")


def test_a_spoilt_checkpoint_is_refused_wherever_it_is_asked_for(lake: Lake, run_folder: Path, tmp_path: Path):
    keep_run(lake, run_folder, RECORD)
    path = Path(str(lake.trained("webtoon_l2"))) / RECORD.key / "checkpoint.safetensors"
    path.write_bytes(b"wEights")
    refused = r"checkpoint.safetensors: not the checkpoint of its record.*tintoon run colorizer --recipe webtoon_l2$"
    with pytest.raises(CheckpointError, match=refused):
        current_checkpoint(lake, "webtoon_l2", tmp_path)
    with pytest.raises(CheckpointError, match=refused):
        copy_run(lake, RECORD, tmp_path / "copy")
    assert not (tmp_path / "copy" / "record.json").exists()
    (run_folder / "checkpoint.safetensors").write_bytes(b"other")
    with pytest.raises(CheckpointError, match=refused):
        keep_run(lake, run_folder, RECORD)


def test_a_spoilt_copy_of_a_remote_checkpoint_is_fetched_again(run_folder: Path, tmp_path: Path):
    lake = Lake.at("memory://spoilt")
    keep_run(lake, run_folder, RECORD)
    copy = current_checkpoint(lake, "webtoon_l2", tmp_path)
    copy.write_bytes(b"wEights")
    assert current_checkpoint(lake, "webtoon_l2", tmp_path).read_bytes() == b"weights"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "[" * 100_000, '{"recipe": 7}', json.dumps({**vars(RECORD), "best_step": "many"}), "\xff"],
)
def test_a_spoilt_record_is_refused_by_name(run_folder: Path, text: str):
    (run_folder / "record.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"record.json: (damaged|no record)") as caught:
        load_record(run_folder)
    assert "\n" not in str(caught.value)
