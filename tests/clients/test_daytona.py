"""Daytona's SDK for Node, unmodified. tests/daemon/test_sdk.py has the one for Python."""

import pytest
from outside import Outcomes, checks
from standing import SharedDaemon, StandingDaemons


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose base path is a sandbox's id, as the SDK wants it."""
    return standing_daemons.get("--base-path", "/sandbox-1")


@pytest.mark.parametrize(("program", "check"), checks("daytona_node.mjs"))
def test_sdk(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)
