"""The code location: every asset, job, schedule and sensor, over the installation that the environment names.

Loading it does no I/O and imports neither torch nor mlflow: each step process pays for it.
"""

import dagster as dg

from assets import (
    colorizer,
    cross_validation,
    draft,
    drift,
    evaluation,
    issue_pages,
    issue_splits,
    leaderboard,
    line_detector,
    panels,
    title_classifier,
    training_set,
    unique_panels,
    variants,
)
from assets.automation import JOBS, SCHEDULES, SENSORS
from assets.resources import default_resources

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(
        [
            issue_pages,
            panels,
            unique_panels,
            issue_splits,
            variants,
            training_set,
            title_classifier,
            line_detector,
            draft,
            colorizer,
            evaluation,
            leaderboard,
            drift,
            cross_validation,
        ]
    ),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources=default_resources(),
    # Steps of seconds: a process each would cost more than the work. Training has its own executor.
    executor=dg.in_process_executor,
)
