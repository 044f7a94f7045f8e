"""A worker that goes on as its child: the daemon follows it there, once, and only to a child of it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from interpreterd.pipe.confinement import Confinement, Landlock
from interpreterd.pipe.messages import Configure, Configured, FromWorker
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.moving import Heir, are_children
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.worker import Deaf

KEEPER = """
import os, time
child = os.fork()
if not child:
    time.sleep(1000)
print(child, flush=True)
time.sleep(1000)
"""
LANDLOCK = Landlock(abi=7, read=(), write=())
CONFINED = Confinement(home="/", temporary="/", landlock=LANDLOCK, namespaces=("pid",), seccomp="")
MOVES = Configure(cwd="/", confine=CONFINED)


class Recorder(Deaf):
    """Keeps what the listener is told."""

    def __init__(self) -> None:
        self.told: list[FromWorker | str] = []

    def on_message(self, message: FromWorker) -> None:
        self.told.append(message)

    def on_broken(self, reason: str) -> None:
        self.told.append(reason)


class Known(Nursery):
    """A nursery that says which processes it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.pids: list[int] = []

    def add(self, pid: int) -> None:
        self.pids.append(pid)

    def remove(self, pid: int) -> None:
        if pid in self.pids:
            self.pids.remove(pid)


class Family:
    """A process with a child, and the daemon's side of it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        self.process = process
        self.child = int(process.stdout.readline())
        self.nursery = Known()
        self.nursery.add(process.pid)
        with both_ends() as (self.ours, self.theirs):
            self.worker = ProcessWorker(process.pid, self.ours, self.nursery)

    def say(self, pid: int) -> None:
        """Say that the worker has moved to ``pid``."""
        self.worker.data_received(b'{"type":"moved","pid":%d}\n' % pid)

    async def end(self) -> None:
        """Kill both, and wait until their end has been told."""
        os.kill(self.child, signal.SIGKILL)
        self.process.kill()
        self.worker.process_exited(self.process.wait(), self.process.pid)
        while self.nursery.pids:  # noqa: ASYNC110 -- no event tells when the child is seen to have ended
            await asyncio.sleep(0.001)


@pytest.fixture
def family() -> Iterator[Family]:
    """Yield a process with a child; the child is not the test's, also when the process has ended."""
    command = ["sh", "-c", "sleep 1000 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        family = Family(process)
        try:
            yield family
            if family.worker.exited is None:
                family.worker.process_exited(-9)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


async def test_a_worker_may_move_to_its_child_while_it_is_configured(family: Family) -> None:
    family.worker.listener = recorder = Recorder()
    await family.worker.open()
    family.worker.send(MOVES)
    family.say(family.child)
    assert (family.worker.pid, recorder.told) == (family.child, [])
    assert family.nursery.pids == [family.process.pid, family.child]
    family.worker.process_exited(0, family.process.pid)
    assert (recorder.told, family.nursery.pids) == ([], [family.child]), "the former process is no longer the worker"
    family.worker.data_received(b'{"type":"configured"}\n')
    assert recorder.told == [Configured()]
    await family.end()
    assert family.worker.exited is not None


@pytest.mark.parametrize("when", ["unasked", "twice", "later", "elsewhere"])
async def test_any_other_move_breaks_the_protocol(family: Family, when: str) -> None:
    family.worker.listener = recorder = Recorder()
    await family.worker.open()
    if when != "unasked":
        family.worker.send(MOVES)
    if when == "twice":
        family.say(family.child)
    if when == "later":
        family.worker.data_received(b'{"type":"configured"}\n')
    family.say(os.getpid() if when == "elsewhere" else family.child)
    assert recorder.told[-1] == "it says that it has moved"
    assert family.worker.pid == (family.child if when == "twice" else family.process.pid)
    await family.end()


def started(*command: str) -> int:
    return os.posix_spawn(command[0], command, {})


async def test_the_end_of_a_process_that_became_the_daemons_is_told_with_its_status() -> None:
    ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    pid = started("/bin/sh", "-c", "exit 7")
    Heir(pid, 2**22 + 1, ended.set_result)
    assert await ended == 7


async def test_an_end_without_a_descriptor_to_watch_it_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", none_left)
    ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    pid = started("/bin/sleep", "1000")
    Heir(pid, 2**22 + 1, ended.set_result)
    assert not ended.done()
    os.kill(pid, signal.SIGTERM)
    assert await ended == -signal.SIGTERM


async def test_a_process_that_ended_before_its_parent_is_waited_for_until_the_parent_has_ended(family: Family) -> None:
    """Its parent leaves it as a zombie; then it is reaped by another process than the test."""
    ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    os.kill(family.process.pid, signal.SIGSTOP)
    os.kill(family.child, signal.SIGKILL)
    Heir(family.child, family.process.pid, ended.set_result)
    await asyncio.sleep(0)
    assert not ended.done()
    family.process.kill()
    assert await ended is None


def test_children_are_told_from_others() -> None:
    with subprocess.Popen([sys.executable, "-c", KEEPER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert are_children(os.getpid(), process.pid, None)
        assert are_children(process.pid, child)
        assert not are_children(os.getpid(), process.pid, child)
        for pid in (child, process.pid):
            os.kill(pid, signal.SIGKILL)
