"""What a command, a step and an evaluation cost before they do any work: CPU of fresh processes, one thread.

Modules are compiled beforehand, as they are in an installation that ran once: where the environment keeps Python from
writing bytecode, the processes share a folder of the benchmark for it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from benchmarks.rounds import ONE_THREAD, Times, in_turns
from benchmarks.row import Row, check_equal, row_of_limit, row_of_times, seconds

PROJECT = Path(__file__).resolve().parents[1]
COMMAND_S = 2.5
DEFINITIONS, STEP, EVALUATION = 1.3, 1.5, 2.0
"""Targets: CPU seconds of a command; definitions by `import dagster`; a step of ours by a bare one; what an evaluation
costs beside its work by the imports of torch in its two processes."""

PICTURES = 15
_TINTOON = "from studio.cli import main; main()"


def run(quick: bool) -> list[Row]:
    """The rows of commands, definitions and steps; without `quick` also those of a champion and of an evaluation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = _environment(folder)
        page = folder / "page.png"
        cv2.imwrite(str(page), _small_page())

        def python(*arguments: str) -> Callable[[], object]:
            return lambda: _started(arguments, environment)

        def colorize(name: str, *options: str) -> Callable[[], object]:
            return python("-c", _TINTOON, "colorize", str(page), str(folder / f"{name}.png"), *options)

        parts = {
            "import torch": python("-c", "import torch"),
            "import dagster": python("-c", "import dagster"),
            "definitions": python("-c", "import assets.definitions"),
            "colorize": colorize("default"),
        }
        checkpoint = None if quick else _with_champion(folder / "home")
        if checkpoint:
            parts |= {
                "champion": colorize("champion", "--colorizer", "champion"),
                "import cv2": python("-c", "import cv2, PIL.Image"),
                "help": python("-c", _TINTOON, "--help"),
                "cut": python("-c", _TINTOON, "cut", str(page), "--json"),
            }
        times = in_turns(parts, rounds=1 if quick else 3)
        _check_colors(page, folder / "default.png", "default")
        bare = times["import torch"].cpu_s
        rows = [
            _command_row("start of `tintoon colorize`, one small page", times, "colorize"),
            row_of_times(
                "loading the definitions", times, ours="definitions", peer="import dagster", target=DEFINITIONS
            ),
        ]
        if checkpoint:
            _check_colors(page, folder / "champion.png", str(checkpoint))
            rows.insert(1, _command_row("start of `tintoon colorize` with a champion", times, "champion"))
            rows += [
                row_of_times("start of `tintoon cut`", times, ours="cut", peer="import cv2", target=None),
                row_of_times("start of `tintoon --help`", times, ours="help", peer="import cv2", target=None),
                _evaluation_row(folder / "home", environment, bare),
            ]
        return [*rows, *step_rows(folder / "steps", steps=3 if quick else 30)]


def _command_row(name: str, times: dict[str, Times], command: str) -> Row:
    """A command against the seconds that it may take; beside it, what importing torch took in the same rounds."""
    bare = times["import torch"].cpu_s
    return row_of_limit(
        name,
        times[command].cpu,
        COMMAND_S,
        seconds,
        why=f"importing torch alone took {seconds(bare)} in the same rounds",
        facts={"import torch, s": bare, "by importing torch": times[command].cpu_s / bare},
    )


def step_rows(folder: Path, *, steps: int) -> list[Row]:
    """A step of an asset of ours, whose body does nothing, against a step of a bare asset: in memory and in SQLite."""
    import dagster as dg

    from assets.home import Home
    from assets.resources import LakeResource, default_resources
    from assets.settings import StandingSettings
    from assets.stages import stage_asset
    from pipelines.comparison.params import DriftParams

    @dg.asset
    def nothing() -> None: ...

    @stage_asset("drift")
    def drift(context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings) -> None:
        lake.open()
        settings.params(context, DriftParams)

    resources = default_resources(Home.of({"TINTOON_HOME": str(folder / "home")}))
    rows = []
    (folder / "dagster").mkdir(parents=True)
    stores = {"in memory": dg.DagsterInstance.ephemeral(), "in SQLite": dg.DagsterInstance.local_temp(str(folder))}
    for name, instance in stores.items():
        with instance:

            def step(asset: dg.AssetsDefinition, instance: dg.DagsterInstance = instance) -> None:
                given = resources if asset is drift else {}
                quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
                assert dg.materialize([asset], resources=given, instance=instance, run_config=quiet).success

            times = in_turns({"ours": lambda: step(drift), "a bare asset": lambda: step(nothing)}, rounds=steps)
        rows.append(row_of_times(f"a step, events {name}", times, ours="ours", peer="a bare asset", target=STEP))
    return rows


