"""The table of stages: everything else follows from a declaration in it."""

import subprocess
import sys
from pathlib import Path

import dagster as dg

from assets.definitions import defs
from assets.settings import PARAMS_OF
from assets.stages import STAGES
from pipelines.panels.params import PanelParams
from pipelines.training.params import TrainingParams
from pipelines.variants import VariantParams

PROJECT = Path(__file__).resolve().parents[2]

ADDED = """
from pydantic import BaseModel, Field
from typing import ClassVar
import dagster as dg

class ThumbnailParams(BaseModel, frozen=True, extra="forbid"):
    code_version: ClassVar[str] = "7"
    side_px: int = Field(default=64, ge=8, description="Side.")

import assets.stages as stages

# The one declaration ...
stages.STAGES["thumbnails"] = stages.Stage(
    name="thumbnails", group="1_collect", job="cut_panels", params=ThumbnailParams, kinds={"opencv"},
    owner="team:data", deps=("panels",), partitions="issue",
)

# ... and the body, in the file of its group.
import assets.collect as collect
from assets.settings import StandingSettings

@stages.stage_asset("thumbnails", description="Small pictures.")
def thumbnails(context: dg.AssetExecutionContext, settings: StandingSettings) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"side_px": settings.params(context, ThumbnailParams).side_px})

collect.thumbnails = thumbnails

from assets.definitions import defs
from assets.partitions import issues
from assets.settings import load_settings
from pathlib import Path
from typer.testing import CliRunner
from studio.cli.app import app
from studio.materialize import DEFAULT_STAGES, Selection, materialize, open_instance

node = defs.resolve_asset_graph().get(dg.AssetKey("thumbnails"))
assert (node.group_name, node.code_version) == ("1_collect", "7")
assert node.partitions_def == issues and node.parent_keys == {dg.AssetKey("panels")}
assert {n.name for n in defs.resolve_job_def("cut_panels").nodes} == {"panels", "thumbnails"}
assert DEFAULT_STAGES[-1] == "thumbnails"
assert "thumbnails" in CliRunner().invoke(app, ["run", "--help"]).output

settings = Path("settings.yaml")
settings.write_text("thumbnails: {side_px: 32}")
assert load_settings(settings) == {"thumbnails": {"side_px": 32}}
instance = open_instance()
instance.add_dynamic_partitions(str(issues.name), ["days__1"])
for config, side in (({}, 64), (load_settings(settings), 32)):
    ended = []
    materialize(
        ["thumbnails"], Selection([]), instance=instance, config=config,
        on_start=lambda *_: None, on_progress=lambda *_: None, on_end=ended.append,
    )
    (done,) = ended
    assert (done.problem, done.partition, done.metadata) == (None, "days__1", {"side_px": side}), done
print("all of it")
"""


def test_one_declaration_adds_an_asset_everywhere(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{ADDED}"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"TINTOON_HOME": str(tmp_path / "home"), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.splitlines()[-1] == "all of it"


def test_assets_carry_the_version_of_their_work():
    graph = defs.resolve_asset_graph()
    versions = {stage: graph.get(dg.AssetKey(stage)).code_version for stage in STAGES}
    assert versions["panels"] == PanelParams.code_version == "6"
    assert versions["line_panels"] == VariantParams.code_version == "2"
    assert versions["colorizer"] == versions["draft"] == TrainingParams.code_version == "6"
    assert versions == {name: stage.code_version for name, stage in STAGES.items()}


def test_every_stage_has_settings_and_a_described_asset():
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == set(STAGES)
    assert set(PARAMS_OF) == {stage.settings_key for stage in STAGES.values()} | {"retraining"}
    assert "leaderboard" not in PARAMS_OF  # its benchmark is that of `evaluation`
