"""Pictures of runs on withdrawn training sets leave MLflow; numbers, checkpoints and other runs stay."""

import numpy as np

from assets.tracking.client import EXPERIMENT as TRAININGS
from assets.tracking.publish_leaderboard import EXPERIMENT
from assets.tracking.registry import Registry
from assets.tracking.withdraw import learned_versions, withdraw_pictures


def artifacts(tracking, run_id: str, folder: str | None = None) -> set[str]:
    found = set()
    for file in tracking.client().list_artifacts(run_id, folder):
        found |= artifacts(tracking, run_id, file.path) if file.is_dir else {file.path}
    return found


def test_pictures_of_withdrawn_training_sets_go(tracking, tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(b"weights")
    runs = {}
    for name in ("gone", "stays"):
        run = tracking.start(name, digest=name, parameters={}, tags={"training_set": name * 8})
        run.picture("samples", np.zeros((8, 8, 3), np.uint8), step=1)
        run.text("<img>", "card/report.html")
        run.text("numbers", "numbers.md")
        run.file(checkpoint, "checkpoint")
        run.end()
        runs[name] = run.run_id
    board = tracking.start("leaderboard", digest="leaderboard", parameters={}, tags={}, experiment=EXPERIMENT)
    board.text("<img>", "report.html")
    board.text("numbers", "leaderboard_gray.md")
    before = artifacts(tracking, runs["stays"])
    removed, failed = withdraw_pictures(tracking, {"gone" * 8})
    assert (removed >= 3, failed) == (True, [])
    assert artifacts(tracking, runs["gone"]) == {"numbers.md", "checkpoint/checkpoint.safetensors"}
    assert artifacts(tracking, runs["stays"]) == before
    assert artifacts(tracking, board.run_id) == {"leaderboard_gray.md"}
    assert withdraw_pictures(tracking, {"gone" * 8}) == (0, [])

    # A result, on a benchmark that holds it, of a training that does not.
    evaluated = tracking.reopen(runs["stays"], tags={})
    evaluated.picture("test_0123abcd", np.zeros((8, 8, 3), np.uint8), step=1)
    samples = {path for path in before if "samples" in path}
    removed, failed = withdraw_pictures(tracking, {"gone" * 8}, {runs["stays"]})
    assert (removed > 1, failed) == (True, [])
    assert artifacts(tracking, runs["stays"]) == {"numbers.md", "checkpoint/checkpoint.safetensors", *samples}
    assert samples

    registry = Registry(tracking, "gray")
    tags = {"recipe": "webtoon_l2", "checkpoint": "key", "checkpoint_sha256": "c" * 64, "training_set": "gone" * 8}
    version = registry.register(runs["gone"], tags=tags)
    registry.point("champion", version)
    registry.register(runs["stays"], tags={**tags, "checkpoint_sha256": "d" * 64, "training_set": "stays" * 8})
    (found,) = learned_versions(tracking, {"c" * 64}, set())
    assert (found["model"], found["version"], found["aliases"]) == ("colorizer", "1", ["champion"])


def test_pictures_of_deleted_runs_and_experiments_go(tracking):
    """MLflow keeps their files until somebody collects its garbage, and gives them back on demand."""
    runs = []
    for experiment in (TRAININGS, "of-a-person"):
        run = tracking.start(
            "gone", digest="gone", parameters={}, tags={"training_set": "gone" * 8}, experiment=experiment
        )
        run.picture("samples", np.zeros((8, 8, 3), np.uint8), step=1)
        run.end()
        runs.append(run.run_id)
    client = tracking.client()
    client.delete_run(runs[0])
    client.delete_experiment(client.get_run(runs[1]).info.experiment_id)
    removed, failed = withdraw_pictures(tracking, {"gone" * 8})
    assert (removed >= 2, failed) == (True, [])
    assert all(not artifacts(tracking, run) for run in runs)
