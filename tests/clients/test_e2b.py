"""E2B's SDKs, unmodified: the half that runs code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents import blocks
from outside import Outcomes, checks
from paths import ROOT
from standing import SharedDaemon, StandingDaemons


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose contexts have pandas and matplotlib."""
    return standing_daemons.get("--python", sys.executable)


@pytest.mark.parametrize(("program", "check"), checks("e2b_sync.py", "e2b_async.py", "e2b_node.mjs"))
def test_sdk(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)


def test_the_guide_does_what_it_shows(client_daemon: SharedDaemon, clients_python: str, tmp_path: Path) -> None:
    (script,) = [block for block in blocks(ROOT / "docs" / "e2b.md") if block.language == "python"]
    directed = {"E2B_DEBUG": "true", "E2B_SANDBOX_URL": client_daemon.url, "E2B_API_KEY": "e2b_" + "0" * 40}
    command = [clients_python, "-c", script.text]
    assert subprocess.check_output(command, env=os.environ | directed, cwd=tmp_path, text=True) == script.shown
