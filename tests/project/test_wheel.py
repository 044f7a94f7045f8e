"""The wheel and the source distribution, built, installed and started as users do."""

import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from distributions import REPORT, clean, make
from harness import Client, Daemon
from packaging.requirements import Requirement
from paths import ROOT
from terminal import run

from interpreterd.cli.main import COMMANDS

# The first test waits for the build: some seconds.
pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(300)]

Start = Callable[..., Awaitable[Daemon]]
SHIPPED = (".py", ".json", ".toml", ".typed")


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Return the path of the wheel. Its source distribution is in the same folder."""
    (wheel,) = make("dist/.wheel", "setup.cfg").parent.glob("*.whl")
    return wheel


def required(wheel: Path) -> set[str]:
    """Return the names of all distributions that a wheel needs, directly and indirectly, by their metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        waiting = [importlib.metadata.PathDistribution(zipfile.Path(archive, f"{info}/")).requires or []]
    found: set[str] = set()
    while waiting:
        for requirement in map(Requirement, waiting.pop()):
            if requirement.name not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                found.add(requirement.name)
                waiting.append(importlib.metadata.requires(requirement.name) or [])
    return found


def copy(distribution: str, libraries: Path) -> None:
    """Copy a distribution of this environment into another environment's libraries."""
    for file in importlib.metadata.files(distribution) or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            (libraries / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), libraries / file)


@pytest.fixture(scope="session")
def installed(wheel: Path) -> Path:
    """Return the folder of programs of an environment with the wheel and the dependencies in its metadata only.

    The dependencies are copied from this environment: nothing is downloaded.
    """
    environment = ROOT / "build" / "installed"
    stamp = environment / wheel.name
    with open(ROOT / "setup.cfg") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.stat().st_mtime < wheel.stat().st_mtime:
            venv.create(environment, clear=True)
            install = ["install", "--quiet", "--no-compile", "--no-deps", "--disable-pip-version-check", wheel]
            subprocess.run([sys.executable, "-m", "pip", "--python", environment, *install], check=True)
            (libraries,) = (environment / "lib").glob("python*/site-packages")
            for distribution in required(wheel):
                copy(distribution, libraries)
            stamp.touch()
    return environment / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return an empty temporary directory."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_wheel_takes_no_general_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name.split("/")[0] for name in names if name.endswith("/METADATA"))
        metadata = archive.read(f"{info}/METADATA").decode()
    assert {name.split("/")[0] for name in names} == {"interpreterd", info}
    assert not [name for name in names if "test" in name.lower()]
    tree = {str(path.relative_to(ROOT)) for path in (ROOT / "interpreterd").rglob("*") if path.suffix in SHIPPED}
    tree |= {f"interpreterd/_worker/{path.name}" for path in (ROOT / "worker").glob("*.py")}
    assert {name for name in names if name.startswith("interpreterd/")} == tree
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    needed = "aiohttp attrs click orjson prometheus-client prompt-toolkit protobuf rich uvloop zstandard"
    assert sorted(required) == needed.split()


def test_source_distribution_holds_what_the_wheel_is_made_of(wheel: Path) -> None:
    (sources,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"worker/{path.name}" for path in (ROOT / "worker").glob("*.py")} <= names
    assert {
        "setup.cfg",
        "pyproject.toml",
        "LICENSE",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/index.md",
        "docs/terminal.svg",
        "examples/weather.csv",
        "examples/browser/page.js",
        "interpreterd/__main__.py",
        "interpreterd/dialects/native/openapi.json",
    } <= names


def test_wheel_is_small_and_says_what_it_is(wheel: Path) -> None:
    assert wheel.stat().st_size < 1_250_000
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    assert f"\nVersion: {wheel.name.split('-')[1]}\n" in metadata
    for field in ("Summary", "License-Expression", "Project-URL", "Classifier", "Requires-Python", "Provides-Extra"):
        assert f"\n{field}: " in metadata
    assert "\n# interpreterd\n" in metadata, "the README"


def test_version_is_that_of_gits_tag(tmp_path: Path) -> None:
    """The test uses a copy with its own repository and tag."""
    for name in ("pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "interpreterd").mkdir()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v7.8.9"]):
        subprocess.run([*git, *command], check=True)
    told = subprocess.check_output([sys.executable, "-m", "setuptools_scm"], cwd=tmp_path, text=True)
    assert told.strip() == "7.8.9"


def test_worker_cannot_be_imported(installed: Path, empty: Path) -> None:
    for name in ("worker", "tests"):
        python = [installed / "python", "-c", f"import {name}"]
        found = subprocess.run(python, cwd=empty, stderr=subprocess.PIPE, text=True)
        assert f"ModuleNotFoundError: No module named '{name}'" in found.stderr
    ours = "import interpreterd.daemon, interpreterd.client"
    subprocess.run([installed / "python", "-c", ours], cwd=empty, check=True)


async def test_installed_command(installed: Path, start_daemon: Start, empty: Path) -> None:
    daemon = await start_daemon("--cwd", str(empty), command=clean(installed / "interpreterd", installed))
    async with Client(daemon.url) as client:
        result = await client.run(REPORT)
    assert result.error is None
    report = json.loads(result.stdout)
    assert report["cwd"] == str(empty)
    assert Path(report["executable"]).parent == installed
    assert (report["child"], report["worker"]) == ("a Python", "None")
    assert await daemon.stop() == 0
    assert os.listdir(empty) == []


async def test_installed_as_a_module(installed: Path, start_daemon: Start) -> None:
    daemon = await start_daemon(command=[*clean(installed / "python", installed), "-m", "interpreterd"])
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"


def test_installed_commands_need_nothing_else(installed: Path, empty: Path) -> None:
    """The client, a private daemon and the command line need only the wheel and its dependencies."""
    command = clean(installed / "interpreterd", installed, HOME=str(empty))
    ran = run([*command, "run", "--local", "-c", "import os; print(os.getcwd())"], cwd=empty)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{empty}\n", "")
    every = f"from importlib import import_module\nfor name in {COMMANDS}: import_module('interpreterd.cli.' + name)"
    ran = run([*clean(installed / "python", installed), "-c", every], cwd=empty)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert os.listdir(empty) == []
