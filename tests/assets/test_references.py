"""The asset `references[title]`: what it reports, and that titles become its partitions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.dataset import references
from assets.home import Home
from assets.partitions import issues, titles
from assets.resources import default_resources
from pipelines.colorize.title_references import load_title_references
from studio.materialize import Selection, register_issues
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

__all__ = ["write_lake"]

KEYS = ["moon-cat__1", "moon-cat__2", "a-sun__1"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as running:
        yield running


@pytest.fixture
def resources(tmp_path: Path, write_lake: WriteLake) -> dict[str, Any]:
    write_lake(
        tmp_path / "lake",
        {
            ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(3)]),
            ("moon-cat", "2"): ("test", [drawn_panel(seed) for seed in range(10, 12)]),
            ("a-sun", "1"): ("train", [drawn_panel(20)]),
        },
    )
    return default_resources(Home.of({"TINTOON_HOME": str(tmp_path)}))


def materialized(resources: dict[str, Any], instance: dg.DagsterInstance, title: str, **config: Any) -> dict[str, Any]:
    result = dg.materialize(
        [references],
        partition_key=title,
        instance=instance,
        resources={name: resources[name] for name in ("lake", "settings")},
        run_config={"ops": {"references": {"config": config}}},
    )
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in metadata.items()}


def test_a_title_is_a_partition_with_its_panels(resources: dict[str, Any], instance: dg.DagsterInstance):
    register_issues(KEYS, instance)
    assert instance.get_dynamic_partitions(str(titles.name)) == ["moon-cat", "a-sun"]
    found = materialized(resources, instance, "moon-cat", max_panels=4, lines=False)
    assert (found["panels_train"] + found["panels_test"], found["panels_val"]) == (4, 0)
    assert (found["kept panels of the title"], found["limit"], found["added"]) == (5, 4, 4)
    assert not found["unchanged"]
    assert "data:image/jpeg" in found["references"]
    lake = resources["lake"]
    assert len(load_title_references(lake.open(), "moon-cat", cache=lake.cache)) == 4
    again = materialized(resources, instance, "moon-cat", max_panels=4, lines=False)
    assert (again["added"], again["unchanged"], again["references"]) == (0, True, found["references"])


def test_titles_of_a_home_of_an_earlier_version_are_registered_when_they_run(instance: dg.DagsterInstance):
    instance.add_dynamic_partitions(str(issues.name), KEYS)
    assert Selection([]).keys("references", instance) == ["moon-cat", "a-sun"]
    assert instance.get_dynamic_partitions(str(titles.name)) == ["moon-cat", "a-sun"]
    assert Selection([], titles=["a-sun"]).keys("references", instance) == ["a-sun"]
    assert Selection([], issues=["moon-cat__2"]).keys("references", instance) == ["moon-cat"]
    with pytest.raises(ValueError, match="no title 'nobody'"):
        Selection([], titles=["nobody"]).keys("references", instance)
