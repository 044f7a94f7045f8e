"""Spawned workers: which interpreters are accepted, and when the launcher checks the interpreter again."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from harness import DISGUISE

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.launchers.spawn import SpawnLauncher, worker_environment
from interpreterd.workers.worker import Deaf

Write = Callable[[str], str]


@pytest.fixture
def python(tmp_path: Path) -> Write:
    """Return a function that writes a script in place of the interpreter, and returns its path."""

    def write(script: str) -> str:
        new = tmp_path / "new"
        new.write_text(script)
        new.chmod(0o755)
        return str(new.rename(tmp_path / "python"))

    return write


@pytest.fixture
def launcher(python: Write, no_blocking: BlockBuster) -> Iterator[SpawnLauncher]:
    """Yield a launcher that starts workers with the script of ``python``."""
    no_blocking.deactivate()  # the launcher reads the worker's files once
    with contextlib.closing(SpawnLauncher(python=python(""), nursery=Nursery(), start_timeout_s=30)) as launcher:
        yield launcher


class Ending(Deaf):
    """Sets ``ended`` when the worker ends."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def on_exit(self, how: str) -> None:
        self.ended.set()


NO_INTERPRETERS = {
    "exit 3": "is not a Python",
    "echo no such thing >&2": "is not a Python: no such thing",
    "echo a; echo b": "is not a Python",
    "echo a; echo 3.11": "is not a Python",
    "echo a; echo 3.11.0; exit 1": "is not a Python",
    "echo a; echo 3.8.18": "is Python 3.8.18; workers need 3.9 or newer",
    "echo a; echo 2.7.18; exit 1": "is Python 2.7.18; workers need 3.9 or newer",
}


@pytest.mark.parametrize("script", NO_INTERPRETERS)
async def test_what_is_no_interpreter_for_workers(launcher: SpawnLauncher, python: Write, script: str) -> None:
    path = python(f"#!/bin/sh\n{script}\n")
    with pytest.raises(WorkerStartFailed) as raised:
        await launcher.describe_python()
    assert str(raised.value) == f"{path} {NO_INTERPRETERS[script]}"


async def test_an_interpreter_that_is_nowhere_is_not_found(no_blocking: BlockBuster) -> None:
    no_blocking.deactivate()
    launcher = SpawnLauncher(python="no-such-python", nursery=Nursery(), start_timeout_s=30)
    with contextlib.closing(launcher), pytest.raises(WorkerStartFailed, match="no-such-python not found"):
        await launcher.launch()


async def test_a_replaced_interpreter_is_checked_again(launcher: SpawnLauncher, python: Write) -> None:
    """Another Python cannot run the bytecode that the first one compiled."""
    python(DISGUISE.replace('echo "$0"', 'echo "$0"; echo 3.9.99').replace("+2", "+3") + "exec false\n")
    assert (await launcher.describe_python()).version == "3.9.99"
    with pytest.raises(WorkerStartFailed):
        await launcher.launch()
    python(f"{DISGUISE}exec '{sys.executable}' \"$@\"\n")
    assert (await launcher.describe_python()).version == ".".join(map(str, sys.version_info[:3]))
    worker = await launcher.launch()
    worker.listener = ending = Ending()
    worker.kill()
    await ending.ended.wait()


def test_workers_do_not_see_what_belongs_to_the_daemon_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"INTERPRETERD_PORT": "1", "_PYI_ARCHIVE_FILE": "/x", "PATH": "/bin", "LD_LIBRARY_PATH": "/lib"}
    assert worker_environment(ours) == {"PATH": "/bin", "LD_LIBRARY_PATH": "/lib"}
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert worker_environment({**ours, "_MEIPASS2": "/x"}) == {"PATH": "/bin"}
    before = {**ours, "LD_LIBRARY_PATH_ORIG": "/before"}
    assert worker_environment(before) == {"PATH": "/bin", "LD_LIBRARY_PATH": "/before"}
