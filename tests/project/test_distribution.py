"""What is given to users: the wheel and the single binary, built, installed and started as they do it."""

import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import Client, Daemon, alive, children, ends, gone, state
from paths import ROOT
from terminal import Terminal, run

from interpreterd.cli.main import COMMANDS

# Building takes a quarter of a minute; a first test waits for it.
pytestmark = [pytest.mark.xdist_group("distribution"), pytest.mark.timeout(300)]

Start = Callable[..., Awaitable[Daemon]]
PYTHONS = Path(sys.executable).parent  # where a python3 is
REPORT = """
import json, os, subprocess, sys
def said(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
print(json.dumps({
    "cwd": os.getcwd(),
    "environment": dict(os.environ),
    "executable": sys.executable,
    "child": said("print('a Python')"),
    "worker": said("import importlib.util as u; print(u.find_spec('worker'))"),
    "path": sys.path,
}))
"""


def make(target: str, recipe: str) -> Path:
    """Return a file that ``make`` has made by way of the file ``recipe``, up to date."""
    with open(ROOT / recipe) as file:
        # Another run of the tests may do the same.
        fcntl.flock(file, fcntl.LOCK_EX)
        # -o: never install into this environment now, while tests use it; it has all that building needs.
        command = ["make", "-C", ROOT, f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.has-dist", target]
        made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert made.returncode == 0, made.stdout
    return ROOT / target


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel; the source distribution that it is built from is beside it."""
    (wheel,) = make("dist/.wheel", "setup.cfg").parent.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def binary() -> Path:
    """The single binary."""
    return make("dist/interpreterd", "packaging/interpreterd.spec")


@pytest.fixture(scope="session")
def installed(wheel: Path) -> Path:
    """The programs of an environment in which there is the wheel, with what it needs, and nothing else."""
    environment = ROOT / "build" / "installed"
    stamp = environment / wheel.name
    with open(ROOT / "setup.cfg") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.stat().st_mtime < wheel.stat().st_mtime:
            venv.create(environment, clear=True)
            install = ["install", "--quiet", "--no-compile", "--disable-pip-version-check", wheel]
            subprocess.run([sys.executable, "-m", "pip", "--python", environment, *install], check=True)
            stamp.touch()
    return environment / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A temporary directory without anything in it."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def clean(program: Path, pythons: Path = PYTHONS, **variables: str) -> list[str]:
    """Return the command that starts ``program`` in an environment that holds PATH and ``variables`` only."""
    variables["PATH"] = f"{pythons}:/usr/bin:/bin"
    return ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), str(program)]


def environment_of(python: list[str]) -> dict[str, str]:
    """Return what a Python that is started by the command ``python`` finds in its environment."""
    told = subprocess.check_output([*python, "-c", "import json, os; print(json.dumps(dict(os.environ)))"])
    environment: dict[str, str] = json.loads(told)
    return environment


# The wheel

SHIPPED = (".py", ".json", ".typed")


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
    assert sorted(required) == ["aiohttp", "attrs", "click", "orjson", "prompt-toolkit", "rich", "uvloop"]


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
    assert wheel.stat().st_size < 300_000
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    assert f"\nVersion: {wheel.name.split('-')[1]}\n" in metadata
    for field in ("Summary", "License-Expression", "Project-URL", "Classifier", "Requires-Python", "Provides-Extra"):
        assert f"\n{field}: " in metadata
    assert "\n# interpreterd\n" in metadata, "the README"


def test_version_is_that_of_gits_tag(tmp_path: Path) -> None:
    """Of a copy with a repository of its own: this one's tags are not the matter."""
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
    """The client, a private daemon, and what people see: all of it is in the wheel and what that requires."""
    command = clean(installed / "interpreterd", installed, HOME=str(empty))
    ran = run([*command, "run", "--local", "-c", "import os; print(os.getcwd())"], cwd=empty)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{empty}\n", "")
    every = f"from importlib import import_module\nfor name in {COMMANDS}: import_module('interpreterd.cli.' + name)"
    ran = run([*clean(installed / "python", installed), "-c", every], cwd=empty)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert os.listdir(empty) == []


# The single binary


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_binary(binary: Path, start_daemon: Start, empty: Path, tmp_path: Path, launcher: str) -> None:
    """User code sees no trace of the bundle: its Python and its environment are those outside."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = clean(binary, TMPDIR=str(temporary))
    daemon = await start_daemon("--cwd", str(empty), "--launcher", launcher, command=command)
    assert len(os.listdir(temporary)) == 1
    async with Client(daemon.url) as client:
        result = await client.run(REPORT)
        async with client.http.get(daemon.url + "/version") as response:
            version = await response.json()
    assert result.error is None
    report = json.loads(result.stdout)
    assert report["cwd"] == str(empty)
    assert report["executable"] == version["worker"]["executable"]
    assert Path(report["executable"]).parent == PYTHONS
    assert report["child"] == "a Python"
    outside = await asyncio.to_thread(environment_of, clean(PYTHONS / "python3", TMPDIR=str(temporary)))
    assert report["environment"] == outside | {"PWD": str(empty)}
    assert "_MEI" not in result.stdout
    assert await daemon.stop() == 0
    assert os.listdir(temporary) == []
    assert os.listdir(empty) == []


async def test_binary_keeps_the_library_path_of_outside(binary: Path, start_daemon: Start) -> None:
    daemon = await start_daemon(command=clean(binary, LD_LIBRARY_PATH="/somewhere/lib"))
    async with Client(daemon.url) as client:
        result = await client.run("import os; print({n: v for n, v in os.environ.items() if n.startswith('LD_')})")
    assert result.stdout == "{'LD_LIBRARY_PATH': '/somewhere/lib'}\n"


async def test_binary_needs_a_python_for_workers_only(binary: Path, start_daemon: Start, empty: Path) -> None:
    """Without one it starts and says what is missing; its own is never used."""
    daemon = await start_daemon(command=["env", "-i", f"PATH={empty}", str(binary)])
    async with Client(daemon.url) as client:
        status, body = await client.request("POST", "/context")
        async with client.http.get(daemon.url + "/version") as response:
            version = await response.json()
    assert (status, "python3 not found" in body["error"]) == (500, True)
    assert version["worker"] == {"error": "python3 not found"}


async def test_binary_ends_when_its_group_is_interrupted(binary: Path, start_daemon: Start) -> None:
    """As by Ctrl-C in a terminal: loader and daemon are signalled, yet it is one signal."""
    daemon = await start_daemon(command=["setsid", *clean(binary)])
    async with Client(daemon.url) as client, client.running("print('busy')\nwhile True: pass") as running:
        await running.until("busy")
        os.killpg(daemon.process.pid, signal.SIGINT)
        result = await running.finish()
    assert result.close_code == 1001
    assert await daemon.ended() == 0


def test_binary_runs_code_and_is_interrupted_once(binary: Path, tmp_path: Path) -> None:
    """On a terminal, where Ctrl-C is for the loader, too; a second one would leave at once."""
    code = "try:\n    print('on')\n    while True: pass\nexcept KeyboardInterrupt: print('orderly')"
    command = clean(binary, TMPDIR=str(tmp_path), TERM="xterm")
    with Terminal([*command, "run", "--local", "-c", code], tmp_path) as terminal:
        terminal.until(lambda: "on" in terminal.lines)
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert terminal.lines[-1].endswith("orderly")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("victim", ["loader", "daemon", "both"])
async def test_sigkill_of_the_binary_leaves_nothing(
    binary: Path, start_daemon: Start, tmp_path: Path, victim: str
) -> None:
    """Whoever started it knows the loader's pid only. Neither a process nor the unpacked program is left."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    daemon = await start_daemon(command=clean(binary, TMPDIR=str(temporary)))
    loader = daemon.process.pid
    assert loader != daemon.pid
    code = "import os; print(os.getpid())\nwhile True: pass"
    async with Client(daemon.url) as client, client.running(code) as running:
        await running.until("\n")
        below = children(daemon.pid)
        for pid in {"loader": [loader], "daemon": [daemon.pid], "both": [loader, daemon.pid]}[victim]:
            os.kill(pid, signal.SIGKILL)
        result = await running.finish()
    if victim == "loader":
        assert (result.close_code, result.close_reason) == (1001, "server is shutting down")
    await gone(daemon.pid, *below, int(result.stdout))
    await daemon.ended()
    assert os.listdir(temporary) == []


async def test_sigkill_of_the_binary_whose_loader_takes_its_time(
    binary: Path, start_daemon: Start, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    daemon = await start_daemon(command=clean(binary, TMPDIR=str(temporary)))
    loader = daemon.process.pid
    below = children(daemon.pid)
    guard = min(below)
    os.kill(loader, signal.SIGSTOP)
    os.kill(daemon.pid, signal.SIGKILL)
    while alive(daemon.pid):
        pass
    await gone(*(pid for pid in below if pid != guard))
    while state(guard) not in "SZX":  # it has killed the workers, and now looks for the loader
        pass
    os.kill(loader, signal.SIGKILL)
    await gone(daemon.pid, guard)
    await daemon.ended()
    assert os.listdir(temporary) == []


async def test_binary_ends_with_the_parent_of_its_loader(binary: Path, start_daemon: Start) -> None:
    parent = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    daemon = await start_daemon("--exit-with-parent", command=[sys.executable, "-c", parent, *clean(binary)])
    daemon.process.kill()
    await gone(daemon.pid)


async def test_binary_ends_with_a_parent_that_ends_while_it_is_unpacked(binary: Path) -> None:
    """The loader is then adopted by another process, before anything of the daemon could look at its parent."""
    code = """
import os, subprocess, sys
flags = ["serve", "--port", "0", "--exit-with-parent"]
loader = subprocess.Popen([*sys.argv[1:], *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(loader.pid, flush=True)
os._exit(0)
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *clean(binary), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    out, _ = await parent.communicate()
    await ends(int(out))
