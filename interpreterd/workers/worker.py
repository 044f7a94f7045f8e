"""A worker as the rest of the daemon sees it, however it was started: the seam at which tests put a fake."""

import asyncio
from typing import Final, Protocol

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Stream
from interpreterd.pipe.bundles import Bundle
from interpreterd.pipe.messages import Configure, Configured, Failed, FromWorker, Ready, ToWorker

_REASON_LIMIT_CHARS: Final = 2000


class Listener(Protocol):
    """Learns of a worker's messages, output and end. No method may block; none is called after ``on_exit``."""

    def on_message(self, message: FromWorker) -> None:
        """A message arrived. All output that was written before it has been given to the two methods below."""

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        """Output arrived; ``text`` and ``replaced`` are as in ``Output``."""

    def on_display(self, bundle: Bundle) -> None:
        """Output data arrived; ``on_output`` has been given all text that was written before it."""

    def on_closed(self) -> None:
        """The worker receives nothing any more. Soon ``on_exit`` says how it ended, or else ``on_broken`` is called."""

    def on_broken(self, reason: str) -> None:
        """The worker broke the protocol; no more messages will come. It still runs."""

    def on_exit(self, how: str) -> None:
        """The process has ended and been reaped; ``how`` is for example ``killed by SIGSEGV``."""


class Worker(Protocol):
    """A started worker."""

    pid: int
    listener: Listener
    exited: str | None  # how it ended, once it has; a later listener is not told
    broken: str | None  # how it broke the protocol; likewise
    configured: Configure | None  # its latest configuration

    def send(self, message: ToWorker) -> None:
        """Send ``message``; without effect once the worker has ended."""

    def interrupt(self, grace_s: float) -> None:
        """Send SIGINT to the worker and the processes that its execution waits for, which have ``grace_s`` to end."""

    def kill(self) -> None:
        """Kill the worker and all its descendants; ``on_exit`` follows."""

    def give_up(self, how: str) -> None:
        """Give up a killed worker that does not end: call ``on_exit`` with ``how``, and leave it to the kernel."""

    def pause_output(self) -> None:
        """Read no more output: the program will wait in its next ``write``. Idempotent."""

    def resume_output(self) -> None:
        """Undo ``pause_output``. Idempotent."""

    def drain(self) -> None:
        """Give ``on_output`` and ``on_display`` what the pipes hold now, paused or not."""

    def end_text(self) -> None:
        """Give ``on_output`` the rest of a character that was cut in the middle."""


class Deaf:
    """A listener that ignores everything, for a worker that no context has. Its subclasses hear some of it."""

    def on_message(self, message: FromWorker) -> None:
        pass

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        pass

    def on_display(self, bundle: Bundle) -> None:
        pass

    def on_closed(self) -> None:
        pass

    def on_broken(self, reason: str) -> None:
        pass

    def on_exit(self, how: str) -> None:
        pass


class Early(Deaf):
    """The listener of a new worker: keeps the error message of an interpreter that cannot start."""

    def __init__(self) -> None:
        self.stderr = ""

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        if stream is Stream.STDERR:
            self.stderr = (self.stderr + text)[-_REASON_LIMIT_CHARS:]


class Reply(Early):
    """Listens for one message, the reply to a request; awaiting it raises ``WorkerStartFailed`` if it differs."""

    def __init__(self, expected: type[Ready] | type[Configured], stderr: str = "") -> None:
        """``stderr`` is the worker's output there so far."""
        self.stderr = stderr
        self._expected = expected
        self._future: asyncio.Future[FromWorker] = asyncio.get_running_loop().create_future()

    async def wait(self, timeout_s: float) -> FromWorker:
        """Return the message; raise ``WorkerStartFailed`` if another one, the end or ``timeout_s`` comes first."""
        try:
            async with asyncio.timeout(timeout_s):
                message = await self._future
        except TimeoutError:
            raise WorkerStartFailed(f"the worker did not answer within {timeout_s:g} s") from None
        if isinstance(message, Failed):
            raise WorkerStartFailed(message.reason[:_REASON_LIMIT_CHARS], refused=True)
        if not isinstance(message, self._expected):
            raise WorkerStartFailed(f"the worker said {type(message).__name__}, not {self._expected.__name__}")
        return message

    def on_message(self, message: FromWorker) -> None:
        """Take the answer."""
        if not self._future.done():
            self._future.set_result(message)

    def on_broken(self, reason: str) -> None:
        """Fail: no answer will come."""
        self.fail(f"the worker broke the protocol: {reason}")

    def on_exit(self, how: str) -> None:
        """Fail: no answer will come."""
        lines = self.stderr.strip().splitlines()
        # More of the interpreter's state follows.
        fatal = [line for line in lines if line.startswith("Fatal Python error: ")]
        self.fail(f"the worker ended at once: {how}" + "".join(f": {line}" for line in (fatal or lines)[-1:]))

    def fail(self, reason: str) -> None:
        """Wait no longer: ``reason`` says why."""
        if not self._future.done():
            self._future.set_exception(WorkerStartFailed(reason))


async def configure(worker: Worker, message: Configure, timeout_s: float) -> None:
    """Make ``worker`` the worker of a context.

    Raises:
        WorkerStartFailed: It is not possible; the worker is of no use, and the caller kills it.
    """
    worker.listener = reply = Reply(Configured)
    worker.configured = None
    if worker.exited is not None:  # the worker ended after it had said that it was ready
        reply.on_exit(worker.exited)
    elif worker.broken is not None:
        reply.on_broken(worker.broken)
    worker.send(message)
    await reply.wait(timeout_s)
    worker.configured = message
