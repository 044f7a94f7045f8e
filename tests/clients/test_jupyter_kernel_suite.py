"""Jupyter's own tests of kernels, unmodified."""

import pytest
from outside import Outcomes, checks, python_of
from standing import SharedDaemon, StandingDaemons


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose contexts have the clients' packages."""
    return standing_daemons.get("--python", python_of())


@pytest.mark.parametrize(("program", "check"), checks("kernel_suite.py"))
def test_suite(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)
