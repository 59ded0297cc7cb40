"""Stages that found nothing new report the pictures and the check of before, without reading any picture again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.collect import issue_pages, panels
from assets.dataset import gray_panels
from assets.home import Home
from assets.partitions import issues
from assets.resources import default_resources
from assets.select import issue_splits, unique_panels
from demo.draw import draw_webtoon
from pipelines.lake import Lake

KEYS = [f"drawn__{number}" for number in (1, 2, 3)]

ALIKE = bytes(767) + b"\xff"
"""A thumbnail: were all panels to have it, the check would find them alike."""

Reported = dict[str, dict[str, Any]]


class Collected:
    """Three drawn issues in an installation, and its stages from the panels to the gray pictures of train."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        for issue in draw_webtoon(issues=3, panels_per_issue=4).issues:
            for number, data in enumerate(issue.slices, start=1):
                page = folder / "drawn" / f"{issue.number}" / f"{number:02}.jpg"
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_bytes(data)
        (folder / "titles.yaml").write_text(
            "titles:\n  drawn: {source: folder, address: drawn, licence: CC0-1.0, attribution: A tester}\n"
        )
        environment = {"TINTOON_HOME": str(folder), "TINTOON_TITLES": str(folder / "titles.yaml")}
        self.resources = default_resources(Home.of(environment))
        self.instance = instance
        self.lake: Lake = self.resources["lake"].open()
        instance.add_dynamic_partitions(str(issues.name), KEYS)
        for key in KEYS:
            assert self.materialize([issue_pages], key)

    def materialize(self, assets: list[dg.AssetsDefinition], partition: str | None = None) -> Reported:
        result = dg.materialize(
            assets,
            partition_key=partition,
            instance=self.instance,
            resources=self.resources,
            run_config={"ops": {"gray_panels": {"config": {"resolutions": [32]}}}} if gray_panels in assets else None,
        )
        found: Reported = {
            str(event.step_key): {
                name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
        }
        for check in result.get_asset_check_evaluations():
            found[check.check_name] = {name: value.value for name, value in check.metadata.items()}
        return found

    def all_stages(self) -> Reported:
        found: Reported = {}
        for key in KEYS:
            found |= {f"{name} {key}": values for name, values in self.materialize([panels], key).items()}
        return {**found, **self.materialize([unique_panels, issue_splits]), **self.materialize([gray_panels], "train")}


def spoil(lake: Lake, path: Any, column: str, garbage: object) -> None:
    """Makes one column of a table unreadable; the rest, and the digest of what it was made from, stay."""
    table, made_from = lake.read_table(path), lake.made_from(path)
    assert made_from
    field = table.schema.field(column)
    values = pa.array([garbage] * len(table), field.type)
    lake.write_table(path, table.set_column(table.schema.get_field_index(column), field, values), made_from=made_from)


@pytest.fixture
def collected(tmp_path: Path) -> Iterator[Collected]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Collected(tmp_path, instance)


def test_what_did_not_change_is_reported_without_its_pictures(collected):
    first = collected.all_stages()
    lake = collected.lake
    no_picture = {"bytes": b"no picture", "path": None}
    for key in KEYS:
        spoil(lake, lake.issue_pages(key), "image", no_picture)
    spoil(lake, lake.unique_panels, "thumbnail", ALIKE)

    again = collected.all_stages()
    stages = [name for name in again if name != "no_lookalikes_across_splits"]
    assert [again[name].pop("unchanged") for name in stages] == [True] * len(stages)
    assert not any(first[name].pop("unchanged") for name in stages)
    assert first["issue_splits"].pop("new_issues") > 0
    assert again["issue_splits"].pop("new_issues") == 0
    for key in KEYS:  # an issue is shown where it changed: events stay for ever
        for picture in ("cut", "passing panels", "dropped panels"):
            assert "data:image/jpeg" in first[f"panels {key}"].pop(picture)
    assert again == first
    shown = [name for values in again.values() for name, value in values.items() if "data:image/jpeg" in str(value)]
    assert {"kept panels", "titles", "gray of train"} <= set(shown)


def test_a_changed_input_is_checked_and_drawn_again(collected):
    first = collected.all_stages()
    spoil(collected.lake, collected.lake.unique_panels, "thumbnail", ALIKE)
    (collected.lake.root / "panels" / "drawn" / "1.parquet").unlink()  # one issue fewer: other decisions
    again = {**collected.materialize([unique_panels, issue_splits])}
    assert not again["unique_panels"]["unchanged"]
    assert again["unique_panels"]["kept panels"] != first["unique_panels"]["kept panels"]
    assert again["issue_splits"]["titles"] != first["issue_splits"]["titles"]
