"""From a new issue on a site to the colorizer that is served, as sensors, schedules and conditions drive it.

Nothing is named here that a person would name: what runs is what `new_issues`, `nightly_selection`, `follow_the_data`
and `weekly_retraining` ask for, over SQLite stores of Dagster and MLflow.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import pytest
import yaml
from dagster._core.scheduler.instigation import ScheduleInstigatorData, TickStatus
from typer.testing import CliRunner

from assets.automation import new_issues, nightly_selection, weekly_retraining
from assets.definitions import definitions_of
from assets.home import Home
from assets.resources import default_resources
from assets.stages import STAGES
from assets.tracking.registry import Registry
from assets.tracking.versions import Version, champion_checkpoint
from demo.draw import Webtoon, draw_webtoon
from demo.naver import NaverSite, SiteTitle
from pipelines.evaluation.evaluation import find_evaluation
from pipelines.params import SPLITS
from pipelines.training.store import read_record
from studio.cli.app import app
from tests.installation import PROJECT, QUICK
from tests.prepared import copy_dagster_store, copy_mlflow_store

TITLE_ID = 900001
FIRST_ISSUES, ALL_ISSUES = 7, 8
RECIPE = "webtoon_l2"
MONDAY = datetime(2026, 11, 23, 4)
VARIANTS = {"gray_panels", "edge_panels", "line_panels"}
FROM_THE_SPLITS = {**{name: set(SPLITS) for name in VARIANTS}, "training_set": {None}, "references": {"days"}}
"""What follows from new splits."""

Asked = dict[str, set[str | None]]


@dataclass
class Studio:
    """An installation, and its automation carried out in this process as the daemon does."""

    home: Home
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    settings: dict[str, Any]
    cursor: Any = None
    run_keys: set[str | None] = field(default_factory=set)
    mondays: int = 0

    @property
    def resources(self) -> dict[str, Any]:
        return default_resources(self.home)

    def settle(self, **stages: dict[str, Any]) -> None:
        """Standing settings from now on."""
        self.settings |= stages
        (self.home.root / "settings.yaml").write_text(yaml.safe_dump(self.settings))

    def job(self, name: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(name)
        return job.execute_in_process(partition_key=partition, instance=self.instance, raise_on_error=False)

    def collect(self) -> list[str]:
        """The sensor `new_issues`, and what it asks for. Returns the issues."""
        needed = {name: self.resources[name] for name in ("lake", "catalogue", "settings")}
        context = dg.build_sensor_context(instance=self.instance, definitions=self.definitions, resources=needed)
        result = new_issues(context)
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or []:
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        asked: set[str] = set()
        for request in result.run_requests or []:
            assert request.asset_graph_subset
            for asset, subset in request.asset_graph_subset.partitions_subsets_by_asset_key.items():
                asked.update(subset.get_partition_keys())
                for partition in sorted(subset.get_partition_keys()):
                    assert self.job(STAGES[asset.to_user_string()].job, partition).success
        return sorted(asked)

    def night(self) -> None:
        """The schedule `nightly_selection`."""
        assert self.job(nightly_selection.job_name).success

    def monday(self) -> tuple[dict[str, bool], set[str]]:
        """The weekly schedule, a week later than the last time, and the runs that it asks for.

        Returns whether each run succeeded, by run key, and the reasons that the schedule gave.
        """
        needed = {name: self.resources[name] for name in ("lake", "settings", "tracking")}
        day = MONDAY + timedelta(weeks=self.mondays)
        self.mondays += 1
        done, reasons = {}, set()
        context = dg.build_schedule_context(self.instance, scheduled_execution_time=day, resources=needed)
        for one in weekly_retraining(context):
            if isinstance(one, dg.SkipReason):
                reasons.add(str(one.skip_message))
                continue
            assert one.run_key not in self.run_keys
            self.run_keys.add(one.run_key)
            result = self.definitions.resolve_job_def(weekly_retraining.job_name).execute_in_process(
                partition_key=one.partition_key,
                asset_selection=one.asset_selection,
                tags=one.tags,
                instance=self.instance,
                raise_on_error=False,
            )
            done[str(one.run_key)] = result.success
            reasons.add(one.tags["tintoon/why"])
        return done, reasons

    def follow(self) -> Asked:
        """Ticks of `follow_the_data` with what they ask for, until they ask for nothing. Returns all of it."""
        graph = self.definitions.resolve_asset_graph()
        every = self.definitions.resolve_implicit_global_asset_job_def()
        together: Asked = {}
        while True:
            tick = dg.evaluate_automation_conditions(
                self.definitions, self.instance, asset_selection=dg.AssetSelection.all(), cursor=self.cursor
            )
            self.cursor = tick.cursor
            found = {key: set(tick.get_requested_partitions(key)) for key in graph.toposorted_asset_keys}
            if not any(found.values()):
                return together
            for key, partitions in found.items():
                for partition in sorted(partitions, key=str):
                    result = every.execute_in_process(
                        instance=self.instance, asset_selection=[key], partition_key=partition
                    )
                    assert result.success
                if partitions:
                    together.setdefault(key.to_user_string(), set()).update(partitions)

    def metadata(self, asset: str) -> dict[str, Any]:
        """The metadata of the last materialization of an asset."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def served(self) -> str:
        """The SHA-256 of the checkpoint that users get."""
        path = champion_checkpoint(
            self.resources["lake"].open(), cache=self.resources["lake"].cache, store=self.resources["tracking"].uri
        )
        return sha256(path.read_bytes()).hexdigest()

    def colored(self, page: Path) -> bytes:
        """What `tintoon colorize` makes of a page."""
        target = page.with_name("colored.png")
        result = CliRunner().invoke(app, ["colorize", str(page), str(target)])
        assert result.exit_code == 0, result.output
        return target.read_bytes()


