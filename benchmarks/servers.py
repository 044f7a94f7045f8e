"""The processes that are measured: the daemon as users start it, and the echo server that is its floor."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("interpreterd")
START_LIMIT_S = 30
STOP_LIMIT_S = 30


class BenchmarkError(Exception):
    """What was measured did not do what it is measured for."""


def environment() -> dict[str, str]:
    """Return this environment without what would change how any Python, or the daemon, behaves."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INTERPRETERD_"))}


def make_python(directory: Path, packages: bool) -> str:
    """Return the path of an interpreter in a new virtual environment, empty or with all ``packages`` of this one.

    This one runs at every start of Python what is for development: an editable installation, coverage, setuptools. They
    import 97 modules. A new one does not, and reads no long list of packages either.
    """
    venv.create(directory)
    python = directory / "bin" / "python"
    if packages:
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = subprocess.check_output([python, "-I", "-c", ask], text=True).strip()
        Path(own, "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(python)


def daemon_help() -> str:
    """Return what ``interpreterd serve --help`` says, which tells what this daemon can."""
    return subprocess.run(
        [COMMAND, "serve", "--help"],
        capture_output=True,
        check=True,
        text=True,
        env=environment(),
        timeout=START_LIMIT_S,
    ).stdout


class Server:
    """A process that prints one JSON line with its ``port`` and ``pid`` when it is ready, and ends on SIGTERM."""

    def __init__(self, command: list[str], cwd: Path, log: Path) -> None:
        self._command = command
        self._cwd = cwd
        self._log = log
        self._process: subprocess.Popen[str]
        self.port = 0
        self.pid = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Start it and wait for its line."""
        self._start()
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_LIMIT_S):
                line = await asyncio.to_thread(self._process.stdout.readline)
            announced = json.loads(line)
        except (TimeoutError, ValueError) as error:
            self._process.kill()
            raise BenchmarkError(f"{self._command[0]} did not start: {self.last_words()}") from error
        self.port, self.pid = announced["port"], announced["pid"]
        return self

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,  # its end ends the echo server; the daemon has --exit-with-parent
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._cwd,
                env=environment(),
                text=True,
            )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ask it to end; kill it if it does not."""
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        finally:
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self._log.read_text(errors="replace")[-600:]


def daemon(directory: Path, python: str, *flags: str, probed: bool = False) -> Server:
    """Return a daemon, not started yet, whose workers run ``python``, with ``flags`` added; see ``inside.py``."""
    start = [sys.executable, "-m", "benchmarks.inside"] if probed else [str(COMMAND)]
    own = ("serve", "--port", "0", "--cwd", str(directory), "--python", python, "--exit-with-parent")
    return Server([*start, *own, *flags], ROOT if probed else directory, directory / "daemon.log")


def echo(directory: Path) -> Server:
    """Return an echo server, not started yet."""
    return Server([sys.executable, "-m", "benchmarks.echo"], ROOT, directory / "echo.log")
