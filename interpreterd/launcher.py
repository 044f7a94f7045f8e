"""Where workers come from: finding the interpreter, making the script, starting the process."""

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from importlib import resources
from typing import Final, Protocol

from attrs import frozen

from interpreterd.directory import is_in
from interpreterd.errors import WorkerStartFailed
from interpreterd.messages import Configure
from interpreterd.nursery import Nursery
from interpreterd.process import ProcessWorker, start
from interpreterd.worker import Worker, configure

_PROBE: Final = "import sys;print(sys.executable);print(*sys.version_info[:3],sep='.')"
_PROBE_TIMEOUT_S: Final = 20
_RUN: Final = (
    "run(SOURCES, int(sys.argv[1]), sys.argv[2] == '1', *[[n for n in a.split(',') if n] for a in sys.argv[3:]])"
)
OLDEST_PYTHON: Final = (3, 9)
_log = logging.getLogger(__name__)


class Launcher(Protocol):
    """Starts workers."""

    async def launch(self) -> Worker:
        """Return a worker that has never run user code, and that only the caller has.

        Raises:
            WorkerStartFailed: With the reason.
        """
        ...

    async def describe_python(self) -> "Python":
        """Return the workers' interpreter. Raises ``WorkerStartFailed`` if there is none that will do."""
        ...

    async def sweep(self) -> None:
        """Kill what dead workers have left behind."""


async def launch_configured(launcher: Launcher, message: Configure, timeout_s: float) -> Worker:
    """Return a worker that has become the worker of a context.

    Raises:
        WorkerStartFailed: There is none, whatever the reason.
    """
    worker = None
    try:
        worker = await launcher.launch()
        if worker.configured != message or not is_in(worker.pid, message.cwd):
            await configure(worker, message, timeout_s)
    except BaseException as error:
        if worker is not None:
            worker.kill()
        if isinstance(error, Exception) and not isinstance(error, WorkerStartFailed):
            _log.exception("a mistake in the daemon")
            raise WorkerStartFailed("internal error; the daemon's log says more") from error
        raise
    return worker


@frozen(kw_only=True)
class Python:
    """An interpreter.

    Attributes:
        executable: Path; in a virtual environment, the path inside it.
    """

    executable: str
    version: str


def worker_script() -> bytes:
    """Return the worker as one Python script: the sources of its modules, then the code that loads them.

    The worker is not imported: it is data, for another interpreter.
    """
    folder = resources.files("interpreterd") / "_worker"
    if not folder.is_dir():  # a checkout, where it stands beside the package
        folder = resources.files("interpreterd") / ".." / "worker"
    files = [file for file in folder.iterdir() if file.name.endswith(".py")]
    sources = {file.name.removesuffix(".py"): file.read_text("utf-8") for file in files}
    boot = sources.pop("boot")
    return f"{boot}\n\nSOURCES = {sources!r}\n{_RUN}\n".encode()


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the daemon's environment without what belongs to the daemon alone."""
    environment = {name: value for name, value in environ.items() if not name.startswith(("INTERPRETERD_", "_PYI_"))}
    if getattr(sys, "frozen", False):
        # PyInstaller's loader points the linker at the bundle's own libraries, and keeps what was there before.
        environment.pop("LD_LIBRARY_PATH", None)
        original = environment.pop("LD_LIBRARY_PATH_ORIG", None)
        if original is not None:
            environment["LD_LIBRARY_PATH"] = original
        environment.pop("_MEIPASS2", None)
    return environment


class SpawnLauncher:
    """Starts each worker as a new process: an ``asyncio.subprocess``."""

    def __init__(self, *, python: str, nursery: Nursery, start_timeout_s: float) -> None:
        """Look for ``python``, a name on PATH or a path, when it is first needed."""
        self._python = python
        self._nursery = nursery
        self._start_timeout_s = start_timeout_s
        self._environment = worker_environment(os.environ)
        self._found: Python | None = None
        self._finding = asyncio.Lock()
        # A script in memory: no path that another user could have prepared, none that a cleaner removes.
        self._script_fd = os.memfd_create("interpreterd-worker")
        os.write(self._script_fd, worker_script())

    async def launch(self) -> Worker:
        """See ``Launcher``."""
        return await self.start()

    async def start(self, *arguments: str) -> ProcessWorker:
        """Start the worker's script with further ``arguments``; see ``worker/boot.py``."""
        python = await self.describe_python()
        # -I -S: the user's directory may hold a json.py; site and the user's paths are set up by the worker itself.
        return await start(
            [python.executable, "-I", "-S", f"/proc/self/fd/{self._script_fd}"],
            arguments=arguments,
            script_fd=self._script_fd,
            environment=self._environment,
            nursery=self._nursery,
            timeout_s=self._start_timeout_s,
        )

    async def describe_python(self) -> Python:
        """See ``Launcher``. Asked once: ``python3`` may be a slow shell script that looks for the real one."""
        async with self._finding:
            if self._found is None or not os.access(self._found.executable, os.X_OK):
                self._found = await self._find()
            return self._found

    async def sweep(self) -> None:
        """See ``Launcher``."""
        await self._nursery.sweep()

    def close(self) -> None:
        """Start no more."""
        os.close(self._script_fd)

    async def _find(self) -> Python:
        path = shutil.which(self._python, path=self._environment.get("PATH", os.defpath))
        if path is None:
            raise WorkerStartFailed(f"{self._python} not found")
        async with self._nursery.birth():
            try:
                process = await asyncio.create_subprocess_exec(
                    path,
                    "-I",
                    "-S",
                    "-c",
                    _PROBE,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env=self._environment,
                )
            except OSError as error:
                raise WorkerStartFailed(f"{path}: {error.strerror}") from error
            self._nursery.add(process.pid)
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            raise WorkerStartFailed(f"{path} did not answer within {_PROBE_TIMEOUT_S} s") from None
        finally:
            self._nursery.remove(process.pid)
        executable, _, version = out.decode(errors="replace").strip().rpartition("\n")
        if process.returncode or not executable:
            lines = err.decode(errors="replace").strip().splitlines()
            raise WorkerStartFailed(f"{path} is no Python" + (f": {lines[-1]}" if lines else ""))
        if tuple(map(int, version.split(".")[:2])) < OLDEST_PYTHON:
            raise WorkerStartFailed(
                f"{path} is Python {version}; workers need {'.'.join(map(str, OLDEST_PYTHON))} or newer"
            )
        return Python(executable=executable, version=version)
