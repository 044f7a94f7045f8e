"""Talking to a worker between its executions: a borrower hears its messages, and the former listener all else."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Final, TypeVar, get_args

from interpreterd.model.events import Stream
from interpreterd.model.state_errors import OperationFailed, OutOfStep
from interpreterd.pipe.bundles import Bundle
from interpreterd.pipe.messages import FromWorker
from interpreterd.workers.worker import Listener, Worker

_UNREAD_LIMIT: Final = 16  # messages that nobody has asked for yet
_M = TypeVar("_M")


class Borrowed:
    """The listener of a worker while it is borrowed. ``borrowed`` makes one.

    Output goes on to the former listener, and so does the worker's end, or its breach of the protocol, which a waiting
    ``reply`` hears, too.
    """

    def __init__(self, worker: Worker) -> None:
        """Listen to ``worker`` from now on, until ``give_back``."""
        self.worker = worker
        self._former: Listener = worker.listener
        self._unread: deque[FromWorker] = deque()
        self._failure: str | None = None
        self._waiting: asyncio.Future[None] | None = None
        worker.listener = self

    def give_back(self) -> None:
        """Let the former listener hear everything again."""
        if self.worker.listener is self:
            self.worker.listener = self._former

    async def reply(self, kind: type[_M], timeout_s: float) -> _M:
        """Return the next message, which has to be of ``kind``.

        Raises:
            OutOfStep: Another one came, or none within ``timeout_s``.
            OperationFailed: The worker has ended, or has broken the protocol; the former listener knows.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self._unread:
                    self._check()
                    self._waiting = asyncio.get_running_loop().create_future()
                    await self._waiting
        except TimeoutError:
            raise OutOfStep(f"the context's worker did not answer within {timeout_s:g} s") from None
        message = self._unread.popleft()
        if not isinstance(message, kind):
            expected = getattr(kind, "__name__", None) or " or ".join(it.__name__ for it in get_args(kind))
            raise OutOfStep(f"the context's worker said {type(message).__name__}, not {expected}")
        return message

    def _check(self) -> None:
        if self.worker.exited is not None:
            raise OperationFailed(f"the context's worker has ended: {self.worker.exited}")
        if self._failure is not None:
            raise OperationFailed(self._failure)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # The worker's listener

    def on_message(self, message: FromWorker) -> None:
        """Keep it for ``reply``; more than a few that nobody waits for are a breach of the protocol."""
        if len(self._unread) >= _UNREAD_LIMIT:
            self.on_broken(f"unexpected {type(message).__name__}")
            return
        self._unread.append(message)
        self._wake()

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        self._former.on_output(stream, text, replaced)

    def on_display(self, bundle: Bundle) -> None:
        self._former.on_display(bundle)

    def on_closed(self) -> None:
        self._former.on_closed()

    def on_broken(self, reason: str) -> None:
        self._failure = self._failure or f"the context's worker broke the protocol: {reason}"
        self._wake()
        self._former.on_broken(reason)

    def on_exit(self, how: str) -> None:
        self._failure = self._failure or f"the context's worker has ended: {how}"
        self._wake()
        self._former.on_exit(how)


@contextlib.contextmanager
def borrowed(worker: Worker) -> Iterator[Borrowed]:
    """Give the block a worker that runs nothing, and that nothing else uses meanwhile."""
    borrower = Borrowed(worker)
    try:
        yield borrower
    finally:
        borrower.give_back()
