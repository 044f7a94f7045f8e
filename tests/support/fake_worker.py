"""The one fake: a worker in memory, and the launcher that starts it. A test says what the worker does."""

import asyncio
from collections import deque
from collections.abc import Mapping

from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Failure, Stream
from interpreterd.model.python import Python
from interpreterd.pipe.messages import (
    Configure,
    Configured,
    Done,
    Exit,
    Exiting,
    FromWorker,
    Run,
    Sync,
    Synced,
    ToWorker,
)
from interpreterd.workers.worker import Deaf, Listener, Worker


class FakeWorker:
    """A ``Worker`` whose program is the test.

    Attributes:
        calls: What the daemon did to it, by name of the method, ``send`` and what starts it left out.
        configured_with: What it was told last to be configured as.
        grace_s: What its execution had to end after the latest interrupt.
        answer: What it says to ``Configure``; None for nothing.
        leaves: How it ends right after that answer, before anybody has taken it; None if it stays.
        immortal: Whether ``kill`` does nothing.
        stubborn: Whether it does not end when it is told to.
        reading: Whether the daemon reads its output.
        configuring: Set once it was told to become the worker of a context.
        interrupted, killed: Set once it was.
    """

    def __init__(self, pid: int, *, answer: FromWorker | None, leaves: str | None = None) -> None:
        self.pid = pid
        self.listener: Listener = Deaf()
        self.exited: str | None = None
        self.broken: str | None = None
        self.calls: list[str] = []
        self.grace_s: float | None = None
        self.answer = answer
        self.leaves = leaves
        self.immortal = False
        self.stubborn = False
        self.reading = True
        self.configured: Configure | None = None
        self.configured_with: Configure | None = None
        self.configuring = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.killed = asyncio.Event()
        self._inbox: asyncio.Queue[ToWorker] = asyncio.Queue()
        self._pipe: deque[tuple[Stream, str]] = deque()
        self._cut: str = ""

    # Worker, for the daemon

    def send(self, message: ToWorker) -> None:
        """See ``Worker``."""
        if self.exited is not None:
            return
        if isinstance(message, Configure):
            self.configured_with = message
            self.configuring.set()
            asyncio.get_running_loop().call_soon(self._configure)
        elif isinstance(message, Exit):
            self.calls.append("end")
            if not self.stubborn:
                asyncio.get_running_loop().call_soon(self.exit, "exit status 0")
        else:
            self._inbox.put_nowait(message)

    def interrupt(self, grace_s: float) -> None:
        """See ``Worker``."""
        self.grace_s = grace_s
        self.calls.append("interrupt")
        self.interrupted.set()

    def kill(self) -> None:
        """See ``Worker``. Its end is told a moment later, as a real one's."""
        self.calls.append("kill")
        self.killed.set()
        if not self.immortal:
            asyncio.get_running_loop().call_soon(self.exit, "killed by SIGKILL")

    def give_up(self, how: str) -> None:
        """See ``Worker``."""
        self.calls.append("give_up")
        self.exit(how)

    def pause_output(self) -> None:
        """See ``Worker``."""
        self.calls.append("pause_output")
        self.reading = False

    def resume_output(self) -> None:
        """See ``Worker``. What is in the pipe comes a moment later."""
        self.calls.append("resume_output")
        self.reading = True
        asyncio.get_running_loop().call_soon(self._read)

    def drain(self) -> None:
        """See ``Worker``."""
        self.calls.append("drain")
        self._empty_the_pipe()

    def end_text(self) -> None:
        """See ``Worker``."""
        self.calls.append("end_text")
        if self._cut:
            text, self._cut = self._cut, ""
            self.listener.on_output(Stream.STDOUT, text)

    # The program, for the test

    async def told(self) -> ToWorker:
        """Return the next thing that it is told to do."""
        return await self._inbox.get()

    async def run(self) -> Run:
        """Return the next execution, which must be what it is told."""
        message = await self.told()
        assert isinstance(message, Run), message
        return message

    async def settle(self) -> None:
        """Answer the ``Sync`` that must come next."""
        message = await self.told()
        assert isinstance(message, Sync), message
        self.say(Synced())

    def write(self, text: str, stream: Stream = Stream.STDOUT) -> None:
        """Write to its pipe, which is as large as it needs to be."""
        self._pipe.append((stream, text))
        self._read()

    def write_half_a_character(self) -> None:
        """Write the beginning of a character."""
        self._cut = "\ufffd"

    def say(self, message: FromWorker) -> None:
        """Say something, after what it wrote."""
        self._empty_the_pipe()
        self.listener.on_message(message)

    def done(self, run: Run, error: Failure | None = None) -> None:
        """End an execution."""
        self.say(Done(execution_id=run.execution_id, error=error))

    def exiting(self, run: Run) -> None:
        """Say that the execution called ``exit()``, and leave."""
        self.say(Exiting(execution_id=run.execution_id))
        self.exit("exit status 0")

    def exit(self, how: str) -> None:
        """End; without effect if it has ended."""
        if self.exited is not None:
            return
        self._empty_the_pipe()
        self.exited = how
        self.end_text()
        self.listener.on_exit(how)

    def _configure(self) -> None:
        if self.answer is not None and self.exited is None:
            self.listener.on_message(self.answer)
            if self.leaves is not None:
                self.exit(self.leaves)

    def _read(self) -> None:
        while self.reading and self._pipe:
            self.listener.on_output(*self._pipe.popleft())

    def _empty_the_pipe(self) -> None:
        while self._pipe:
            self.listener.on_output(*self._pipe.popleft())


class FakeLauncher:
    """A ``Launcher`` of fake workers.

    Attributes:
        answer, leaves: Of the workers to come; see ``FakeWorker``.
        failure: What ``launch`` raises.
        asked: Set once ``launch`` was called.
        gate: Cleared, ``launch`` waits until it is set.
        workers: All that were launched, in order.
        stock: Made by the test, to be launched first.
        swept: Set once ``sweep`` was called.
        sweep_failure: What ``sweep`` raises.
    """

    def __init__(self) -> None:
        self.answer: FromWorker | None = Configured()
        self.leaves: str | None = None
        self.failure: Exception | None = None
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.workers: list[FakeWorker] = []
        self.stock: list[FakeWorker] = []
        self.swept = asyncio.Event()
        self.sweep_failure: Exception | None = None
        self._new: asyncio.Queue[FakeWorker] = asyncio.Queue()

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """See ``Launcher``."""
        self.asked.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if self.stock:
            return self.stock.pop()
        worker = FakeWorker(1000 + len(self.workers), answer=self.answer, leaves=self.leaves)
        self.workers.append(worker)
        self._new.put_nowait(worker)
        return worker

    async def describe_python(self) -> Python:
        """See ``Launcher``."""
        if isinstance(self.failure, WorkerStartFailed):
            raise self.failure
        return Python(executable="/usr/bin/python3", version="3.11.7")

    async def sweep(self, worker: int | None = None) -> None:
        """See ``Launcher``."""
        self.swept.set()
        if self.sweep_failure is not None:
            raise self.sweep_failure

    async def worker(self) -> FakeWorker:
        """Return the next worker that is launched."""
        return await self._new.get()
