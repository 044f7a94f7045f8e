"""A new daemon takes the place of this one: from the same command line, so with the version that is installed now.

It gets the listening sockets, so no connection is refused meanwhile. Until it says that it accepts connections, this
daemon goes on as before, and it goes on if that does not happen.
"""

import asyncio
import contextlib
import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from interpreterd.inherited import HANDOVER_VARIABLE, handover
from interpreterd.listening import Listeners
from interpreterd.processes.nursery import Nursery

START_LIMIT_S: Final = 60.0  # for the new daemon, with all modules that it preloads
_log = logging.getLogger(__name__)


class UpgradeFailed(Exception):
    """There is no new daemon: the message says why."""


async def start_successor(
    listening: Listeners, nursery: Nursery, environ: Mapping[str, str], parent: int | None, token: bytes = b""
) -> int:
    """Start a new daemon with the sockets of ``listening``; return its pid once it accepts connections.

    ``environ`` are variables of the supervisor, for the new daemon; ``parent`` is a pidfd of the process with which it
    is to end; ``token`` is for ``Inherited``, by a pipe, because environments can be read.

    Raises:
        UpgradeFailed: It has ended instead, or took too long; it is then killed.
    """
    if os.getpid() == 1:
        raise UpgradeFailed("this daemon is the first process of its container, which ends with it")
    with _pipe() as (reader, writer, close_writer), _holding(token) as held:
        sockets = [(it.name, it.sock.fileno()) for it in listening.listeners]
        fds = [fd for _, fd in sockets] + [fd for fd in (writer, parent, held) if fd is not None]
        variables = {
            **environ,
            HANDOVER_VARIABLE: handover(sockets, writer, parent, held),
            "PYINSTALLER_RESET_ENVIRONMENT": "1",
        }
        try:
            async with nursery.birth():
                process = _spawn(variables, fds)
                nursery.spare(process.pid)
        except OSError as error:
            raise UpgradeFailed(f"it cannot be started: {error.strerror or error}") from None
        close_writer()
        _log.info("a new daemon starts, process %d", process.pid)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                line = await _line(reader)
        except BaseException as error:
            process.kill()
            nursery.remove(process.pid)
            nursery.sweep_soon()  # which reaps it
            if isinstance(error, TimeoutError):
                raise UpgradeFailed(f"it was not ready within {START_LIMIT_S:g} s") from None
            raise
    if line.endswith(b"\n") and line[:-1].isdigit():
        return int(line)
    status = await asyncio.to_thread(process.wait)
    nursery.remove(process.pid)
    raise UpgradeFailed(f"it has ended with status {status}, for the reason that it has written to stderr")


def _spawn(variables: Mapping[str, str], fds: Iterable[int]) -> "subprocess.Popen[bytes]":
    """Start the command line of this process once more."""
    arguments = sys.argv[1:] if getattr(sys, "frozen", False) else sys.orig_argv[1:]
    return subprocess.Popen([sys.executable, *arguments], pass_fds=list(fds), env=os.environ | variables)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[io.FileIO, int, Callable[[], None]]]:
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    with open(reader, "rb", buffering=0) as pipe, open(writer, "wb", buffering=0) as end:
        yield pipe, writer, end.close


@contextlib.contextmanager
def _holding(data: bytes) -> Iterator[int | None]:
    """Give the block a descriptor from which ``data``, which fits into a pipe, can be read; None if there is none."""
    if not data:
        yield None
        return
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with open(reader, "rb", buffering=0):
        with open(writer, "wb", buffering=0) as end:
            end.write(data)
        yield reader


async def _line(pipe: io.FileIO) -> bytes:
    """Return what comes on ``pipe`` up to the end of a line, or of the file."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe, readable.set)
    line = b""
    try:
        while not line.endswith(b"\n"):
            await readable.wait()
            readable.clear()
            data = pipe.read(100)
            if data == b"":
                break
            line += data or b""
    finally:
        loop.remove_reader(pipe)
    return line