def evaluate(home: Path) -> dict[str, float | str]:
    """CPU seconds of a first evaluation in a process, from its start on, and of a second one; the digest of both.

    The first one measures memory too, in a process of its own, as the stage does.
    """
    from pipelines.colorize.load import load_colorizer
    from pipelines.evaluation.context import EvaluationContext
    from pipelines.evaluation.params import BenchmarkParams
    from pipelines.lake import Lake

    lake = Lake.at(home / "lake")
    (checkpoint,) = home.glob("lake/trained/*/*/checkpoint.safetensors")
    found, ends = [], []
    for number in range(2):
        context = EvaluationContext(lake, BenchmarkParams(), home / "cache", home / "weights")
        if not number:
            context.peak_memory(checkpoint)
        result = context.evaluate(load_colorizer(checkpoint), unpaired=context.unpaired())
        found.append(sha256(result.rows.to_csv().encode() + repr(sorted(result.sets.items())).encode()).hexdigest())
        used = os.times()
        ends.append(used.user + used.system + used.children_user + used.children_system)
    check_equal(found[0], found[1], "the second evaluation")
    return {"first": ends[0], "second": ends[1] - ends[0], "digest": found[0]}


def _evaluation_row(home: Path, environment: dict[str, str], import_torch: float) -> Row:
    from pipelines.params import TrainingSetParams, VariantParams
    from pipelines.training_set import build_training_set
    from pipelines.variants import KINDS, build_variant
    from tests.pipelines.conftest import drawn_panel, writing_lake

    panels = [drawn_panel(seed) for seed in range(PICTURES + 4)]
    splits = {("moon-cat", "1"): ("train", panels[:3]), ("moon-cat", "2"): ("val", panels[3:4])}
    lake = writing_lake(home / "lake", {**splits, ("a-sun", "1"): ("test", panels[4:])})
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, VariantParams(resolutions=[256]))
    build_training_set(lake, TrainingSetParams())
    command = ["-m", "benchmarks.start_up", "--evaluate", str(home)]
    measured = [json.loads(_started(command, environment).splitlines()[-1]) for _ in range(2)][-1]  # the first compiles
    fixed, limit = measured["first"] - measured["second"], 2 * import_torch
    return Row(
        name=f"fixed cost of an evaluation of {PICTURES} pictures",
        ours=seconds(fixed),
        peer=f"import torch in its two processes {seconds(limit)}",
        ratio=fixed / limit,
        spread=None,
        target=EVALUATION,
        facts={"evaluation in a warm process, s": measured["second"], "all of the first, s": measured["first"]},
    )


def _started(arguments: list[str] | tuple[str, ...], environment: dict[str, str]) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, check=True, capture_output=True, text=True
    )
    return ended.stdout


def _environment(folder: Path) -> dict[str, str]:
    kept = dict(os.environ)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    return {
        **kept,
        **ONE_THREAD,
        "TINTOON_HOME": str(folder / "home"),
        "MLFLOW_TRACKING_URI": "",
    }


def _small_page() -> np.ndarray:
    page = np.full((600, 400), 255, np.uint8)
    for top in (20, 310):
        cv2.rectangle(page, (20, top), (380, top + 260), 90, 3)
        cv2.circle(page, (200, top + 130), 80, 150, -1)
    return page


def _with_champion(home: Path) -> Path:
    """Makes a home whose champion is a small network; returns its checkpoint."""
    from assets.home import Home
    from assets.resources import default_resources
    from assets.tracking.registry import Registry
    from pipelines.training.store import read_record
    from tests.untrained import install_untrained

    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # as `tintoon` does
    recipe = "webtoon_l2"
    checkpoint = install_untrained(home, recipe)
    places = Home.of({"TINTOON_HOME": str(home)})
    tracking = default_resources(places)["tracking"]
    record = read_record(default_resources(places)["lake"].open(), recipe)
    run = tracking.start(recipe, digest="0", parameters={}, tags={})
    run.file(checkpoint, "checkpoint")
    run.end()
    registry = Registry(tracking, "gray")
    tags = {"checkpoint": record.key, "checkpoint_sha256": record.checkpoint_sha256, "training_set": "f"}
    registry.point("champion", registry.register(run.run_id, tags={"recipe": recipe, **tags}))
    return checkpoint


def _check_colors(page: Path, colored: Path, colorizer: str) -> None:
    """The picture that the command wrote is that of the same colorizer in this process."""
    from pipelines.progress import unheard
    from studio.colorize import Wanted, colorize

    here = colored.with_name(f"here_{colored.name}")
    colorize(Wanted(page, here, colorizer=colorizer), progress=unheard)
    check_equal(colored.read_bytes(), here.read_bytes(), f"tintoon colorize {colorizer}")


def main() -> None:
    """In the process of an evaluation: prints what it cost, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluate", type=Path, metavar="HOME", required=True)
    sys.stdout.write("\n" + json.dumps(evaluate(parser.parse_args().evaluate)) + "\n")


if __name__ == "__main__":
    main()
