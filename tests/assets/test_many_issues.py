"""One run over many issues: each has its own event, a failed one fails alone, a retry is for the failed ones."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from PIL import Image

from assets.collect import issue_pages, panels
from assets.home import Home
from assets.partitions import issues, ranges
from assets.resources import default_resources

KEYS = [f"drawn__{number}" for number in (1, 2, 3, 4)]
BROKEN = KEYS[1]


class Run:
    """Four issues of one page in a folder, the second one damaged, and runs over all of them."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.pages = folder / "drawn"
        for number in (1, 2, 3, 4):
            self.draw(number)
        (self.pages / "2" / "1.png").write_bytes(b"no picture")
        (folder / "titles.yaml").write_text(
            "titles:\n  drawn: {source: folder, address: drawn, licence: CC0-1.0, attribution: A tester}\n"
        )
        home = Home.of({"TINTOON_HOME": str(folder), "TINTOON_TITLES": str(folder / "titles.yaml")})
        found = [issue_pages, panels]
        jobs = [dg.define_asset_job(f"only_{one.key.to_user_string()}", [one]) for one in found]
        self._definitions = dg.Definitions(found, jobs=jobs, resources=default_resources(home))
        self.instance = instance
        instance.add_dynamic_partitions(str(issues.name), KEYS)

    def draw(self, number: int) -> None:
        picture = np.random.default_rng(number).integers(0, 255, (320, 320, 3), np.uint8)
        (self.pages / str(number)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(self.pages / str(number) / "1.png")

    def __call__(
        self,
        asset: dg.AssetsDefinition,
        *,
        retries: dg.ExecuteInProcessResult | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        found = {ASSET_PARTITION_RANGE_START_TAG: KEYS[0], ASSET_PARTITION_RANGE_END_TAG: KEYS[-1], **(tags or {})}
        if retries:
            found |= dict.fromkeys(("dagster/parent_run_id", "dagster/root_run_id"), retries.run_id)
        job = self._definitions.resolve_job_def(f"only_{asset.key.to_user_string()}")
        return job.execute_in_process(instance=self.instance, raise_on_error=False, tags=found)

    def states(self, asset: dg.AssetsDefinition) -> tuple[set[str], set[str]]:
        """The issues that the UI shows as materialized, and those that it shows as failed."""
        found = get_and_update_asset_status_cache_value(self.instance, asset.key, issues)
        assert found
        with partition_loading_context(None, self.instance):
            done = found.deserialize_materialized_partition_subsets(issues).get_partition_keys()
            failed = found.deserialize_failed_partition_subsets(issues).get_partition_keys()
            return set(done), set(failed)


def events(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    found = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    assert len({str(one.partition) for one in found}) == len(found)
    return {str(one.partition): one for one in found}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # tests/pipelines/panels/test_on_all_cores.py has more
    with dg.DagsterInstance.ephemeral() as instance:
        yield Run(tmp_path, instance)


def test_a_failed_issue_is_named_and_keeps_the_others(run):
    result = run(issue_pages)
    assert not result.success
    others = set(KEYS) - {BROKEN}
    assert run.states(issue_pages) == (others, {BROKEN})
    found = events(result)
    assert [one.metadata["pages_ok"].value for one in found.values()] == [1, 1, 1]
    assert len({one.tags["dagster/data_version"] for one in found.values() if one.tags}) == 3
    (step,) = [event for event in result.all_events if event.is_step_failure]
    told = step.step_failure_data.user_failure_data
    assert told.description.startswith(f"1 of 4 issues failed, the others are done\n{BROKEN}: ")
    assert set(told.metadata["failed"].value) == {BROKEN}

    run.draw(2)
    again = run(issue_pages, retries=result)
    assert again.success
    assert set(events(again)) == {BROKEN}
    assert run.states(issue_pages) == (set(KEYS), set())

    version = {key: one.tags["dagster/data_version"] for key, one in {**found, **events(again)}.items() if one.tags}
    made = events(run(panels))
    for key, one in made.items():
        assert one.tags
        assert one.tags["dagster/input_data_version/issue_pages"] == version[key]
        assert one.tags["dagster/code_version"] == panels.code_versions_by_key[panels.key]
        assert "data:image/jpeg" in str(one.metadata["cut"].value)
        assert one.metadata["unchanged"].value is False
    unchanged = events(run(panels))
    assert all(one.metadata["unchanged"].value and "cut" not in one.metadata for one in unchanged.values())
    assert {key: one.tags for key, one in unchanged.items()} == {key: one.tags for key, one in made.items()}


def test_only_a_retry_leaves_out_what_was_done(run):
    run.draw(2)
    first = run(issue_pages)
    assert first.success
    all_again = run(issue_pages, retries=first)
    assert set(events(all_again)) == set(KEYS)
    assert events(run(issue_pages, retries=first, tags={"dagster/is_resume_retry": "true"})) == {}

    (run.pages / "3" / "1.png").write_bytes(b"no picture")
    repeated = run(issue_pages, retries=all_again)
    assert set(events(repeated)) == set(KEYS) - {KEYS[2]}
    run.draw(3)
    assert set(events(run(issue_pages, retries=repeated))) == {KEYS[2]}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("abcd", ["abc", "d"]),
        ("abd", ["ab", "d"]),
        ("dab", ["d", "ab"]),
        ("", []),
    ],
)
def test_a_run_takes_neighbours(keys: Sequence[str], found: list[str]):
    assert ["".join(one) for one in ranges(keys, "abcd", at_most=3)] == found
