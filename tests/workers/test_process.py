"""The daemon's side of a faulty worker. A ``sleep`` stands for the worker's process."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Answer, Configured, Exit, FromWorker, Run, Sync, Synced
from interpreterd.processes.families import state
from interpreterd.processes.nursery import Nursery
from interpreterd.workers import endings
from interpreterd.workers.outbox import ANSWERS_LIMIT_BYTES
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.worker import Deaf


class Recorder(Deaf):
    """Keeps what the listener is told; kills the worker at ``Synced``."""

    def __init__(self, worker: ProcessWorker) -> None:
        self.told: list[FromWorker | str] = []
        self.broken = asyncio.Event()
        self._worker = worker

    def on_message(self, message: FromWorker) -> None:
        self.told.append(message)
        if message == Synced():
            self._worker.kill()

    def on_closed(self) -> None:
        self.told.append("closed")

    def on_broken(self, reason: str) -> None:
        self.told.append(reason)
        self.broken.set()

    def on_exit(self, how: str) -> None:
        self.told.append(how)


@pytest.fixture
def worker() -> Iterator[ProcessWorker]:
    """Yield a worker whose process does nothing and whose ends of the descriptors are closed."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        with both_ends() as (ours, _):
            worker = ProcessWorker(process.pid, ours, Nursery())
        yield worker
        process.kill()
        process.wait()
        worker.process_exited(process.returncode)


async def test_messages_after_its_kill_are_ignored(worker: ProcessWorker) -> None:
    worker.listener = recorder = Recorder(worker)
    worker.data_received(b'{"type":"configured"}\n{"type":"synced"}\n{"type":"configured"}\ngarbage\n')
    worker.data_received(b"garbage\n")
    assert recorder.told == [Configured(), Synced()]


async def test_the_end_of_its_channel_is_told_at_once(worker: ProcessWorker) -> None:
    worker.listener = recorder = Recorder(worker)
    worker.eof_received()
    assert recorder.told == ["closed"]


async def test_its_end_is_told_although_its_channel_is_lost(worker: ProcessWorker) -> None:
    """A failed write leads to this state: the transport has closed the socket."""
    worker.listener = recorder = Recorder(worker)
    worker._socket.close()
    worker.process_exited(-9)
    assert recorder.told == ["killed by SIGKILL"]


class Ending(Deaf):
    """Keeps how the worker ended."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_exit(self, how: str) -> None:
        """See ``Listener``."""
        self.told.append(how)


async def test_an_end_is_told_although_the_channel_closed_when_it_was_written_to() -> None:
    with both_ends() as (ours, _):
        worker = ProcessWorker(2**22 + 1, ours, Nursery())
    worker.listener = ending = Ending()
    closed = asyncio.Event()
    worker.connection_lost = lambda error: closed.set()  # type: ignore[method-assign]
    await worker.open()
    worker.send(Sync())  # fails, as for a killed worker that is not reaped yet
    await closed.wait()
    worker.process_exited(-9)
    assert ending.told == ["killed by SIGKILL"]


async def test_a_waiting_message_is_dropped_when_the_channel_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """``Exit`` waits until the daemon has noted the worker's files. The worker may end meanwhile."""
    with both_ends() as (ours, _):
        worker = ProcessWorker(2**22 + 1, ours, nursery := Nursery())
    await worker.open()
    waiting: list[Callable[[], None]] = []
    monkeypatch.setattr(nursery, "note_remains", lambda pid, then: waiting.append(then))
    closed = asyncio.Event()
    worker.connection_lost = lambda error: closed.set()  # type: ignore[method-assign]
    worker.send(Exit())
    worker.process_exited(-9)
    await closed.wait()
    waiting[0]()


async def test_why_it_cannot_start_is_told_although_it_ended_before_anybody_listened() -> None:
    with both_ends() as (ours, theirs):
        worker = ProcessWorker(2**22 + 1, ours, Nursery())
        os.write(theirs.stderr_fd, b"Fatal Python error: why\nmore of its state\n")
    worker.process_exited(1)
    with pytest.raises(WorkerStartFailed, match=r"exit status 1: Fatal Python error: why$"):
        await worker.ready(10)


def die(pid: int) -> None:
    """Kill a process and leave it as a zombie."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


async def test_how_it_died_is_waited_for_also_where_its_end_is_reported_late(
    worker: ProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is a zombie until its template reaps it, and the template may be busy."""
    monkeypatch.setattr(endings, "CLOSED_LIMIT_S", 0.0)
    looks: asyncio.Queue[int] = asyncio.Queue()

    def look(pid: int) -> str:
        looks.put_nowait(pid)
        return state(pid)

    monkeypatch.setattr(endings, "state", look)
    worker.listener = recorder = Recorder(worker)
    die(worker.pid)
    worker.eof_received()
    for _ in range(3):
        await looks.get()
    assert recorder.told == ["closed"]
    worker.process_exited(-signal.SIGKILL)
    assert recorder.told == ["closed", "killed by SIGKILL"]


@pytest.mark.parametrize("dead", [False, True])
async def test_it_is_not_waited_for_without_an_end(
    worker: ProcessWorker, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    monkeypatch.setattr(endings, "CLOSED_LIMIT_S", 0.0)
    monkeypatch.setattr(endings, "REPORT_LIMIT_S", 0.0 if dead else 1000.0)
    worker.listener = recorder = Recorder(worker)
    if dead:
        die(worker.pid)
    worker.eof_received()
    await recorder.broken.wait()
    assert recorder.told == ["closed", "it closed its channel"]


async def test_a_worker_that_asks_and_does_not_read_the_answers_costs_the_daemon_little() -> None:
    with both_ends() as (ours, _):
        worker = ProcessWorker(0, ours, Nursery())
        await worker.open()
        try:
            for number in range(100):
                worker.send(Answer(number=number, text="x" * 100_000))
            assert worker._outbox is not None
            assert ANSWERS_LIMIT_BYTES < worker._outbox.size < 2 * ANSWERS_LIMIT_BYTES
            worker.send(Run("e", Execute(code="x" * 2 * ANSWERS_LIMIT_BYTES)))
            assert worker._outbox.size > 2 * ANSWERS_LIMIT_BYTES, "nothing else is dropped"
        finally:
            worker.process_exited(0)
