"""`python -m studio.server.mlflow_ui`: MLflow's server behind the guard. `tintoon up` starts it.

What `mlflow server` does, with two differences: the guard stands before the application, and connections have
deadlines. MLflow lets pages of every port of this machine in; the guard does not. Switched off is what Tintoon does
not need: artifacts through the server, jobs, webhooks, the gateway and the assistant, which ask other hosts or run
commands.
"""

import argparse
import os
from pathlib import Path

from starlette.types import ASGIApp

from studio.server.access import read_token
from studio.server.guard import Guard
from studio.server.serving import listen, serve

_PREFIXES = tuple(f"/{kind}/{version}" for kind in ("api", "ajax-api") for version in ("2.0", "3.0"))
_PLACES = (
    *("/mlflow-artifacts", "/mlflow/upload-artifact"),
    *("/jobs", "/mlflow/jobs", "/mlflow/prompt-optimization/jobs"),
    *("/mlflow/genai/evaluate/invoke", "/mlflow/issues/invoke", "/mlflow/scorer/invoke"),
    *("/mlflow/gateway", "/mlflow/runs/create-promptlab-run"),
    "/mlflow/webhooks",
    "/mlflow/assistant",
)
SWITCHED_OFF = (*(prefix + place for prefix in _PREFIXES for place in _PLACES), "/gateway", "/v1")
"""Beginnings of paths."""


def mlflow_app(store: str, artifacts: str, *, token: str | None) -> ASGIApp:
    """MLflow's pages and its REST interface over a store, behind the guard. One store a process: MLflow keeps it.

    Args:
        store: The address of the store, as SQLAlchemy writes it.
        artifacts: The address of the folder for files of new experiments.
        token: See `Guard`.
    """
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR, REGISTRY_STORE_URI_ENV_VAR
    from mlflow.server.handlers import initialize_backend_stores

    os.environ |= {
        BACKEND_STORE_URI_ENV_VAR: store,
        REGISTRY_STORE_URI_ENV_VAR: store,
        ARTIFACT_ROOT_ENV_VAR: artifacts,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    initialize_backend_stores(store, store, artifacts)
    from mlflow.server.fastapi_app import app  # reads the environment as it is imported

    return Guard(app, token=token, post_only={"/graphql"}, refused=SWITCHED_OFF)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description="Serve MLflow's pages on loopback, behind the guard.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, help="the file with the token; without it, every user may come in")
    options = parser.parse_args()
    from assets.home import Home

    home, token = Home.of(), read_token(options.token_file)
    with listen(options.port) as listening:
        app = mlflow_app(home.mlflow_uri, home.mlflow_artifacts, token=token)
        serve(app, listening, is_private=token is not None)


if __name__ == "__main__":
    main()