@dataclass(frozen=True)
class Story:
    """What happened, chapter by chapter, and the studio in which it did."""

    studio: Studio
    chapters: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def webtoon() -> Webtoon:
    return draw_webtoon(seed=5, issues=ALL_ISSUES, panels_per_issue=7)


@pytest.fixture(scope="module")
def studio(webtoon: Webtoon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Studio, NaverSite]]:
    root = tmp_path_factory.mktemp("studio")
    first = Webtoon(webtoon.name, webtoon.author, webtoon.synopsis, webtoon.issues[:FIRST_ISSUES])
    with NaverSite({TITLE_ID: SiteTitle(first)}) as site, pytest.MonkeyPatch.context() as patch:
        title = {"source": "naver", "address": site.address(TITLE_ID), "licence": "CC0-1.0", "attribution": "Drawn"}
        (root / "titles.yaml").write_text(yaml.safe_dump({"titles": {"days": title}}))
        patch.setenv("TINTOON_HOME", str(root / "home"))
        patch.setenv("TINTOON_TITLES", str(root / "titles.yaml"))
        patch.setenv("DAGSTER_HOME", "")  # `prepare` sets it, and it is put back afterwards
        home = Home.of()
        home.prepare()
        copy_dagster_store(home.dagster)
        copy_mlflow_store(home.root / "mlflow" / "mlflow.db")
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            definitions = definitions_of(home)
            Context().run(definitions.get_repository_def)  # see tests/conftest.py
            yield Studio(home, instance, definitions, yaml.safe_load(QUICK.read_text())), site


