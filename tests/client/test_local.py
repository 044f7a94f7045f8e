"""``client.local``: a private daemon starts and ends with its program."""

import os
import signal
import sys
from pathlib import Path

import pytest
from clients import Face, program
from harness import alive, gone

from interpreterd.client import LocalDaemon, StartFailed

pytestmark = pytest.mark.daemon


async def test_a_private_daemon(
    face: Face, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in the current directory does not replace one of the daemon's modules."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aiohttp.py").write_text("raise LookupError")
    async with face.local("--log-level", "info") as py:
        code = "import os, sys; print(os.getppid(), sys.executable, os.getcwd(), sep='\\n')"
        pid, executable, cwd = (await py.execute(code)).stdout.splitlines()
        (directory,) = _sockets(int(pid))
        assert os.stat(directory).st_mode & 0o777 == 0o700
        assert (executable, cwd) == (sys.executable, str(tmp_path))
    assert not alive(int(pid))
    assert not directory.exists()
    assert "shutting down" in caplog.text


def _sockets(pid: int) -> list[Path]:
    """Return the directories of the sockets that a daemon listens on."""
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return [Path(arguments[i + 1]).parent for i, word in enumerate(arguments) if word == "--unix-socket"]


async def test_a_private_daemon_that_does_not_start(face: Face, tmp_path: Path) -> None:
    for flags, reason in (
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--cwd", f"{tmp_path}/nowhere"], "no such directory"),
    ):
        py = face.local(*flags)
        with pytest.raises(StartFailed, match=reason):
            await py.execute("1")
        await py.close()
    daemon = LocalDaemon()
    daemon.stop()
    with pytest.raises(StartFailed):
        await face(daemon).__aenter__()


async def test_a_private_daemon_reads_no_file_of_settings(
    face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "interpreterd.toml").write_text("a mistake")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with face.local() as py:
        assert (await py.execute("print(1)")).stdout == "1\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_private_daemon_ends_with_its_program(number: int) -> None:
    code = """
from interpreterd.client import Interpreter
with Interpreter.local() as py:
    code = "import os; print(os.getppid())\\nwhile True: pass"
    py.execute(code, on_stdout=lambda text: print(text, flush=True))
"""
    async with program(code) as process:
        assert process.stdout is not None
        pid = int(await process.stdout.readline())
        process.send_signal(number)
        await process.wait()
        await gone(pid)
