"""`tintoon up`: a taken port is named. What it serves, and how it ends: tests/test_pages.py."""

import socket

import pytest

from studio.up import Ports, _first_services, _services_of_code
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


def test_no_command_line_holds_the_address_of_a_store(tmp_path):
    """It may hold a password, and everybody on the machine sees command lines."""
    ports = Ports(dagster=3000, mlflow=5000, drawn=8417)
    services = [*_first_services(ports, tmp_path, []), *_services_of_code(ports, tmp_path, [])]
    assert len(services) == 5
    assert not [part for service in services for part in service.command if "://" in part]