@pytest.fixture(scope="module")
def story(studio: tuple[Studio, NaverSite], webtoon: Webtoon, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """First issues, a quiet week, a new issue whose training crashes and then is worse, and a week after that."""
    here, site = studio
    page = tmp_path_factory.mktemp("page") / "page.png"
    cv2.imwrite(str(page), np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8))
    chapters: dict[str, dict[str, Any]] = {}

    def tell(chapter: str, **facts: Any) -> None:
        chapters[chapter] = {"served": here.served(), "colored": here.colored(page), **facts}

    here.settle(
        retraining={"recipes": [RECIPE]},
        issue_splits={"train_share": 0.8, "val_share": 0.1, "test_share": 0.1},
        colorizer={**here.settings["colorizer"], "steps": 150, "validate_every": 50},
    )
    nothing = here.follow()
    collected = here.collect()
    here.night()
    data = here.follow()
    trained, why = here.monday()
    then = here.follow()
    tell("first", nothing=nothing, collected=collected, data=data, trained=trained, why=why, then=then)
    chapters["first"] |= {asset: here.metadata(asset) for asset in ("leaderboard", "champion")}

    collected = here.collect()
    trained, why = here.monday()
    tell("quiet", collected=collected, trained=trained, why=why)

    for issue in webtoon.issues[FIRST_ISSUES:]:
        site.publish(TITLE_ID, issue)
    collected = here.collect()
    here.night()
    data = here.follow()
    pixels = pixels_of_train(here)
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[: len(whole) // 2])  # the disk loses half of a file
    trained, why = here.monday()
    then = here.follow()
    tell("crash", collected=collected, data=data, trained=trained, why=why, then=then, drift=here.metadata("drift"))

    pixels.write_bytes(whole)
    here.settle(colorizer={**here.settings["colorizer"], "steps": 1})  # it has hardly begun to learn
    trained, why = here.monday()
    then = here.follow()
    tell("worse", trained=trained, why=why, then=then, champion=here.metadata("champion"))

    trained, why = here.monday()
    tell("after", trained=trained, why=why)
    return Story(here, chapters)


def pixels_of_train(here: Studio) -> Path:
    """A file of the current training set."""
    lake = here.resources["lake"].open()
    arrays = lake.read_json(lake.training_set)["arrays"]["color/train"]
    return next((Path(str(lake.variants("color"))) / arrays["digest"]).glob("*32*.npy"))


def aliases(here: Studio) -> dict[str, Version | None]:
    registry = Registry(here.resources["tracking"], "gray")
    return {"champion": registry.at("champion"), "challenger": registry.at("challenger")}


def test_first_issues_lead_to_a_champion(story):
    first = story.chapters["first"]
    assert first["nothing"] == {}
    assert first["collected"] == [f"days__{number:04}" for number in range(1, FIRST_ISSUES + 1)]
    assert first["data"] == FROM_THE_SPLITS
    assert first["trained"] == {f"2026-W48:{RECIPE}": True}
    assert first["why"] == {"nothing was trained yet"}
    assert first["then"] == {"leaderboard": {None}, "champion": {None}}
    result = first["champion"]
    assert (result["gray: champion"], result["gray: version"], result["unchanged"]) == (RECIPE, "1", False)
    assert result["gray: why"].startswith(f"{RECIPE} is the first champion: ciede2000 ")
    assert f"| {RECIPE}" in first["leaderboard"]["gray: table"]
    assert Path(first["leaderboard"]["report"]).exists()


def test_without_new_issues_nothing_is_trained(story):
    quiet = story.chapters["quiet"]
    assert (quiet["collected"], quiet["trained"]) == ([], {})
    (why,) = quiet["why"]
    assert re.fullmatch(r"the same \d+ train pictures as last time", why)


def test_a_crash_in_training_leaves_the_champion_served(story):
    first, crash = story.chapters["first"], story.chapters["crash"]
    assert crash["collected"] == [f"days__{number:04}" for number in range(FIRST_ISSUES + 1, ALL_ISSUES + 1)]
    # What serves is evaluated on the new benchmark at once, and stays.
    followed = {"evaluation": {RECIPE}, "leaderboard": {None}, "champion": {None}}
    assert crash["data"] == {**FROM_THE_SPLITS, **followed}
    assert crash["drift"]["new issues"] == len(crash["collected"])
    assert "| days__0008 |" in crash["drift"]["distances"]
    assert crash["trained"] == {f"2026-W50:{RECIPE}": False}, crash["why"]
    assert any(re.match(r"[1-9]\d* new and 0 gone train pictures of \d+, a change of [\d.]+%, at least", why)
               for why in crash["why"])  # fmt: skip
    assert crash["then"] == {}
    assert (crash["served"], crash["colored"]) == (first["served"], first["colored"])


def test_a_worse_training_is_kept_out(story):
    first, worse = story.chapters["first"], story.chapters["worse"]
    assert worse["trained"] == {f"2026-W51:{RECIPE}": True}
    assert worse["why"] == story.chapters["crash"]["why"]  # it is asked for again
    assert worse["then"] == {"leaderboard": {None}, "champion": {None}}
    assert (worse["served"], worse["colored"]) == (first["served"], first["colored"])

    champion, challenger = (aliases(story.studio)[alias] for alias in ("champion", "challenger"))
    assert champion is not None
    assert challenger is not None
    lake = story.studio.resources["lake"].open()
    assert (champion.number, champion.sha256) == ("1", first["served"])
    assert (challenger.number, challenger.sha256) == ("2", read_record(lake, RECIPE).checkpoint_sha256)
    assert challenger.tags["decision"] == worse["champion"]["gray: why"]
    assert worse["champion"]["gray: why"].startswith(
        f"{RECIPE} stays: {RECIPE}, trained again, is not significantly better: "
    )
    results = {
        version.number: find_evaluation(
            lake, RECIPE, checkpoint=version.sha256, benchmark=challenger.tags["benchmark"]
        ).metrics["ciede2000"]
        for version in (champion, challenger)
    }
    assert results["2"] > results["1"]


def test_who_was_kept_out_is_not_trained_again_on_the_same_pictures(story):
    after = story.chapters["after"]
    assert after["trained"] == {}
    (why,) = after["why"]
    assert re.fullmatch(r"the same \d+ train pictures as last time", why)
    assert why not in story.chapters["quiet"]["why"]  # there are more of them
    assert after["served"] == story.chapters["first"]["served"]


def test_the_daemon_ticks_the_weekly_schedule(story):
    """Switched on before last Monday's hour, as if the machine had been off since: the daemon makes up for it."""
    here = story.studio
    environment = {**os.environ, "DAGSTER_HOME": str(here.home.dagster)}
    bin_folder = Path(sys.executable).parent
    start = [str(bin_folder / "dagster"), "schedule", "start", "weekly_retraining", "-w", "workspace.yaml"]
    started = subprocess.run(start, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stderr
    (state,) = here.instance.all_instigator_state()
    now = datetime.now(UTC)
    monday = (now - timedelta(hours=4)).replace(hour=4, minute=0, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    data = ScheduleInstigatorData("0 4 * * 1", monday.timestamp() - 60)
    here.instance.update_instigator_state(state.with_data(data))

    log = here.home.root / "daemon.log"
    daemon = [str(bin_folder / "dagster-daemon"), "run", "-w", "workspace.yaml"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            daemon, cwd=PROJECT, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 180  # a busy machine; it takes a tenth of that
        while True:
            ticks = here.instance.get_ticks(state.instigator_origin_id, state.selector_id)
            if ticks and ticks[0].status is not TickStatus.STARTED:
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    (tick,) = ticks
    assert (tick.status, tick.timestamp) == (TickStatus.SKIPPED, monday.timestamp())
    (why,) = story.chapters["after"]["why"]
    assert tick.skip_reason == why
    assert here.served() == story.chapters["first"]["served"]
