"""Starting a worker as a process."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator

import pytest
from fake_template import child as child  # a fixture
from harness import gone

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.processes.nursery import Nursery
from interpreterd.workers import endings
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.spawn import spawn


async def test_a_worker_that_is_stopped_while_it_starts_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, child: int
) -> None:
    """A template starts as such a worker. It may be slow, because it imports users' modules, but not stopped."""
    monkeypatch.setattr(endings, "STOPPED_LIMIT_S", 0)
    with both_ends() as (ours, _):
        worker = ProcessWorker(child, ours, Nursery())
        starting = asyncio.create_task(worker.ready(1000))
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(WorkerStartFailed, match="stands still"):
            await starting
        await gone(child)
        worker.process_exited(-9)


class Told(Nursery):
    """A nursery that sets ``reaped`` when it removes a process."""

    def __init__(self) -> None:
        super().__init__()
        self.reaped = asyncio.Event()

    def remove(self, pid: int) -> None:
        super().remove(pid)
        self.reaped.set()


@pytest.fixture
def script_fd() -> Iterator[int]:
    """Yield a descriptor in place of the worker's script."""
    fd = os.open(os.devnull, os.O_RDONLY)
    yield fd
    os.close(fd)


FAILING = {
    "ends at once": (["/bin/sh", "-c", "exit 3"], "the worker ended at once: exit status 3"),
    "says why": (["/bin/sh", "-c", "echo why >&2; exit 3"], "the worker ended at once: exit status 3: why"),
    "babbles": (["/bin/sh", "-c", "echo babble; read line"], "the worker broke the protocol: not JSON"),
    "says something else": (
        ["/bin/sh", "-c", """echo '{"type": "configured"}'; read line"""],
        "the worker said Configured, not Ready",
    ),
}


@pytest.mark.parametrize("command", FAILING)
async def test_a_command_that_is_no_worker_is_killed_and_told(command: str, script_fd: int) -> None:
    line, why = FAILING[command]
    nursery = Told()
    with pytest.raises(WorkerStartFailed, match=f"^{re.escape(why)}"):
        await spawn(line, arguments=(), script_fd=script_fd, environment={}, nursery=nursery, timeout_s=1000)
    await nursery.reaped.wait()


async def test_a_command_that_cannot_be_run_is_told(script_fd: int) -> None:
    with pytest.raises(WorkerStartFailed, match=r"^/no/such/python: No such file or directory$"):
        await spawn(
            ["/no/such/python"],
            arguments=(),
            script_fd=script_fd,
            environment={},
            nursery=Nursery(),
            timeout_s=1000,
        )


async def test_a_worker_that_says_nothing_is_not_waited_for_without_an_end(script_fd: int) -> None:
    nursery = Told()
    with pytest.raises(WorkerStartFailed, match="did not answer within 0 s"):
        await spawn(
            ["/bin/sh", "-c", "read line"],
            arguments=(),
            script_fd=script_fd,
            environment={},
            nursery=nursery,
            timeout_s=0,
        )
    await nursery.reaped.wait()
