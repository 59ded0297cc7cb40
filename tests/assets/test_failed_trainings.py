"""The trainings of the weekly schedule that failed, as Dagster's runs tell them."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from assets.failed_trainings import RECIPE_TAG, TRAINING_SET_TAG, failed_trainings

FAILED, DONE, UNDER_WAY = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.STARTED,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as running:
        yield running


def run(instance: dg.DagsterInstance, recipe: str, *statuses: dg.DagsterRunStatus, training_set: str = "now") -> None:
    """A weekly training and its retries, each with its end."""
    root = None
    for status in statuses:
        made = create_run_for_test(
            instance,
            status=status,
            tags={RECIPE_TAG: recipe, TRAINING_SET_TAG: training_set},
            root_run_id=root,
            parent_run_id=root,
        )
        root = root or made.run_id


def test_a_run_and_its_retries_are_one_training(instance):
    run(instance, "a", FAILED, FAILED)
    run(instance, "b", FAILED, DONE)
    run(instance, "c", FAILED, UNDER_WAY)
    assert failed_trainings(instance, "now") == {"a": ("now", 1)}


def test_failures_count_from_the_last_success_on(instance):
    run(instance, "a", FAILED)
    run(instance, "a", FAILED)
    run(instance, "b", FAILED)
    run(instance, "b", DONE)
    run(instance, "b", FAILED)
    assert failed_trainings(instance, "now") == {"a": ("now", 2), "b": ("now", 1)}


def test_other_pictures_count_for_themselves(instance):
    run(instance, "a", FAILED, training_set="before")
    run(instance, "a", FAILED, training_set="before")
    assert failed_trainings(instance, "now") == {}
