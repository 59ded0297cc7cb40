"""MLflow: one flat run for each training, found again after a kill, linked both ways with Dagster.

Every call names its run explicitly; the global active run is never touched. mlflow is imported inside the
methods, so that loading the definitions stays fast.
"""

import logging
import time
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.tracking.moved_home import follow_home
from assets.tracking.schema import make_schema, one_writer
from assets.tracking.versions import is_absent

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

EXPERIMENT = "colorizers"
TRAINING_VIEW = "workflowType=machine_learning"
"""MLflow's UI opens on its pages about agents; this makes it open on runs, curves and pictures."""


class TrackedRun:
    """One MLflow run, open for writing. Metrics are buffered; a step that is already there is not written twice."""

    def __init__(self, client: "MlflowClient", run_id: str, url: str) -> None:
        self.run_id = run_id
        self.url = url
        self._client = client
        self._buffer: list[Any] = []

    @cached_property
    def _written(self) -> dict[str, int]:
        """The last step of each metric. The store keeps it with the run, so no history is read."""
        return {metric.key: metric.step for metric in self._client.get_run(self.run_id).data.to_proto().metrics}

    @cached_property
    def _pictures(self) -> set[tuple[str, int]]:
        """Keys and steps of the pictures that are there: MLflow writes them as `<key>+step+<step>+...`."""
        names = [Path(file.path).name.split("+") for file in self._client.list_artifacts(self.run_id, "images")]
        return {(name[0], int(name[2])) for name in names if len(name) > 2 and name[1] == "step"}

    def results(self, values: dict[str, float], *, step: int) -> None:
        """Writes numbers, also at a step that has some already: the latest ones count."""
        for key in values:
            self._written.pop(key, None)
        self.metrics(values, step=step)

    def metrics(self, values: dict[str, float], *, step: int) -> None:
        """Writes numbers at a step. Steps that were written before, which a resumed training repeats, are left out."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for key, value in values.items():
            if step > self._written.get(key, -1):
                self._buffer.append(Metric(key, float(value), now, step))
                self._written[key] = step
        if len(self._buffer) >= 200:
            self.flush()

    def flush(self) -> None:
        """Writes what is buffered."""
        for start in range(0, len(self._buffer), 1000):
            self._client.log_batch(self.run_id, metrics=self._buffer[start : start + 1000])
        self._buffer.clear()

    def picture(self, key: str, picture: "np.ndarray", *, step: int) -> None:
        """Writes a picture, uint8 RGB (H, W, 3), to the image grid, at a step; one that is there already stays."""
        if (key, step) in self._pictures:
            return
        self._pictures.add((key, step))
        self._client.log_image(self.run_id, picture, key=key, step=step)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Writes a file as an artifact."""
        self._client.log_artifact(self.run_id, str(path), folder)

    def folder(self, path: Path, name: str) -> None:
        """Writes a folder, with its content, as artifacts."""
        self._client.log_artifacts(self.run_id, str(path), name)

    def text(self, text: str, name: str) -> None:
        """Writes a text artifact."""
        self._client.log_text(self.run_id, text, name)

    def document(self, value: dict[str, Any], name: str) -> None:
        """Writes a JSON artifact."""
        self._client.log_dict(self.run_id, value, name)

    def table(self, frame: "pd.DataFrame", name: str) -> None:
        """Writes a table as a Parquet artifact."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            frame.to_parquet(path, index=False)
            self.file(path, str(Path(name).parent))

    def tags(self, values: dict[str, str]) -> None:
        """Sets tags; an earlier value of the same key is replaced."""
        for key, value in values.items():
            self._client.set_tag(self.run_id, key, value)

    def tag(self, key: str) -> str | None:
        """The value of a tag, or None."""
        return self._client.get_run(self.run_id).data.tags.get(key)

    def end(self, status: str = "FINISHED") -> None:
        """Writes what is buffered and closes the run as FINISHED, FAILED or KILLED."""
        self.flush()
        self._client.set_terminated(self.run_id, status)


class Tracking(dg.ConfigurableResource):
    """The MLflow store."""

    uri: str
    artifacts: str
    ui: str
    dagster_ui: str

    def client(self) -> "MlflowClient":
        """A client of the store, whose schema is made where it is not there yet."""
        from mlflow import MlflowClient

        make_schema(self.uri)
        follow_home(self.uri, self.artifacts)
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def experiment_id(self, name: str = EXPERIMENT) -> str:
        """An experiment that groups runs; made, with the store's schema, where it is not there yet.

        One that was deleted in MLflow's UI is brought back, with its runs: MLflow makes no other of the same name.
        """
        client = self.client()
        found = client.get_experiment_by_name(name)
        if found and found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
            _log.warning("the MLflow experiment %r was deleted; it is brought back, with its runs", name)
        if found:
            return found.experiment_id
        kind = {"mlflow.experimentKind": "custom_model_development"}
        with one_writer(self.uri):
            found = client.get_experiment_by_name(name)  # another process may have been faster
            if found:
                return found.experiment_id
            return client.create_experiment(name, artifact_location=self.artifacts, tags=kind)

    @property
    def charts_url(self) -> str:
        """The page that compares runs."""
        return f"{self.ui}/#/experiments/{self.experiment_id()}/runs?compareRunsMode=CHART&{TRAINING_VIEW}"

    def url_of(self, run_id: str, *, experiment: str = EXPERIMENT) -> str:
        """The page of a run."""
        return f"{self.ui}/#/experiments/{self.experiment_id(experiment)}/runs/{run_id}?{TRAINING_VIEW}"

    def start(
        self, name: str, *, digest: str, parameters: dict[str, Any], tags: dict[str, str], experiment: str = EXPERIMENT
    ) -> TrackedRun:
        """The run of this digest, running again where an interrupted process has begun it, or a new one.

        digest: What the run is about, hexadecimal; kept as a tag. Callers hold a lock: of two processes that start a
        run of one digest at once, each would make its own.
        """
        from mlflow.entities import Param

        client = self.client()
        place = self.experiment_id(experiment)
        begun = client.search_runs([place], f"tags.digest = '{digest}'", max_results=1)
        run = begun[0] if begun else client.create_run(place, run_name=name, tags={"digest": digest})
        client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in parameters.items()])
        return self.reopen(run.info.run_id, tags=tags, experiment=experiment)

    def reopen(self, run_id: str, *, tags: dict[str, str], experiment: str = EXPERIMENT) -> TrackedRun:
        """An earlier run, running again. Raises mlflow's MlflowException when the store does not have it."""
        client = self.client()
        client.update_run(run_id, status="RUNNING")
        run = TrackedRun(client, run_id, self.url_of(run_id, experiment=experiment))
        run.tags(tags)
        return run

    def finished(self, run_id: str) -> TrackedRun:
        """An earlier run, to add results to; it stays finished. One that was deleted in MLflow's UI is brought back.

        Raises ValueError, with the remedy, where the store does not have it.
        """
        from mlflow.exceptions import MlflowException

        client = self.client()
        try:
            is_deleted = client.get_run(run_id).info.lifecycle_stage == "deleted"
        except MlflowException as error:
            if not is_absent(error):
                raise
            raise ValueError(
                f"MLflow no longer has the run {run_id!r} of this training; train it again, into a new run "
                "(tintoon run colorizer --recipe NAME)"
            ) from None
        if is_deleted:
            client.restore_run(run_id)
            _log.warning("the MLflow run %s was deleted; it is brought back", run_id)
        return TrackedRun(client, run_id, self.url_of(run_id))

    def has(self, run_id: str) -> bool:
        """True where the store has this run, not deleted."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client().get_run(run_id).info.lifecycle_stage == "active"
        except MlflowException as error:
            if is_absent(error):
                return False
            raise

    def log_training_set(self, run_id: str, *, name: str, fingerprint: str, source: str, profile: str) -> None:
        """Logs the training set as an input of the run: `search_runs` and the UI find runs by its digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=name, digest=fingerprint[:36], source_type="local", source=source, schema=None, profile=profile
        )
        tag = InputTag(key="mlflow.data.context", value="training")
        self.client().log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])
