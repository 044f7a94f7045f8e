"""A notebook and programs for E2B, OpenSandbox and Daytona share one context of one daemon, all unmodified."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from outside import command_of
from standing import SharedDaemon, StandingDaemons

RUN_LIMIT_S = 40


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose base path is a sandbox's id, as Daytona's SDK wants it."""
    return standing_daemons.get("--base-path", "/sandbox-1")


def test_one_context_is_shared_by_its_id(client_daemon: SharedDaemon, tmp_path: Path) -> None:
    """Each program sees what the earlier ones have left in the notebook's variable; at last the notebook does."""
    url = client_daemon.url
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {
        "JUPYTER_GATEWAY_URL": url,
        "E2B_DEBUG": "true",
        "E2B_SANDBOX_URL": url,
        "E2B_API_KEY": "e2b_" + "0" * 40,
        "OPEN_SANDBOX_DOMAIN": url.removeprefix("http://"),
    }
    with subprocess.Popen(
        command_of("together_notebook.py", tmp_path),
        cwd=tmp_path,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as notebook:
        assert notebook.stdin is not None
        assert notebook.stdout is not None
        try:
            kernel = json.loads(notebook.stdout.readline())
            said = [
                subprocess.run(
                    [*command_of(program, tmp_path), *arguments, kernel],
                    cwd=tmp_path,
                    env=env,
                    capture_output=True,
                    text=True,
                    timeout=RUN_LIMIT_S,
                )
                for program, *arguments in (
                    ("together_e2b.py",),
                    ("together_opensandbox.py",),
                    ("together_daytona.mjs", url),
                )
            ]
            notebook.stdin.write("go on\n")
            notebook.stdin.flush()
            last = json.loads(notebook.stdout.readline())
        finally:
            notebook.stdin.close()
    assert [it.stdout for it in said] == [
        "a notebook, E2B\n",
        "a notebook, E2B, OpenSandbox\n",
        "a notebook, E2B, OpenSandbox, Daytona\n",
    ], [it.stderr[-2000:] for it in said]
    assert last == said[-1].stdout
