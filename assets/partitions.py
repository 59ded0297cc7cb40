"""The partitions of the lineage: an issue or a title (their number grows), a split, a recipe. Never a picture."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache

import dagster as dg

from pipelines.lake import split_issue_key
from pipelines.params import SPLITS
from pipelines.terms.dropped import drop_command
from pipelines.training.registry import TRAININGS

issues = dg.DynamicPartitionsDefinition(name="issue")
titles = dg.DynamicPartitionsDefinition(name="title")
splits = dg.StaticPartitionsDefinition(list(SPLITS))


def titles_of(issue_keys: Iterable[str]) -> list[str]:
    """The titles of issues, each once, in their order."""
    return list(dict.fromkeys(split_issue_key(key)[0] for key in issue_keys))


def ranges(keys: Sequence[str], known: Sequence[str], *, at_most: int) -> list[list[str]]:
    """The keys, in their order, cut where two are no neighbours among the known ones: a run takes a range of these."""
    places = {key: place for place, key in enumerate(known)}
    found: list[list[str]] = []
    for key in keys:
        if found and len(found[-1]) < at_most and places[key] == places[found[-1][-1]] + 1:
            found[-1].append(key)
        else:
            found.append([key])
    return found


def undeclared_issues(instance: dg.DagsterInstance, declared: Collection[str]) -> list[str]:
    """The issues that are partitions though their title is not declared any more."""
    known = instance.get_dynamic_partitions(str(issues.name))
    return [key for key in known if split_issue_key(key)[0] not in declared]


def undeclared_titles(instance: dg.DagsterInstance, declared: Collection[str]) -> list[str]:
    """The titles that are partitions though they are not declared any more."""
    return [title for title in instance.get_dynamic_partitions(str(titles.name)) if title not in declared]


def remove_undeclared(instance: dg.DagsterInstance, declared: Collection[str]) -> dict[str, int]:
    """Takes titles that are not declared any more, with their issues, out of the partitions; their tables stay.

    Returns the number of issues by title.
    """
    gone = undeclared_issues(instance, declared)
    for key in gone:
        instance.delete_dynamic_partition(str(issues.name), key)
    for title in undeclared_titles(instance, declared):
        instance.delete_dynamic_partition(str(titles.name), title)
    return dict(Counter(split_issue_key(key)[0] for key in gone))


def left_line(title: str, count: int) -> str:
    """What becomes of a title that is not declared any more, for people."""
    return (
        f"{title}: not declared in titles.yaml any more: its {count} issue{'s' if count > 1 else ''} will not be in "
        f"the next training set; the tables stay until: {drop_command(title)}"
    )


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
