"""The code location: every asset, job, schedule and sensor, over the installation that the environment names.

Loading it does no I/O and imports nothing heavy (torch, mlflow, pandas, cv2, ...): each step process pays for it.
"""

import dagster as dg

from assets import collect, compare, dataset, select, train
from assets.automation import SCHEDULES, SENSORS
from assets.home import Home
from assets.jobs import JOBS
from assets.resources import default_resources


def definitions_of(home: Home) -> dg.Definitions:
    """The code location over one installation."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules([collect, select, dataset, train, compare]),
        jobs=JOBS.values(),
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources=default_resources(home),
        # Steps of seconds: a process each would cost more than the work. Training jobs have an executor of their own;
        # the weekly schedule launches a run, so a process, for each recipe.
        executor=dg.in_process_executor,
    )


defs = definitions_of(Home.of())
