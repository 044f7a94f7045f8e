"""Frameworks for agents, unmodified, with the daemon in the place of their Kernel Gateway."""

import pytest
from outside import Outcomes, checks, python_of
from standing import SharedDaemon, StandingDaemons


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose contexts have the clients' packages."""
    return standing_daemons.get("--python", python_of())


@pytest.mark.parametrize(("program", "check"), checks("smolagents_docker.py", "autogen_jupyter.py"))
def test_framework(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)
