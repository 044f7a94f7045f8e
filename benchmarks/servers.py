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
from typing import Final, Self

from attrs import frozen

ROOT = Path(__file__).resolve().parents[1]
PROBED = Path(__file__).with_name("inside.py")
START_LIMIT_S = 30
STOP_LIMIT_S = 30


class BenchmarkError(Exception):
    """A measured server did not do the work that is measured."""


@frozen(kw_only=True)
class Program:
    """How a daemon is started, and how with a probe inside; see ``inside.py``."""

    command: tuple[str, ...]
    probed: tuple[str, ...]


INSTALLED: Final = Program(
    command=(str(Path(sys.executable).with_name("interpreterd")),), probed=(sys.executable, "-I", str(PROBED))
)


def program_of(python: str) -> Program:
    """Return the daemon that ``python`` imports."""
    return Program(command=(python, "-I", "-m", "interpreterd"), probed=(python, "-I", str(PROBED)))


def environment() -> dict[str, str]:
    """Return this environment without variables that change the behaviour of Python or of the daemon."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INTERPRETERD_"))}


def make_python(directory: Path, packages: bool) -> str:
    """Return the path of an interpreter in a new virtual environment, empty or with all ``packages`` of this one.

    This one loads development tools at every start of Python: an editable installation, coverage, setuptools. They
    import 97 modules. A new one does not, and reads no long list of packages either.
    """
    venv.create(directory)
    python = directory / "bin" / "python"
    if packages:
        own = sysconfig.get_path("purelib", "venv", {"base": str(directory)})
        Path(own, "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(python)


def daemon_help(program: Program) -> str:
    """Return the output of ``interpreterd serve --help``, which shows the features of this daemon.

    Raises:
        BenchmarkError: It does not say so.
    """
    command = [*program.command, "serve", "--help"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=START_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{' '.join(command)} took longer than {START_LIMIT_S} s") from error
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)}:\n{done.stderr[-600:]}")
    return done.stdout


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
        except BaseException as error:  # also after an interrupt: started processes must not stay
            self._process.kill()
            self._close()
            if isinstance(error, TimeoutError | ValueError):
                raise BenchmarkError(f"{self._command[0]} did not start: {self.last_words()}") from error
            raise
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
            self._close()

    def _close(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self._log.read_text(errors="replace")[-600:]


def daemon(directory: Path, program: Program, python: str, *flags: str, probed: bool = False) -> Server:
    """Return a daemon, not started yet, whose workers run ``python``, with ``flags`` added."""
    own = ("serve", "--port", "0", "--cwd", str(directory), "--python", python, "--exit-with-parent")
    start = program.probed if probed else program.command
    return Server([*start, *own, *flags], directory, directory / "daemon.log")


def echo(directory: Path) -> Server:
    """Return an echo server, not started yet."""
    return Server([sys.executable, "-m", "benchmarks.echo"], ROOT, directory / "echo.log")
