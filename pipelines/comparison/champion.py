"""The colorizer that serves a track, as the registry of models knows it: an argument of comparisons."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Champion:
    """The trained recipe that is served."""

    recipe: str
    checkpoint: str
    """The key of its training in the lake."""
    checkpoint_sha256: str
    training_set: str
    """The fingerprint of the training set that it learned from."""
    mlflow_run_id: str
    """The run of its training."""
