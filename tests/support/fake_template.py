"""A fake template process that a test drives, and the launcher over it."""

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from harness import state

from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Fork
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.launchers import fork
from interpreterd.workers.launchers.fork import ForkLauncher
from interpreterd.workers.worker import Deaf, Listener, Worker

NOBODY = (1 << 22) + 1  # no process has it: it is above the largest possible pid; see proc(5)


class Process:
    """A fake template process. The test gives its answers."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exited: str | None = None
        self.listener: Listener = Deaf()
        self.asked = asyncio.Event()

    def send_with_fds(self, message: Fork, fds: list[int]) -> None:
        """See ``ProcessWorker``."""
        self.asked.set()

    def kill(self) -> None:
        """See ``ProcessWorker``."""
        self.listener.on_exit("killed by SIGKILL")


class Spawner:
    """Starts fake templates. Its ``launch`` always fails, with a message for the test."""

    def __init__(self) -> None:
        self.templates: list[Process] = []
        self.started = asyncio.Event()
        self.failure: WorkerStartFailed | None = None

    async def start(self, *arguments: str) -> Process:
        """See ``SpawnLauncher``. No process has the template's pid, so a signal hits nothing."""
        self.started.set()
        if self.failure is not None:
            raise self.failure
        self.templates.append(Process(NOBODY + len(self.templates)))
        return self.templates[-1]

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """See ``SpawnLauncher``."""
        raise WorkerStartFailed("this one would be spawned")


def launcher_over(spawner: Spawner) -> ForkLauncher:
    return ForkLauncher(cast(fork.Spawner, spawner), modules=(), nursery=Nursery(), start_timeout_s=10)


async def asked(spawner: Spawner, launcher: ForkLauncher) -> tuple[asyncio.Task[Worker], Process]:
    """Request a worker; return the request and the template that has received it."""
    request = asyncio.create_task(launcher.launch())
    await spawner.started.wait()
    await asyncio.sleep(0)
    await spawner.templates[0].asked.wait()
    return request, spawner.templates[0]


async def reaped(pid: int) -> None:
    """Wait until a process has been reaped."""
    while state(pid) != "X":  # noqa: ASYNC110 -- no event tells when it is reaped
        await asyncio.sleep(0.001)


@pytest.fixture
def child() -> Iterator[int]:
    """Yield the pid of a process in a new session. It stands for a worker whose template has died."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        yield process.pid
        process.kill()
