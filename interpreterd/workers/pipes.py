"""The descriptors between daemon and worker: a socketpair for the channel, and three pipes for output."""

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

FDS_FOR_CLIENTS: Final = 256
READ_BYTES: Final = 32 << 10  # at a time: 16 floods at once hold the loop for that long; 128 KiB were a tenth faster
LARGE_READ_BYTES: Final = 256 << 10  # of data that is only copied
PIPE_LIMIT_BYTES: Final = 1 << 20  # to which a program without privileges can enlarge a pipe of 64 KiB: pipe(7)
BATCH_BYTES: Final = 16 << 10
BATCH_AFTER_S: Final = 0.001
LOOK_BYTES: Final = 64 << 10  # the capacity of a pipe whose size has not been changed
WIDE_BYTES: Final = 128 << 10  # as much as lines fill while they gather; 256 KiB were no faster


@frozen
class Ends:
    """One side's descriptors of a worker: of the channel, of stdout, of stderr, of the display pipe."""

    channel: socket.socket
    stdout_fd: int
    stderr_fd: int
    display_fd: int

    @property
    def pipes(self) -> tuple[int, int, int]:
        """The descriptors of the pipes."""
        return self.stdout_fd, self.stderr_fd, self.display_fd

    def close(self) -> None:
        """Close all; called once, by the owner."""
        self.channel.close()
        for fd in self.pipes:
            os.close(fd)


@contextlib.contextmanager
def both_ends() -> Iterator[tuple[Ends, Ends]]:
    """Give the block the daemon's ends, which it keeps if it succeeds, and the worker's, which are closed with it.

    Raises:
        OSError: No descriptors are left, except those that connections of clients may need.
    """
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        channel, worker_channel = socket.socketpair()
        ours.callback(channel.close)
        theirs.callback(worker_channel.close)
        channel.setblocking(False)
        fds = []
        for _ in range(3):
            fd, worker_fd = os.pipe()
            ours.callback(os.close, fd)
            theirs.callback(os.close, worker_fd)
            fds.append((fd, worker_fd))
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The system always takes the lowest free descriptor.
        if fds[-1][1] >= limit - min(limit // 4, FDS_FOR_CLIENTS):
            raise OSError(errno.EMFILE, f"no descriptors are left of the limit of {limit}")
        yield Ends(channel, *(fd for fd, _ in fds)), Ends(worker_channel, *(worker_fd for _, worker_fd in fds))
        ours.pop_all()


def unread_bytes(fd: int) -> int:
    """Return how many bytes wait to be read from ``fd``: FIONREAD, ioctl_tty(2)."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)


def unread(fd: int) -> Iterator[bytes]:
    """Read the data that ``fd`` holds now, but not data that is written meanwhile. Raises OSError."""
    left = unread_bytes(fd)
    while left > 0 and (data := os.read(fd, min(left, READ_BYTES))):
        left -= len(data)
        yield data


class OutputPipe:
    """The daemon's end of one output pipe."""

    def __init__(
        self,
        fd: int,
        arrived: Callable[[bytes], None],
        missing_bytes: Callable[[bytes], int],
        *,
        before: Callable[[], None] = lambda: None,
        hurries: Callable[[], bool] = lambda: False,
    ) -> None:
        """Call ``before`` before data is read, and ``arrived`` with it; ``missing_bytes`` is as for ``Turns``.

        While it ``hurries``, small pieces do not gather, and more is read at a time.
        """
        os.set_blocking(fd, False)
        self._fd = fd
        self._arrived = arrived
        self._missing_bytes = missing_bytes
        self._before = before
        self._hurries = hurries
        self._reading = False
        self._read_at = 0.0
        self._batch: asyncio.TimerHandle | None = None
        self._wide = False

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

    def unread_bytes(self) -> int:
        """Return how many bytes the pipe holds."""
        return unread_bytes(self._fd) if self._fd >= 0 else 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the pipe, with the rest of a mark that begins in them."""
        data = self._read(size)
        if missing := self._missing_bytes(data):
            data += self._read(missing)
        return data

    def close(self) -> None:
        self.pause()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        self._before()
        data = self.read(LARGE_READ_BYTES if self._hurries() else READ_BYTES)
        if len(data) < BATCH_BYTES and loop.time() < self._read_at + BATCH_AFTER_S and not self._hurries():
            # Output comes in small pieces, one after the other: let them gather. The first piece was read at once.
            self.pause()
            self._batch = loop.call_later(BATCH_AFTER_S, self._gathered)
        self._read_at = loop.time()
        if data:
            self._arrived(data)

    def _gathered(self) -> None:
        if not self._wide and self.unread_bytes() > READ_BYTES:
            self._wide = True  # also if it fails: it would fail again
            self._set_capacity(WIDE_BYTES)
        self.resume()

    def narrow(self) -> None:
        """Give back the additional room that a flood of small writes has got: all pipes of a user share a limit."""
        if self._wide and self._fd >= 0 and self.unread_bytes() <= READ_BYTES:
            self._wide = False
            self._set_capacity(LOOK_BYTES)

    def _set_capacity(self, size_bytes: int) -> None:
        """Change the pipe's capacity between the usual one and ``WIDE_BYTES``; a program may have set another one."""
        with contextlib.suppress(OSError):  # the limit of all pipes of this user, pipe(7); or it holds more than that
            if fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ) in (LOOK_BYTES, WIDE_BYTES):
                fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, size_bytes)

    def _read(self, size: int) -> bytes:
        if self._fd < 0:
            return b""
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return b""
        if not data:  # all writing ends are closed; the process itself may live
            self.close()
        return data
