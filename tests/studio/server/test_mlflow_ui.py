"""What MLflow's server offers, and what of it is switched off."""

import re
import subprocess
import sys

from studio.server.mlflow_ui import SWITCHED_OFF
from tests.installation import PROJECT

LIST = """
from mlflow.server import app as pages
from mlflow.server.fastapi_app import app
print(*(str(rule) for rule in pages.url_map.iter_rules()), *app.openapi()["paths"], sep="\\n")
"""
DANGEROUS = re.compile(
    r"webhook|gateway|invoke|invocations|\bjobs\b|promptlab|assistant|mlflow-artifacts|upload-artifact|^/v1/"
)
NEEDED = ("/static-files", "/graphql", "/ajax-api/2.0/mlflow/runs/search", "/ajax-api/2.0/mlflow/experiments/search")


def test_no_place_of_mlflows_that_asks_other_hosts_or_runs_commands_is_open():
    """Walks all that MLflow serves, so that a new version cannot add one unseen."""
    # In a process of its own: importing the server sets up the process for it.
    seen = subprocess.run([sys.executable, "-W", "ignore", "-c", LIST], cwd=PROJECT, capture_output=True, text=True)
    places = seen.stdout.split()
    assert len(places) > 200, seen.stderr
    dangerous = {place for place in places if DANGEROUS.search(place)}
    assert len(dangerous) > 80
    assert [place for place in sorted(dangerous) if not place.startswith(SWITCHED_OFF)] == []
    assert not [place for place in NEEDED if place.startswith(SWITCHED_OFF)]
