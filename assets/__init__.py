"""Orchestration: the only package that knows Dagster, MLflow, partitions, schedules and the environment.

No wiring happens on import; `assets.definitions` holds it all.
"""
