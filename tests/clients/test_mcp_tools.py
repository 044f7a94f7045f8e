"""What MCP's own people test servers with, unmodified: the conformance suite, and the inspector's command line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import COMMAND, STOP_LIMIT_S
from hosts import clean
from outside import newer_node, node_folder
from paths import ROOT
from standing import SharedDaemon

BASELINES = ROOT / "tests" / "clients" / "conformance"
RUN_LIMIT_S = 50


def in_node(program: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of an npm package to its end, in ``folder``."""
    command = [newer_node(), node_folder() / "node_modules" / "@modelcontextprotocol" / program, *arguments]
    environment = clean(MCP_CATALOG_PATH=str(folder / "catalog.json"), HOME=str(folder))
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_LIMIT_S)


@pytest.fixture(scope="module")
def conforming(client_daemon: SharedDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of the product's server, with the tools that the suite calls by their names."""
    program = ROOT / "tests" / "support" / "conforming.py"
    with open(tmp_path_factory.mktemp("conforming") / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, program, client_daemon.url], stdout=subprocess.PIPE, stderr=log, env=clean()
        )
    assert process.stdout is not None
    try:
        with process.stdout as stdout:
            yield json.loads(stdout.readline())["url"]
        process.terminate()
        assert process.wait(STOP_LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_the_conformance_suite_passes_but_for_what_the_server_does_not_have(
    revision: str, conforming: str, tmp_path: Path
) -> None:
    baseline = BASELINES / f"{revision}.yml"
    arguments = ["--url", conforming, "--requirements", revision, "--expected-failures", baseline, "-o", tmp_path]
    done = in_node("conformance/dist/index.js", "server", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = {line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith("✓ ")}
    assert {"tools-list", "tools-call-image", "tools-call-with-progress", "dns-rebinding-protection"} <= passed


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_and_calls_tools(era: str, client_daemon: SharedDaemon, tmp_path: Path) -> None:
    server = ["--", COMMAND, "mcp", "--url", client_daemon.url]
    inspector = "inspector/clients/launcher/build/index.js"
    common = ["--cli", "--format", "json", "--protocol-era", era, "--method"]
    listed = in_node(inspector, *common, "tools/list", "--strict", *server, folder=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)["result"]["tools"]) == 7
    arguments = json.dumps({"code": "print(6 * 7)"})
    call = ["tools/call", "--tool-name", "run_python", "--tool-args-json", arguments]
    called = in_node(inspector, *common, *call, *server, folder=tmp_path)
    assert called.returncode == 0, called.stderr
    result = json.loads(called.stdout)["result"]
    assert (result["content"], result["structuredContent"]["outcome"]) == (
        [{"type": "text", "text": "42"}],
        "completed",
    )
