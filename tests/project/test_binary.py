"""The single binary, built and started as users do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from distributions import PYTHONS, REPORT, clean, make
from harness import Client, Daemon, children, ends, gone, state
from leaving import holds
from terminal import Terminal

# The first test waits for the build: a quarter of a minute.
pytestmark = [pytest.mark.xdist_group("binary"), pytest.mark.timeout(300)]

Start = Callable[..., Awaitable[Daemon]]


@pytest.fixture(scope="session")
def binary() -> Path:
    """Return the path of the single binary."""
    return make("dist/interpreterd", "packaging/interpreterd.spec")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return an empty temporary directory."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def environment_of(python: list[str]) -> dict[str, str]:
    """Return the environment variables that a Python started by the command ``python`` sees."""
    told = subprocess.check_output([*python, "-c", "import json, os; print(json.dumps(dict(os.environ)))"])
    environment: dict[str, str] = json.loads(told)
    return environment


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_binary(binary: Path, start_daemon: Start, empty: Path, tmp_path: Path, launcher: str) -> None:
    """User code sees no trace of the bundle: it has the system's Python and environment."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = clean(binary, TMPDIR=str(temporary))
    daemon = await start_daemon("--cwd", str(empty), "--launcher", launcher, command=command)
    assert len(os.listdir(temporary)) == 1
    async with Client(daemon.url) as client:
        result = await client.run(REPORT)
        async with client.http.get(daemon.url + "/version") as response:
            version = await response.json()
        async with client.http.post(daemon.url + "/filesystem.Filesystem/Stat", json={"path": str(empty)}) as response:
            assert (await response.json())["entry"]["path"] == str(empty)
        for path in ("/api", "/ping", "/contexts"):  # of APIs whose modules are imported by their names
            async with client.http.get(daemon.url + path) as response:
                assert response.status == 200, path
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
    """Without a Python for workers it starts and says what is missing. It never uses its bundled Python."""
    daemon = await start_daemon(command=["env", "-i", f"PATH={empty}", str(binary)])
    async with Client(daemon.url) as client:
        status, body = await client.request("POST", "/context")
        async with client.http.get(daemon.url + "/version") as response:
            version = await response.json()
    assert (status, "python3 not found" in body["error"]) == (500, True)
    assert version["worker"] == {"error": "python3 not found"}


async def test_binary_ends_when_its_group_is_interrupted(binary: Path, start_daemon: Start) -> None:
    """Ctrl-C signals the loader and the daemon, but must count as one signal."""
    daemon = await start_daemon(command=["setsid", *clean(binary)])
    async with Client(daemon.url) as client, client.running("print('busy')\nwhile True: pass") as running:
        await running.until("busy")
        os.killpg(daemon.process.pid, signal.SIGINT)
        result = await running.finish()
    assert result.close_code == 1001
    assert await daemon.ended() == 0


def test_binary_runs_code_and_is_interrupted_once(binary: Path, tmp_path: Path) -> None:
    """Ctrl-C on a terminal also signals the loader. A second signal would make the command leave at once."""
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
    """SIGKILL hits only the loader. No process and no unpacked file is left."""
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
    await gone(daemon.pid)
    await gone(*(pid for pid in below if pid != guard))
    await holds(lambda: state(guard) in "SZX")  # the guard has killed the workers and now looks for the loader
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
    """Another process adopts the loader before the daemon can look at its parent."""
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
