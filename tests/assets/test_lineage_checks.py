"""Reports of materializations: the blocking check on lookalikes, and numbers that plot beside pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.collect import issue_pages, panels
from assets.dataset import gray_panels
from assets.home import Home
from assets.partitions import issues
from assets.resources import default_resources
from assets.select import issue_splits, unique_panels
from benchmarks.copy_changes import at_night, encoded_poorly, mirrored, zoomed
from demo.draw import draw_webtoon
from pipelines.lake import Lake
from pipelines.panels.hashing import phash, thumbnail
from tests.installation import Installation
from tests.pipelines.conftest import drawn_panel, put_panels
from tests.pipelines.copies.pictures import detailed_panel

CHECK = "no_lookalikes_across_splits"
COPIES = {"near": encoded_poorly, "mirrored": mirrored, "zoomed": zoomed, "recoloured": at_night}
ISSUES = ("ep1", "ep2", "ep3")  # of three issues, each has a split of its own


def resources_below(folder: Path) -> dict[str, Any]:
    """The resources of an installation in a folder, with a titles.yaml beside its lake."""
    home = {"TINTOON_HOME": str(folder), "TINTOON_TITLES": str(folder / "titles.yaml")}
    return default_resources(Home.of(home))


def bits_apart(rgb: np.ndarray, other: np.ndarray) -> int:
    return (int(phash(rgb), 16) ^ int(phash(other), 16)).bit_count()


def nearly(rgb: np.ndarray) -> np.ndarray:
    """The same picture with some noise, by which its perceptual hash differs in a bit or a few."""
    for seed in range(100):
        noise = np.random.default_rng(seed).integers(-20, 21, rgb.shape)
        noisy = np.clip(rgb + noise, 0, 255).astype(np.uint8)
        if 1 <= bits_apart(rgb, noisy) <= 4:
            return noisy
    raise AssertionError("no noise changes the hash by so little")


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path / "lake")


@pytest.fixture
def put(lake) -> Callable[..., None]:
    """Writes the panel tables of a title's issues. `looks` are hashed and made thumbnails of in place of panels."""

    def write(found: dict[str, list[np.ndarray]], looks: dict[str, np.ndarray] | None = None) -> None:
        for issue, pictures in found.items():
            names = (f"moon-cat__{issue}__{number:04d}" for number in range(1, len(pictures) + 1))
            seen = [(looks or {}).get(name, rgb) for name, rgb in zip(names, pictures, strict=True)]
            hashes, thumbnails = [phash(rgb) for rgb in seen], [thumbnail(rgb) for rgb in seen]
            made_from = str([hashes, thumbnails])
            put_panels(lake, "moon-cat", issue, pictures, made_from=made_from, phash=hashes, thumbnail=thumbnails)

    return write


@pytest.fixture
def select(lake, tmp_path) -> Iterator[Callable[[int], dg.ExecuteInProcessResult]]:
    """Decides, splits and makes the gray pictures of train, with a radius of duplicates in bits."""
    (tmp_path / "titles.yaml").write_text(
        "titles:\n  moon-cat: {source: folder, address: x, licence: CC-BY-4.0, attribution: A tester}\n"
    )
    with dg.DagsterInstance.ephemeral() as instance:

        def call(radius_bits: int) -> dg.ExecuteInProcessResult:
            return dg.materialize(
                [unique_panels, issue_splits, gray_panels],
                partition_key="train",
                instance=instance,
                resources=resources_below(tmp_path),
                run_config={
                    "ops": {
                        "unique_panels": {"config": {"radius_bits": radius_bits}},
                        "gray_panels": {"config": {"resolutions": [32]}},
                    }
                },
                raise_on_error=False,
            )

        yield call


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.check_name == CHECK
    assert evaluation.blocking
    return evaluation


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key or "" for event in result.get_asset_materialization_events()}


def test_panels_of_their_own_pass_and_flow_on(put, select, lake):
    put({issue: [drawn_panel(10 * n + k) for k in range(3)] for n, issue in enumerate(ISSUES)})
    result = select(4)
    assert result.success
    assert check_of(result).passed
    assert check_of(result).metadata["leaks"].value == 0
    assert made(result) == {"unique_panels", "issue_splits", "gray_panels"}
    splits = {row["split"]: row["panels"] for row in lake.read_table(lake.issue_splits).to_pylist()}
    assert splits == {"train": 3, "val": 3, "test": 3}  # so there was something to compare


