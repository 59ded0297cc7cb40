"""Orchestration: the only package that knows Dagster, MLflow, partitions, schedules and the environment.

No wiring happens on import; `assets.definitions` holds it all.
"""

import gc

gc.freeze()  # Dagster's modules stay for good: the collector would look at all of them again while the rest is loaded
