"""The descriptors between daemon and worker: a socketpair for the channel, a pipe each for stdout and stderr."""

import asyncio
import contextlib
import errno
import fcntl
import functools
import os
import resource
import select
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from interpreterd.model.events import Stream
from interpreterd.pipe.decoders import TextDecoder
from interpreterd.pipe.turns import Turns

FDS_FOR_CLIENTS: Final = 256
READ_BYTES: Final = 32 << 10  # at a time: 16 floods at once hold the loop for that long; 128 KiB were a tenth faster
PIPE_LIMIT_BYTES: Final = 1 << 20  # to which a program without privileges can enlarge a pipe of 64 KiB: pipe(7)
BATCH_BYTES: Final = 16 << 10
BATCH_AFTER_S: Final = 0.001
LOOK_BYTES: Final = 64 << 10  # the capacity of a pipe whose size has not been changed
WIDE_BYTES: Final = 128 << 10  # as much as lines fill while they gather; 256 KiB were no faster
LOOKS_LIMIT: Final = 64
DELIVERY_STEPS_LIMIT: Final = 256  # mostly of some 10 us


@frozen
class Ends:
    """One side's descriptors of a worker: of the channel, of stdout, of stderr."""

    channel: socket.socket
    stdout_fd: int
    stderr_fd: int

    def close(self) -> None:
        """Close all three; called once, by the owner."""
        self.channel.close()
        os.close(self.stdout_fd)
        os.close(self.stderr_fd)


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
        for _ in range(2):
            fd, worker_fd = os.pipe()
            ours.callback(os.close, fd)
            theirs.callback(os.close, worker_fd)
            fds.append((fd, worker_fd))
        (stdout_fd, worker_stdout_fd), (stderr_fd, worker_stderr_fd) = fds
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The system always takes the lowest free descriptor.
        if worker_stderr_fd >= limit - min(limit // 4, FDS_FOR_CLIENTS):
            raise OSError(errno.EMFILE, f"no descriptors are left of the limit of {limit}")
        yield Ends(channel, stdout_fd, stderr_fd), Ends(worker_channel, worker_stdout_fd, worker_stderr_fd)
        ours.pop_all()


def unread_bytes(fd: int) -> int:
    """Return how many bytes wait to be read from ``fd``: FIONREAD, ioctl_tty(2)."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)


class OutputPipe:
    """The daemon's end of one output pipe."""

    def __init__(self, fd: int, arrived: Callable[[bytes], None], missing_bytes: Callable[[bytes], int]) -> None:
        """Call ``arrived`` with data that was read; ``missing_bytes`` is as for ``Turns``."""
        os.set_blocking(fd, False)
        self._fd = fd
        self._arrived = arrived
        self._missing_bytes = missing_bytes
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
        data = self.read(READ_BYTES)
        if len(data) < BATCH_BYTES and loop.time() < self._read_at + BATCH_AFTER_S:
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


class Outputs:
    """Both output pipes of a worker: their text, in the order in which it was written, as far as that is known."""

    def __init__(self, ends: Ends, deliver: Callable[[Stream, str, int], None]) -> None:
        """Call ``deliver`` with each piece of text, and how many U+FFFD in it stand for bytes that were not UTF-8."""
        self._deliver = deliver
        self._turns = Turns(self._decode)
        self._text = {stream: TextDecoder() for stream in Stream}
        self._pipes = {
            stream: OutputPipe(fd, functools.partial(self._arrived, stream), self._turns.missing_bytes)
            for stream, fd in ((Stream.STDOUT, ends.stdout_fd), (Stream.STDERR, ends.stderr_fd))
        }
        self._wanted = False
        self._rest: asyncio.Handle | None = None  # set while more has been read than was delivered
        self._unread = select.poll()  # one call for both, as mostly neither has data; may say yes in error, not no
        for fd in (ends.stdout_fd, ends.stderr_fd):
            self._unread.register(fd, select.POLLIN)

    def use_marks(self, secret: str) -> None:
        """See ``Turns.use``."""
        self._turns.use(secret)

    def resume(self) -> None:
        self._wanted = True
        if self._rest is None:
            for pipe in self._pipes.values():
                pipe.resume()

    def pause(self) -> None:
        self._wanted = False
        for pipe in self._pipes.values():
            pipe.pause()

    def drain(self) -> bool:
        """Deliver the data that is in the pipes now; most data that is written meanwhile stays for later.

        Returns whether that was all: at most ``PIPE_LIMIT_BYTES`` of each pipe are read.
        """
        complete = self._drain() if self._rest is not None or self._unread.poll(0) else True
        for pipe in self._pipes.values():
            pipe.narrow()
        return complete

    def _drain(self) -> bool:
        complete = True
        for stream, pipe in self._pipes.items():
            found = pipe.unread_bytes()
            complete &= found <= PIPE_LIMIT_BYTES
            if found:
                self._turns.add(stream, pipe.read(min(found, PIPE_LIMIT_BYTES)))
        looks = iter(range(LOOKS_LIMIT))
        self._turns.deliver(lambda stream: self._look(stream) if next(looks, None) is not None else b"")
        return complete

    def _arrived(self, stream: Stream, data: bytes) -> None:
        self._turns.add(stream, data)
        if self._rest is None:
            self._go_on()

    def _go_on(self) -> None:
        """Deliver data that was read; if it is much, in several turns of the loop, and read on after that."""
        unfinished, self._rest = self._rest, None
        if not self._turns.deliver(self._look, DELIVERY_STEPS_LIMIT):
            self._rest = asyncio.get_running_loop().call_soon(self._go_on)
            for pipe in self._pipes.values():
                pipe.pause()
        elif unfinished is not None and self._wanted:
            self.resume()

    def _look(self, stream: Stream) -> bytes:
        pipe = self._pipes[stream]
        return pipe.read(LOOK_BYTES) if pipe.unread_bytes() else b""

    def _decode(self, stream: Stream, data: bytes) -> None:
        for text, replaced in self._text[stream].feed(data):
            self._deliver(stream, text, replaced)

    def end_text(self) -> None:
        """Deliver the rest of a character that was cut in the middle."""
        for stream, decoder in self._text.items():
            for text, replaced in decoder.end():
                self._deliver(stream, text, replaced)

    def close(self) -> None:
        """Read no more, and drop all references."""
        if self._rest is not None:
            self._rest.cancel()
        for pipe in self._pipes.values():
            pipe.close()
        self._pipes.clear()
        self._text.clear()
        self._turns = Turns(_ignore)
        self._deliver = _ignore


def _ignore(*_: object) -> None: ...