def test_a_lookalike_in_another_split_stops_the_run_until_it_is_dropped(put, select, lake, tmp_path):
    pictures = {issue: [drawn_panel(10 * n + k) for k in range(3)] for n, issue in enumerate(ISSUES)}
    # Its pixels are others, so that the search for copies does not confirm what the check sees.
    pictures["ep2"].append(drawn_panel(99))
    put(pictures, {"moon-cat__ep2__0004": nearly(pictures["ep1"][0])})
    (tmp_path / "radius.yaml").write_text("unique_panels: {radius_bits: 0}")
    result = select(0)  # only equal hashes count as duplicates: the pair stays
    assert not result.success
    found = check_of(result)
    assert not found.passed
    assert found.metadata["leaks"].value == 1
    assert "radius_bits" in str(found.metadata["remedy"].value)
    shown = [value for value in found.metadata.values() if isinstance(value, dg.MarkdownMetadataValue)]
    assert any("data:image/jpeg" in value.value for value in shown)
    assert "gray_panels" not in made(result)
    assert not list(lake.variants("gray").glob("*"))

    completed = Installation(tmp_path, {"TINTOON_TITLES": str(tmp_path / "titles.yaml")}).try_to(
        "run", "unique_panels", "issue_splits", "--config", str(tmp_path / "radius.yaml")
    )
    assert completed.returncode == 1
    (reason,) = [line for line in completed.stderr.splitlines() if "failed (" in line]
    assert reason.startswith(f"issue_splits : check {CHECK} failed (leaks: 1, remedy: raise radius_bits")
    assert "base64" not in completed.stderr

    result = select(4)  # what the check advises
    assert result.success
    assert check_of(result).passed
    assert "gray_panels" in made(result)
    (dropped,) = [row for row in lake.read_table(lake.unique_panels).to_pylist() if not row["kept"]]
    assert dropped["duplicate_of"] == "moon-cat__ep1__0001"


@pytest.mark.parametrize("change", ["near", "mirrored", "zoomed", "recoloured"])
def test_a_copy_in_another_split_is_left_out_and_the_run_goes_on(put, select, lake, change):
    pictures = {issue: [detailed_panel(10 * n + k + 4) for k in range(3)] for n, issue in enumerate(ISSUES)}
    pictures["ep2"].append(COPIES[change](pictures["ep1"][0]))
    put(pictures)
    result = select(0)
    assert result.success
    assert check_of(result).passed
    (left_out,) = [one for row in lake.read_table(lake.issue_splits).to_pylist() for one in row["left_out"]]
    splits = {row["key"]: row["split"] for row in lake.read_table(lake.issue_splits).to_pylist()}
    assert left_out == {
        "panel_id": "moon-cat__ep2__0004",
        "reason": "copy_across_splits",
        "of": f"{change}: moon-cat__ep1__0001 of {splits['moon-cat__ep1']}",
    }
    (made_of,) = [event for event in result.get_asset_materialization_events() if event.step_key == "issue_splits"]
    metadata = made_of.materialization.metadata
    assert metadata["left_out_copy_across_splits"].value == 1
    assert "1 panels are copies of earlier ones" in str(metadata["notices"].value)


def test_counts_stay_numbers_beside_the_pictures(tmp_path):
    """A picture that takes the name of a count would take its place, and its plot."""
    for issue in draw_webtoon(issues=3, panels_per_issue=4).issues:
        for number, data in enumerate(issue.slices, start=1):
            page = tmp_path / "drawn" / f"{issue.number}" / f"{number:02}.jpg"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(data)
    (tmp_path / "titles.yaml").write_text(
        "titles:\n  drawn: {source: folder, address: drawn, licence: CC0-1.0, attribution: A tester}\n"
    )
    resources = resources_below(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        keys = [f"drawn__{number}" for number in (1, 2, 3)]
        instance.add_dynamic_partitions(str(issues.name), keys)
        collected = [
            dg.materialize([stage], partition_key=key, instance=instance, resources=resources)
            for key in keys
            for stage in (issue_pages, panels)
        ]
        selected = dg.materialize([unique_panels, issue_splits], instance=instance, resources=resources)
    metadata = {
        event.step_key: event.step_materialization_data.materialization.metadata
        for result in (*collected, selected)
        for event in result.get_asset_materialization_events()
    }
    numbers = {
        "panels": ["panels", "passing", "too_small", "too_large", "gray", "pages"],
        "unique_panels": ["kept", "near_duplicate", "issues"],
        "issue_splits": ["train", "val", "test", "new_issues"],
    }
    for asset, names in numbers.items():
        for name in names:
            assert isinstance(metadata[asset][name], dg.IntMetadataValue), (asset, name)
        assert any(isinstance(value, dg.MarkdownMetadataValue) for value in metadata[asset].values()), asset
