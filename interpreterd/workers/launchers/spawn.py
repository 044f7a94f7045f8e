"""The launcher that starts a new process for each worker: it finds the interpreter, which compiles the worker."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from interpreterd.model.environment import NO_ENVS, absolute_path, started_with
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.python import Python
from interpreterd.processes.families import kill_family
from interpreterd.processes.nursery import Nursery
from interpreterd.setting_kinds import VARIABLE_PREFIX
from interpreterd.workers.endings import start_failure
from interpreterd.workers.isolation.environment import clean_environment
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.script import COMPILER_FLAGS, OLDEST_PYTHON, command, compiler, in_memory
from interpreterd.workers.spawn import spawn
from interpreterd.workers.worker import Worker

_PROBE: Final = "import sys; exec(sys.stdin.read())"
_PROBE_TIMEOUT_S: Final = 20


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the daemon's environment without the variables that are for the daemon alone."""
    environment = {name: value for name, value in environ.items() if not name.startswith((VARIABLE_PREFIX, "_PYI_"))}
    if getattr(sys, "frozen", False):
        # PyInstaller's loader points the linker at the bundle's own libraries, and keeps the former value.
        environment.pop("LD_LIBRARY_PATH", None)
        original = environment.pop("LD_LIBRARY_PATH_ORIG", None)
        if original is not None:
            environment["LD_LIBRARY_PATH"] = original
        environment.pop("_MEIPASS2", None)
    return environment


class SpawnLauncher:
    """Starts each worker as a new process: an ``asyncio.subprocess``."""

    def __init__(self, *, python: str, nursery: Nursery, start_timeout_s: float, clean: bool = False) -> None:
        """Look for ``python``, a name on PATH or a path, when it is first needed.

        With ``clean``, workers get only what isolated contexts may see of the daemon's environment.
        """
        self._python = python
        self._nursery = nursery
        self._start_timeout_s = start_timeout_s
        self._is_clean = clean
        self._environment = worker_environment(os.environ)
        if clean:
            self._environment = clean_environment(self._environment)
        if path := self._environment.get("PYTHONPATH"):
            self._environment["PYTHONPATH"] = absolute_path(path, os.getcwd())
        self._found: _Found | None = None
        self._finding = asyncio.Lock()
        self._scripts = contextlib.ExitStack()  # one script, unless the interpreter was replaced

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """See ``Launcher``."""
        return await self.start(envs=envs)

    async def start(self, *arguments: str, envs: Mapping[str, str] = NO_ENVS) -> ProcessWorker:
        """Start the worker's script with further ``arguments``; see ``worker/boot.py``."""
        found = await self._find()
        return await spawn(
            command(found.python.executable, found.script_fd),
            arguments=arguments,
            script_fd=found.script_fd,
            environment=started_with({**self._environment, **envs}),
            nursery=self._nursery,
            timeout_s=self._start_timeout_s,
            is_for_isolation=self._is_clean,
        )

    async def describe_python(self) -> Python:
        """See ``Launcher``."""
        return (await self._find()).python

    async def sweep(self, worker: int | None = None) -> None:
        """See ``Launcher``."""
        await self._nursery.sweep(worker)

    def close(self) -> None:
        """Start no more workers."""
        self._scripts.close()

    async def _find(self) -> "_Found":
        """Return the interpreter. It is asked once: ``python3`` may be a slow script that looks for the real one."""
        async with self._finding:
            if self._found is None or self._found.identity != _identity(self._found.python.executable):
                self._found = await self._ask()
            return self._found

    async def _ask(self) -> "_Found":
        path = shutil.which(self._python, path=self._environment.get("PATH", os.defpath))
        if path is None:
            raise WorkerStartFailed(f"{self._python} not found")
        status, out, err = await self._run(
            path, "-I", "-S", *COMPILER_FLAGS, program=compiler(), environment=self._environment
        )
        executable, version, script = (out + b"\n\n").split(b"\n", 2)
        number = re.fullmatch(rb"(\d+)\.(\d+)\.\d+", version)
        if number is not None and tuple(map(int, number.groups())) < OLDEST_PYTHON:
            raise WorkerStartFailed(
                f"{path} is Python {version.decode()}; workers need {'.'.join(map(str, OLDEST_PYTHON))} or newer"
            )
        if status or number is None:
            raise WorkerStartFailed(f"{path} is not a Python{_last_line(err)}")
        try:
            script_fd = in_memory(script)
        except OSError as error:
            raise start_failure(error, "the worker") from error
        self._scripts.callback(os.close, script_fd)
        python = Python(executable=os.fsdecode(executable), version=version.decode())
        return _Found(python=python, identity=_identity(python.executable), script_fd=script_fd)

    async def examine(self, program: bytes) -> bytes:
        """See ``Launcher``."""
        path = (await self._find()).python.executable
        environment = clean_environment(self._environment)
        status, out, err = await self._run(path, program=program, environment=environment)
        if status:
            raise WorkerStartFailed(f"{path} could not examine this machine{_last_line(err)}")
        return out

    async def _run(
        self, path: str, *flags: str, program: bytes, environment: Mapping[str, str]
    ) -> tuple[int | None, bytes, bytes]:
        """Run ``program`` by the Python at ``path``; return its status and what it has written."""
        try:
            async with self._nursery.birth():
                process = await self._start_program(path, flags, program, environment)
                self._nursery.add(process.pid)
        except OSError as error:
            raise start_failure(error, path) from error
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                out, err = await process.communicate()
        except TimeoutError:
            raise WorkerStartFailed(f"{path} did not answer within {_PROBE_TIMEOUT_S} s") from None
        finally:
            if process.returncode is None:
                kill_family(process.pid)  # it may be a script with children
            self._nursery.remove(process.pid)
        return process.returncode, out, err

    async def _start_program(
        self, path: str, flags: Iterable[str], program: bytes, environment: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        # Not a pipe: uvloop cannot write to a pipe whose reader ends without reading.
        program_fd = in_memory(program)
        try:
            return await asyncio.create_subprocess_exec(
                path,
                *flags,
                "-c",
                _PROBE,
                stdin=program_fd,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                cwd=_directory_for_scripts(),
            )
        finally:
            os.close(program_fd)


@frozen(kw_only=True)
class _Found:
    """An interpreter, its identity, and the worker as it has compiled it."""

    python: Python
    identity: tuple[int, ...] | None
    script_fd: int


def _last_line(err: bytes) -> str:
    """Return the last line of an error message, as the end of a sentence."""
    lines = err.decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def _directory_for_scripts() -> str | None:
    """Return where to start a possible script: None for the current directory, or another one if that is deleted."""
    try:
        os.getcwd()
    except OSError:
        return "/"
    return None


def _identity(executable: str) -> tuple[int, ...] | None:
    """Return a value that changes when another file replaces ``executable``; None if there is no file."""
    try:
        status = os.stat(executable)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
