"""`python -m studio.server.dagster_ui`: Dagster's webserver behind the guard. `tintoon up` starts it.

What `dagster-webserver` does, with two differences: the guard stands before the application, and connections have
deadlines. Dagster answers GraphQL mutations by GET, and bodies of any type; both are refused here.
"""

import argparse
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.types import ASGIApp

from studio.server.access import read_token
from studio.server.guard import Guard
from studio.server.serving import listen, serve

_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW = 15_000, 3600, 20
"""Of the database's connections, as `dagster-webserver` sets them."""


def dagster_app(context: WorkspaceProcessContext, *, token: str | None) -> ASGIApp:
    """Dagster's pages and its GraphQL, behind the guard."""
    app = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
    return Guard(app, token=token, post_only={"/graphql"}, refused=("/report_asset_", "/notebook", "/dagit"))


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description="Serve Dagster's pages on loopback, behind the guard.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workspace", required=True, help="a workspace.yaml")
    parser.add_argument("--token-file", type=Path, help="the file with the token; without it, every user may come in")
    options = parser.parse_args()
    token = read_token(options.token_file)
    with listen(options.port) as listening, DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW)
        target = WorkspaceFileTarget([options.workspace])
        with WorkspaceProcessContext(instance, workspace_load_target=target, version=__version__) as context:
            serve(dagster_app(context, token=token), listening, is_private=token is not None)


if __name__ == "__main__":
    main()
