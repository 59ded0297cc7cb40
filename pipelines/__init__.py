"""The work on data, one module or package per stage of the lineage.

Plain Python: no Dagster, no MLflow, no environment variables. It runs in a notebook, on a GPU machine or
inside any orchestrator.
"""
