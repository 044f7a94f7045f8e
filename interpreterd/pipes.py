"""The descriptors between daemon and worker: a socketpair for the channel, a pipe each for stdout and stderr."""

import asyncio
import contextlib
import errno
import fcntl
import os
import resource
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from interpreterd.protocol import TextDecoder
from interpreterd.schema import Stream

FDS_FOR_CLIENTS: Final = 256
READ_BYTES: Final = 32 << 10  # at a time: what 16 floods at once hold the loop for; 128 KiB were a tenth faster
PIPE_LIMIT_BYTES: Final = 1 << 20  # what a program without privileges can make of a pipe's 64 KiB: pipe(7)
BATCH_BYTES: Final = 16 << 10
BATCH_AFTER_S: Final = 0.001


@frozen
class Ends:
    """One side's descriptors of a worker: of the channel, of stdout, of stderr."""

    channel: socket.socket
    stdout_fd: int
    stderr_fd: int

    def close(self) -> None:
        """Close all three; to be called once, by whoever has not given them away."""
        self.channel.close()
        os.close(self.stdout_fd)
        os.close(self.stderr_fd)


@contextlib.contextmanager
def connection() -> Iterator[tuple[Ends, Ends]]:
    """Give the block the daemon's ends, which it keeps if it succeeds, and the worker's, closed with it.

    Raises:
        OSError: There are no more descriptors, but for those that connections of clients may need.
    """
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        channel, worker_channel = socket.socketpair()
        ours.callback(channel.close)
        theirs.callback(worker_channel.close)
        channel.setblocking(False)
        fds = []
        for _ in range(2):
            fd, worker_fd = os.pipe()
            ours.callback(os.close, fd)
            theirs.callback(os.close, worker_fd)
            fds.append((fd, worker_fd))
        (stdout_fd, worker_stdout_fd), (stderr_fd, worker_stderr_fd) = fds
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if worker_stderr_fd >= limit - min(limit // 4, FDS_FOR_CLIENTS):  # the lowest free one is always taken
            raise OSError(errno.EMFILE, f"no descriptors are left of the limit of {limit}")
        yield Ends(channel, stdout_fd, stderr_fd), Ends(worker_channel, worker_stdout_fd, worker_stderr_fd)
        ours.pop_all()


def unread_bytes(fd: int) -> int:
    """Return how many bytes wait to be read from ``fd``: FIONREAD, ioctl_tty(2)."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)


class OutputPipe:
    """The daemon's end of one output pipe."""

    def __init__(self, stream: Stream, fd: int, deliver: Callable[[Stream, str, int], None]) -> None:
        os.set_blocking(fd, False)
        self._stream = stream
        self._fd = fd
        self._deliver = deliver
        self._text = TextDecoder()
        self._reading = False
        self._read_at = 0.0
        self._batch: asyncio.TimerHandle | None = None

    def resume(self) -> None:
        self._gather_no_more()
        if not self._reading and self._fd >= 0:
            self._reading = True
            asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def pause(self) -> None:
        self._gather_no_more()
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._fd)

    def _gather_no_more(self) -> None:
        if self._batch is not None:
            self._batch.cancel()
            self._batch = None

    def drain(self) -> bool:
        """Read what is in the pipe now; what is written meanwhile stays for later.

        Returns whether it was all: nothing beyond ``PIPE_LIMIT_BYTES`` is read.
        """
        if self._fd < 0:
            return True
        found = unread_bytes(self._fd)
        unread = min(found, PIPE_LIMIT_BYTES)
        while unread > 0 and (data := self._read(min(unread, READ_BYTES))):
            unread -= len(data)
        return found <= PIPE_LIMIT_BYTES

    def end_text(self) -> None:
        for text, replaced in self._text.end():
            self._deliver(self._stream, text, replaced)

    def close(self) -> None:
        self.pause()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        size = len(self._read(READ_BYTES))
        if self._reading and size < BATCH_BYTES and loop.time() < self._read_at + BATCH_AFTER_S:
            # It comes in small pieces, one after the other: let them gather. The first piece was read at once.
            self.pause()
            self._batch = loop.call_later(BATCH_AFTER_S, self.resume)
        self._read_at = loop.time()

    def _read(self, size: int) -> bytes:
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return b""
        if not data:  # all writing ends are closed; the process itself may live
            self.close()
        for text, replaced in self._text.feed(data):
            self._deliver(self._stream, text, replaced)
        return data
