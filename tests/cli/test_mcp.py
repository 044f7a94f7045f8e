"""``interpreterd mcp`` starts the server, or says in one line why not."""

import subprocess
import sys
from pathlib import Path

import pytest
from command import interpreterd

from interpreterd.cli.mcp import MISSING


@pytest.mark.parametrize("missing", ["mcp", "mcp_types"])
def test_without_the_extra_one_line_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in (missing, "mcp")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("interpreterd.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    ran = interpreterd("mcp", "--local")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"interpreterd: {MISSING}\n")
    assert "pip install 'interpreterd[mcp]'" in MISSING


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--http", "--host", "0.0.0.0"], "--host 0.0.0.0 needs --token: anyone who reaches the port can run code."),
        (["--url", "ftp://x"], "Invalid value for --url: the daemon's url must be"),
        (["--cwd", "/no/such"], "Invalid value for '--cwd': Directory '/no/such' does not exist."),
        (["--idle-s", "-1"], "Invalid value for '--idle-s'"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], said: str) -> None:
    ran = interpreterd("mcp", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"interpreterd: {said}")
    assert ran.stderr.count("\n") == 1


def test_a_file_of_servers_that_is_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text('{"mcpServers": {"a": {"command": "x"}}}')
    ran = interpreterd("mcp", "--with", str(tmp_path / "servers.json"))
    said = 'interpreterd: a: it must have "allow", the tools that code may call: names, or ["*"] for all\n'
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", said)


def test_the_daemon_and_other_commands_do_not_import_the_sdk() -> None:
    code = (
        "import sys, interpreterd.daemon, interpreterd.cli.run; print('mcp' in sys.modules, 'pydantic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False False\n"
