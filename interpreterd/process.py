"""One worker process: its channel, its two output pipes, its end.

    daemon                          worker
    socketpair   <── NDJSON ──>     fds 0 and 1, at once moved away to private ones
    pipe         <── bytes ───      fd 1, stdout of whatever user code starts
    pipe         <── bytes ───      fd 2, stderr

A message counts only after everything that was written before it: so before a message is handed on, both pipes are
emptied of what they hold at that moment (FIONREAD). That is never more than a pipe's capacity, however fast a
grandchild goes on writing, and it needs no cooperation of the worker.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import termios
from typing import Final, cast

from interpreterd.errors import ProtocolError, WorkerStartFailed
from interpreterd.family import kill_family
from interpreterd.messages import Ready, ToWorker, encode
from interpreterd.nursery import Nursery
from interpreterd.protocol import Decoder, TextDecoder
from interpreterd.schema import Stream
from interpreterd.worker import Answer, Deaf, Listener

READ_BYTES: Final = 128 << 10


class _Output:
    """The daemon's end of one output pipe."""

    def __init__(self, stream: Stream, fd: int, worker: "ProcessWorker") -> None:
        os.set_blocking(fd, False)
        self._stream = stream
        self._fd = fd
        self._worker = worker
        self._text = TextDecoder()
        self._reading = False

    def resume(self) -> None:
        if not self._reading and self._fd >= 0:
            self._reading = True
            asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def pause(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._fd)

    def drain(self) -> None:
        """Read what is in the pipe now; what is written meanwhile stays for later."""
        if self._fd < 0:
            return
        unread = int.from_bytes(fcntl.ioctl(self._fd, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
        while unread > 0 and (data := self._read(min(unread, READ_BYTES))):
            unread -= len(data)

    def end_text(self) -> None:
        for text in self._text.end():
            self._worker.listener.on_output(self._stream, text)

    def close(self) -> None:
        self.pause()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        self._read(READ_BYTES)

    def _read(self, size: int) -> bytes:
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return b""
        if not data:  # all writing ends are closed; the process itself may live
            self.close()
        for text in self._text.feed(data):
            self._worker.listener.on_output(self._stream, text)
        return data


class _ExitWatch(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.worker: ProcessWorker | None = None
        self.ended = False

    def process_exited(self) -> None:
        self.ended = True
        if self.worker is not None:
            self.worker.process_exited()


class ProcessWorker(asyncio.Protocol):
    """A worker that is a subprocess of the daemon. Made by ``start``."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, stdout_fd: int, stderr_fd: int, nursery: Nursery
    ) -> None:
        self.pid = transport.get_pid()
        self.listener: Listener = Deaf()
        self._process = transport
        self._nursery = nursery
        self._channel: asyncio.Transport | None = None
        self._channel_socket: socket.socket | None = None
        self._decoder = Decoder()
        self._broken = False
        self.exited: str | None = None
        self._outputs = (_Output(Stream.STDOUT, stdout_fd, self), _Output(Stream.STDERR, stderr_fd, self))

    def send(self, message: ToWorker) -> None:
        """See ``Worker``. What the worker does not read is kept: one message, as one execution runs at a time."""
        if self._channel is not None and self.exited is None:
            self._channel.write(encode(message))

    def interrupt(self) -> None:
        """See ``Worker``."""
        if self.exited is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """See ``Worker``."""
        if self.exited is None:
            kill_family(self.pid)

    def pause_output(self) -> None:
        """See ``Worker``."""
        for output in self._outputs:
            output.pause()

    def resume_output(self) -> None:
        """See ``Worker``."""
        for output in self._outputs:
            output.resume()

    def drain(self) -> None:
        """See ``Worker``."""
        for output in self._outputs:
            output.drain()

    def end_text(self) -> None:
        """See ``Worker``."""
        for output in self._outputs:
            output.end_text()

    async def open(self, channel: socket.socket, watch: _ExitWatch) -> None:
        """Begin to listen. Takes over ``channel``."""
        loop = asyncio.get_running_loop()
        self._channel_socket = channel
        await loop.create_unix_connection(lambda: self, sock=channel)
        self.resume_output()
        watch.worker = self
        if watch.ended:
            self.process_exited()

    # asyncio.Protocol, for the channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The channel is open."""
        self._channel = cast(asyncio.Transport, transport)  # uvloop's is one in all but its type

    def data_received(self, data: bytes) -> None:
        """Bytes of the channel."""
        if self._broken:
            return
        try:
            messages = self._decoder.feed(data)
        except ProtocolError as error:
            self._broken = True
            self.drain()
            self.listener.on_broken(str(error))
            return
        for message in messages:
            self.drain()
            self.listener.on_message(message)

    def eof_received(self) -> bool:
        """The worker closed its end: nothing can be said any more, though it may live on."""
        if self.exited is None and not self._broken:
            self._broken = True
            # A process that dies closes its channel a moment before it can be reaped; how it died says more.
            asyncio.get_running_loop().call_later(0.1, self._closed_its_channel)
        return True

    def _closed_its_channel(self) -> None:
        if self.exited is None:
            self.listener.on_broken("it closed its channel")

    def process_exited(self) -> None:
        """Hand on the worker's last words, then its end."""
        self._read_last_messages()
        self.drain()
        self.exited = _describe(self._process.get_returncode())
        self.end_text()
        for output in self._outputs:
            output.close()
        if self._channel is not None:
            self._channel.abort()
        self._nursery.remove(self.pid)
        self._process.close()
        self.listener.on_exit(self.exited)

    def _read_last_messages(self) -> None:
        """Read what the channel holds, but not what a surviving child may go on writing."""
        if self._channel_socket is None or self._broken:
            return
        with contextlib.suppress(OSError):
            fd = self._channel_socket.fileno()
            unread = int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
            while unread > 0 and (data := os.read(fd, min(unread, READ_BYTES))):
                unread -= len(data)
                self.data_received(data)


async def start(
    command: list[str], *, script_fd: int, environment: dict[str, str], nursery: Nursery, timeout_s: float
) -> ProcessWorker:
    """Start ``command`` and wait until it is ready.

    ``command`` is given two more arguments, see ``worker/boot.py``, and inherits ``script_fd``.

    Raises:
        WorkerStartFailed: It cannot be started, ended at once, said something else, or took longer than ``timeout_s``.
    """
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as ours, contextlib.AsyncExitStack() as theirs:
        try:
            channel, worker_channel = socket.socketpair()
            ours.callback(channel.close)
            theirs.callback(worker_channel.close)
            channel.setblocking(False)
            stdout_fd, worker_stdout_fd = os.pipe()
            ours.callback(os.close, stdout_fd)
            theirs.callback(os.close, worker_stdout_fd)
            stderr_fd, worker_stderr_fd = os.pipe()
            ours.callback(os.close, stderr_fd)
            theirs.callback(os.close, worker_stderr_fd)
            watch = _ExitWatch()
            async with nursery.birth():
                transport, _ = await loop.subprocess_exec(
                    lambda: watch,
                    *command,
                    str(worker_stdout_fd),
                    "0" if nursery.guarded else "1",
                    stdin=worker_channel.fileno(),
                    stdout=worker_channel.fileno(),
                    stderr=worker_stderr_fd,
                    pass_fds=(script_fd, worker_stdout_fd),
                    start_new_session=True,
                    env=environment,
                    cwd="/",
                )
                nursery.add(transport.get_pid())
        except OSError as error:
            raise WorkerStartFailed(f"{command[0]}: {error.strerror or error}") from error
        ours.pop_all()  # they are the worker's now
    worker = ProcessWorker(transport, stdout_fd, stderr_fd, nursery)
    worker.listener = answer = Answer(Ready)
    try:
        await worker.open(channel, watch)
        await answer.wait(timeout_s)
    except BaseException:
        worker.listener = Deaf()
        worker.kill()
        raise
    worker.listener = Deaf()
    return worker


def _describe(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exit status {returncode}"
