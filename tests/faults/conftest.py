"""Two forms of these tests: a short one, the same each time, and a long one (`make faults`) that a seed decides."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.commands import Commands, started_server
from tests.faults.rounds import table

FORM = "TINTOON_FAULTS"
"""The variable that chooses the form: `short` (the default) or `long`."""

_COMMON = {
    "deadline": None,  # a machine under load is no fault
    "database": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}

settings.register_profile("short", max_examples=15, derandomize=True, **_COMMON)
settings.register_profile("long", max_examples=500, derandomize=False, **_COMMON)


def form() -> str:
    """The name of the form, and of its profile of hypothesis."""
    return os.environ.get(FORM) or "short"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Tests below this folder are decorated under the profile of their form, those of other folders under their own."""
    before = settings.get_current_profile_name()
    settings.load_profile(form())
    try:
        return (yield)
    finally:
        settings.load_profile(before)


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: {form()} form, seed {_seed(config)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The rounds of faults and what they found, as a table."""
    if lines := table():
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def is_long() -> bool:
    """True in the long form: many rounds."""
    return form() == "long"


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Starts `tintoon` in processes that can be killed."""
    with started_server(tmp_path_factory.mktemp("said")) as commands:
        yield commands


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """What decides moments, bytes and fill levels: --hypothesis-seed, or 0."""
    return _seed(pytestconfig)


def _seed(config: pytest.Config) -> int:
    return int(config.getoption("--hypothesis-seed") or 0)
