"""`tintoon up`: a taken port is named. What it serves, and how it ends: tests/test_pages.py."""

import socket

import pytest

from tests.installation import Installation, free_port


@pytest.mark.parametrize(("name", "offset"), [("dagster", 0), ("mlflow", 0), ("drawn", 0), ("drawn", 1)])
def test_a_taken_port_is_named_with_its_option(tmp_path, name, offset):
    installation = Installation(tmp_path / "home")
    chosen = {service: free_port() for service in ("dagster", "mlflow", "drawn")}
    options = [part for service, port in chosen.items() for part in (f"--{service}-port", str(port))]
    taken = chosen[name] + offset
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        result = installation.try_to("up", *options)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert f"port {taken} is taken" in result.stderr
    assert f"--{name}-port" in result.stderr
    assert not (installation.home / "mlflow").exists()
