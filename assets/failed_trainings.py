"""The trainings that the weekly schedule asked for and that failed, from Dagster's own record of its runs."""

from itertools import takewhile

import dagster as dg

RECIPE_TAG = "tintoon/recipe"
TRAINING_SET_TAG = "tintoon/training_set"
"""Tags of a weekly training's run; Dagster copies them to its retries."""


def failed_trainings(instance: dg.DagsterInstance, training_set: str) -> dict[str, tuple[str, int]]:
    """The number of weekly trainings on a training set that failed one after the other, the last ones, by recipe.

    A run and its retries are one training: it failed when none of them succeeded or is under way.
    Returns recipe -> (the training set's fingerprint, the number); only recipes whose last training failed.
    """
    newest_first: dict[str, dict[str, set[dg.DagsterRunStatus]]] = {}
    for record in instance.get_run_records(dg.RunsFilter(tags={TRAINING_SET_TAG: training_set})):
        run = record.dagster_run
        trainings = newest_first.setdefault(run.tags[RECIPE_TAG], {})
        trainings.setdefault(run.root_run_id or run.run_id, set()).add(run.status)
    failures = {
        recipe: sum(1 for _ in takewhile({dg.DagsterRunStatus.FAILURE}.__eq__, trainings.values()))
        for recipe, trainings in newest_first.items()
    }
    return {recipe: (training_set, count) for recipe, count in failures.items() if count}
