"""The daemon's end of the pipe into which a worker writes its archive: read by a thread, which does not believe it."""

import contextlib
import fcntl
import os
import select
import threading
from collections.abc import Callable
from typing import Final

from interpreterd.model.state_errors import OutOfStep
from interpreterd.workers.pipes import PIPE_LIMIT_BYTES, unread_bytes

_STEP_S: Final = 5.0  # a thread that waits looks so often whether it should


class TransferStalled(Exception):
    """The worker has written nothing for a long time; says so in words for clients."""


class IncomingContent:
    """A ``ContentSource`` of an archive. A thread reads; the event loop calls the other methods."""

    def __init__(self, *, pause_s: float) -> None:
        """Make the pipe; its writer may pause for ``pause_s``. Raises OSError."""
        self._fd, self.write_fd = os.pipe()
        os.set_blocking(self._fd, False)
        with contextlib.suppress(OSError):  # the limit of all pipes of this user: a smaller one will do
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, PIPE_LIMIT_BYTES)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._pause_s = pause_s
        self._guard = threading.Lock()
        self._is_open = True
        self._total_bytes: int | None = None
        self._failure: Exception | None = None
        self.received_bytes = 0

    @property
    def is_waiting(self) -> bool:
        """See ``ContentSource``."""
        return unread_bytes(self._fd) > PIPE_LIMIT_BYTES // 2

    def readinto(self, buffer: memoryview) -> int:
        """See ``ContentSource``.

        Raises:
            TransferStalled
            OutOfStep: The worker has written more or less than it says.
            Exception: That of ``abort``.
        """
        waited_s = 0.0
        while True:
            if self._failure is not None:
                raise self._failure
            is_over = self._total_bytes is not None  # before the look: what comes between both is not all
            try:
                count = os.readv(self._fd, [buffer])
            except BlockingIOError:
                count = None
            if count:
                self.received_bytes += count
                self._check(lambda total_bytes: self.received_bytes <= total_bytes)
                return count
            if is_over:  # then all had been written before the look
                self._check(lambda total_bytes: self.received_bytes == total_bytes)
                return 0
            if count == 0:
                if not self._wait([], self._pause_s):  # for its last message
                    raise TransferStalled(f"the context's worker did not end its archive within {self._pause_s:g} s")
            elif not self._wait([self._fd], _STEP_S):
                waited_s += _STEP_S
                if waited_s >= self._pause_s:
                    raise TransferStalled(f"the context's worker wrote nothing to its archive for {self._pause_s:g} s")
            else:
                waited_s = 0.0

    def _check(self, is_right: Callable[[int], bool]) -> None:
        if self._total_bytes is not None and not is_right(self._total_bytes):
            raise OutOfStep("the context's worker has not written as much to its archive as it says")

    def _wait(self, fds: list[int], limit_s: float) -> bool:
        poll = select.poll()
        for fd in (*fds, self._wake):
            poll.register(fd, select.POLLIN)
        return bool(poll.poll(limit_s * 1000))

    def end_after(self, total_bytes: int) -> None:
        """The worker says that it has written ``total_bytes``."""
        self._total_bytes = total_bytes
        self._call()

    def abort(self, error: Exception) -> None:
        """Let the thread raise ``error``."""
        self._failure = self._failure or error
        self._call()

    def _call(self) -> None:
        with self._guard:
            if self._is_open:
                os.eventfd_write(self._wake, 1)

    def given(self) -> None:
        """The worker has the end to write to: close ours. Repeating it changes nothing."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def close(self) -> None:
        """Read no more; whoever reads calls it in the end. The worker's next write fails."""
        self.given()
        with self._guard:
            if self._is_open:
                self._is_open = False
                os.close(self._fd)
                os.close(self._wake)
