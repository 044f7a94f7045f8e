"""A fake worker in memory, and the launcher that starts it. The test decides what the worker does."""

import asyncio
from collections import deque
from collections.abc import Mapping

from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Failure, Stream
from interpreterd.model.python import Python
from interpreterd.pipe.bundles import Bundle
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
    """A ``Worker``; the test plays its program.

    Attributes:
        calls: Names of the methods that the daemon called, without ``send`` and the start.
        configured_with: The latest ``Configure`` that it got.
        grace_s: The time that the latest interrupt gave its execution to end.
        answer: Its answer to ``Configure``, or ``None``.
        leaves: How it ends right after that answer, or ``None`` if it stays.
        immortal: Whether ``kill`` has no effect.
        stubborn: Whether it ignores ``Exit``.
        reading: Whether the daemon reads its output.
        configuring: Set when it has got a ``Configure``.
        interrupted, killed: Set when that has happened.
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
        self._pipe: deque[tuple[Stream, str] | Bundle] = deque()
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
        """See ``Worker``. Its end is reported a moment later, as a real worker's."""
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
        """See ``Worker``. The pipe's content comes a moment later."""
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
        """Return the next message that the daemon sends to it."""
        return await self._inbox.get()

    async def run(self) -> Run:
        """Return the next message, which must be a ``Run``."""
        message = await self.told()
        assert isinstance(message, Run), message
        return message

    async def settle(self) -> None:
        """Answer the ``Sync`` that must come next."""
        message = await self.told()
        assert isinstance(message, Sync), message
        self.say(Synced())

    def write(self, text: str, stream: Stream = Stream.STDOUT) -> None:
        """Write to its output pipe, which has no bound."""
        self._pipe.append((stream, text))
        self._read()

    def publish(self, bundle: Bundle) -> None:
        """Show output data; its pipe has no bound."""
        self._pipe.append(bundle)
        self._read()

    def write_half_a_character(self) -> None:
        """Write the beginning of a character."""
        self._cut = "\ufffd"

    def say(self, message: FromWorker) -> None:
        """Send a message to the daemon, after all earlier output."""
        self._empty_the_pipe()
        self.listener.on_message(message)

    def done(self, run: Run, error: Failure | None = None) -> None:
        """End an execution."""
        self.say(Done(execution_id=run.execution_id, error=error))

    def exiting(self, run: Run) -> None:
        """Report that the execution called ``exit()``, and end."""
        self.say(Exiting(execution_id=run.execution_id))
        self.exit("exit status 0")

    def exit(self, how: str) -> None:
        """End, if it has not ended yet."""
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
            self._deliver(self._pipe.popleft())

    def _empty_the_pipe(self) -> None:
        while self._pipe:
            self._deliver(self._pipe.popleft())

    def _deliver(self, written: tuple[Stream, str] | Bundle) -> None:
        if isinstance(written, Bundle):
            self.listener.on_display(written)
        else:
            self.listener.on_output(*written)


class FakeLauncher:
    """A ``Launcher`` of fake workers.

    Attributes:
        answer, leaves: For later workers; see ``FakeWorker``.
        failure: The error that ``launch`` raises, if any.
        asked: Set when ``launch`` is called.
        gate: ``launch`` waits until it is set.
        workers: All launched workers, in order.
        stock: Workers that the test has made; they are launched first.
        swept: Set when ``sweep`` is called.
        sweep_failure: The error that ``sweep`` raises, if any.
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
        """Wait for the next launched worker; return it."""
        return await self._new.get()
