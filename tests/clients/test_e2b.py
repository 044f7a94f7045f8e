"""E2B's SDKs, unmodified: the half that runs code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents import blocks
from harness import Client
from outside import PROGRAMS, Outcomes, checks, python_of
from paths import ROOT
from standing import SharedDaemon, StandingDaemons

from interpreterd.model.requests import E2B_CHART


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose contexts have pandas and matplotlib."""
    return standing_daemons.get("--python", sys.executable)


@pytest.mark.parametrize(("program", "check"), checks("e2b_sync.py", "e2b_async.py", "e2b_node.mjs"))
def test_sdk(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)


def test_the_guide_does_what_it_shows(client_daemon: SharedDaemon, clients_python: str, tmp_path: Path) -> None:
    script = next(block for block in blocks(ROOT / "docs" / "e2b.md") if block.language == "python")
    directed = {"E2B_DEBUG": "true", "E2B_SANDBOX_URL": client_daemon.url, "E2B_API_KEY": "e2b_" + "0" * 40}
    command = [clients_python, "-c", script.text]
    assert subprocess.check_output(command, env=os.environ | directed, cwd=tmp_path, text=True) == script.shown


async def test_charts_are_those_of_the_package_of_e2b(standing_daemons: StandingDaemons) -> None:
    daemon = standing_daemons.get("--python", python_of())
    code = (PROGRAMS / "e2b_charts_compared.py").read_text("utf-8")
    async with Client(daemon.url) as client:
        context_id = await client.create()
        body = {"code": code, "contextId": context_id, "formats": [E2B_CHART]}
        _, ran = await client.request("POST", "/execute", json=body)
        await client.request("DELETE", f"/context/{context_id}")
    assert (ran["error"], ran["stderr"]) == (None, "")
    theirs = json.loads(ran["stdout"])
    ours = [result["data"][E2B_CHART] for result in ran["results"]]
    assert dict(zip(theirs, ours, strict=True)) == theirs
