"""The registered colorizers: MLflow's model registry, one model a track, with the aliases `champion` and `challenger`.

Every call names its model and version. A version is a checkpoint artifact of a training's run; its tags hold the
recipe, the training set, the benchmark and the decision on it.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from assets.tracking.client import Tracking
from assets.tracking.versions import CHAMPIONS, MODELS, Alias, Version, is_absent, version_at, version_of
from pipelines.comparison.champion import Champion

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from pipelines.evaluation.tracks import Track

CHECKPOINT = "checkpoint/checkpoint.safetensors"
"""The artifact of a run that is registered."""


class Registry:
    """The versions of one track."""

    def __init__(self, tracking: Tracking, track: "Track") -> None:
        self._tracking = tracking
        self.model = MODELS[track]
        self.track: Track = track

    @cached_property
    def _client(self) -> "MlflowClient":
        return self._tracking.client()

    def at(self, alias: Alias) -> Version | None:
        """The version of an alias, or None."""
        return version_at(self._tracking.uri, self.track, alias)

    def numbered(self, number: str) -> Version | None:
        """A version by its number; None where there is none, or where it was deleted in MLflow's UI."""
        from mlflow.exceptions import MlflowException

        try:
            return version_of(self._client.get_model_version(self.model, number))
        except MlflowException as error:
            if is_absent(error):
                return None
            raise

    def of_checkpoint(self, sha256: str) -> Version | None:
        """The version of a checkpoint, or None if it was never registered."""
        # Hex digits only, so nothing is to be quoted.
        found = self._client.search_model_versions(
            f"name = '{self.model}' and tag.checkpoint_sha256 = '{sha256}'", max_results=1
        )
        return version_of(found[0]) if found else None

    def undone(self) -> list[Version]:
        """The versions that were taken back as champions."""
        found = self._client.search_model_versions(f"name = '{self.model}'", max_results=10_000)
        return [version for version in map(version_of, found) if "undone" in version.tags]

    def register(self, run_id: str, *, tags: dict[str, str]) -> Version:
        """Registers the checkpoint of a run as a new version."""
        client = self._client
        if not client.search_registered_models(f"name = '{self.model}'"):
            client.create_registered_model(
                self.model, description=f"Trained colorizers of the track {self.track}, as safetensors."
            )
        source = f"{client.get_run(run_id).info.artifact_uri}/{CHECKPOINT}"
        return version_of(client.create_model_version(self.model, source, run_id, tags=tags))

    def describe(self, version: Version, text: str) -> None:
        """Sets the text beside the version. MLflow keeps 5,000 characters of it, so it leads to the card."""
        self._client.update_model_version(self.model, version.number, text)

    def point(self, alias: Alias, version: Version) -> None:
        """Moves an alias."""
        self._client.set_registered_model_alias(self.model, alias, version.number)

    def clear(self, alias: Alias) -> None:
        """Removes an alias, where it is set."""
        if self.at(alias):
            self._client.delete_registered_model_alias(self.model, alias)

    def tag(self, version: Version, tags: dict[str, str]) -> None:
        """Sets tags of a version; the same key again replaces the value."""
        for key, value in tags.items():
            self._client.set_model_version_tag(self.model, version.number, key, value)


def read_champions(tracking: Tracking) -> "dict[Track, Champion]":
    """The champion of each track that has one."""
    champions: dict[Track, Champion] = {}
    for track in CHAMPIONS.values():
        version = Registry(tracking, track).at("champion")
        if version:
            champions[track] = version.champion
    return champions


def registry_lock(cache: Path) -> FileLock:
    """The lock of an installation around what it publishes once, such as an alias; a second process waits for it.

    cache: The local folder of the installation. Installations on several machines do not see one another's lock.
    """
    cache.mkdir(parents=True, exist_ok=True)
    return FileLock(cache / "registry.lock")
