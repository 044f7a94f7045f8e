"""A checkout that was never installed has no ``_version.py``, and works."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import Client, Daemon
from paths import ROOT

UNKNOWN = "0.0+unknown"
# -S: otherwise an editable installation would find the modules of this checkout, not those of the copy.
PYTHON = [sys.executable, "-S"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a copy of the sources."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("interpreterd", "worker"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("_version.py", "__pycache__"))
    return copy


@pytest.fixture
def env(checkout: Path) -> dict[str, str]:
    """Return variables with which Python finds the copy and its dependencies."""
    return {"PYTHONPATH": os.pathsep.join([str(checkout), sysconfig.get_path("purelib")])}


@pytest.mark.parametrize(
    "module", ["interpreterd", "interpreterd.client", "interpreterd.daemon", "interpreterd.cli.main"]
)
def test_a_checkout_is_imported_without_a_version(module: str, checkout: Path, env: dict[str, str]) -> None:
    code = f"import {module}, interpreterd; print(interpreterd.__file__, interpreterd.__version__)"
    ran = subprocess.run([*PYTHON, "-c", code], cwd=checkout, env=env, text=True, capture_output=True)
    assert ran.stdout == f"{checkout}/interpreterd/__init__.py {UNKNOWN}\n", ran.stderr


def test_its_command_says_that_the_version_is_unknown(checkout: Path, env: dict[str, str]) -> None:
    for arguments in (["--version"], ["version"]):
        command = [*PYTHON, "-m", "interpreterd", *arguments]
        ran = subprocess.run(command, cwd=checkout, env=env, text=True, capture_output=True)
        assert ran.stdout.split()[:2] == ["interpreterd", UNKNOWN], ran.stderr


async def test_its_daemon_runs_code(start_daemon: Callable[..., Awaitable[Daemon]], env: dict[str, str]) -> None:
    daemon = await start_daemon(command=[*PYTHON, "-m", "interpreterd"], env=env)
    async with Client(daemon.url) as client:
        async with client.http.get(f"{daemon.url}/version") as response:
            assert (await response.json())["version"] == UNKNOWN
        assert (await client.run("print(6 * 7)")).stdout == "42\n"
