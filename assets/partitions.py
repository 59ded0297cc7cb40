"""The partitions of the lineage: an issue or a title (their number grows), a split, a recipe. Never a picture."""

from collections.abc import Iterable, Sequence
from functools import cache

import dagster as dg

from pipelines.lake import split_issue_key
from pipelines.params import SPLITS
from pipelines.training.registry import TRAININGS

issues = dg.DynamicPartitionsDefinition(name="issue")
titles = dg.DynamicPartitionsDefinition(name="title")
splits = dg.StaticPartitionsDefinition(list(SPLITS))


def titles_of(issue_keys: Iterable[str]) -> list[str]:
    """The titles of issues, each once, in their order."""
    return list(dict.fromkeys(split_issue_key(key)[0] for key in issue_keys))


@cache
def recipes_of(asset: str) -> dg.StaticPartitionsDefinition | None:
    """The recipes that a training asset trains; None where it trains one alone, without partitions."""
    trained = TRAININGS[asset]
    return None if None in trained else dg.StaticPartitionsDefinition([str(key) for key in trained])


def dependency_links(asset: str) -> Sequence[dg.AssetDep]:
    """The training assets that a training asset depends on, each partition linked to the partitions that need it."""
    links = {other: _links(other, asset) for other in TRAININGS}
    return [
        dg.AssetDep(other, partition_mapping=None if None in TRAININGS[other] else dg.StaticPartitionMapping(found))
        for other, found in links.items()
        if found
    ]


def _links(needed: str, asset: str) -> dict[str, list[str]]:
    """Partitions of `asset` by the partition of `needed` that they need."""
    links = {
        str(partition): [
            str(key) for key, recipe in TRAININGS[asset].items() if any(n.recipe == trained.name for n in recipe.needs)
        ]
        for partition, trained in TRAININGS[needed].items()
    }
    return {partition: keys for partition, keys in links.items() if keys}
