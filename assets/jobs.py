"""The jobs, by name: each materializes the stages that `assets/stages.py` declares for it."""

from typing import Any

import dagster as dg

from assets.stages import STAGES

DESCRIPTIONS = {
    "collect_issues": "Fetch the pages of issues.",
    "cut_panels": "Cut the panels of issues out of their pages.",
    "select_panels": "Drop duplicates, gray and oddly sized panels; assign issues to splits; compare new issues.",
    "make_variants": "Make the gray, edge and line pictures of a split.",
    "freeze_training_set": "Freeze the arrays that trainings read, with a fingerprint and a datasheet.",
    "index_references": "Index the coloured panels of a title, so that others can take their colours.",
    "train_title_classifiers": "Train a network that tells titles, for the recipes that build on it.",
    "train_line_detector": "Train the network that draws lines, for the line loss of drafts.",
    "train_drafts": "Train the first stage of a two-stage recipe.",
    "train_colorizers": "Train a recipe and evaluate it on the test split.",
    "cross_validate": "Train a recipe once a fold, and evaluate every picture as a test picture.",
    "compare_colorizers": "Rank the colorizers that were evaluated on the same benchmark; promote the best.",
}

PRIORITIES = {
    "train_title_classifiers": 2,
    "train_line_detector": 2,
    "train_drafts": 1,
    "train_colorizers": 0,
    "cross_validate": -1,
}
"""Priorities in the pool `gpu`: the trainings that others build on go first."""


def training_tags(job: str) -> dict[str, str]:
    """The tags of a training's run: one retry, and its place in the queue."""
    return {"dagster/max_retries": "1", "dagster/priority": str(PRIORITIES[job])}


def _job(name: str) -> Any:
    selection = dg.AssetSelection.assets(*(stage.name for stage in STAGES.values() if stage.job == name))
    if name not in PRIORITIES:
        return dg.define_asset_job(name, selection, description=DESCRIPTIONS[name])
    return dg.define_asset_job(
        name,
        selection,
        description=DESCRIPTIONS[name],
        # Each step in a process of its own: the end of a killed training does not end the run of the others.
        executor_def=dg.multiprocess_executor.configured(
            {"max_concurrent": 1, "start_method": {"forkserver": {"preload_modules": ["torch", "mlflow"]}}}
        ),
        tags=training_tags(name),
    )


JOBS = {name: _job(name) for name in dict.fromkeys(stage.job for stage in STAGES.values())}
