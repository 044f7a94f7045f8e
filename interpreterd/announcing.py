"""The line on stdout that tells the daemon's starter that it accepts connections, and where."""

import contextlib
import logging
import os
import select
import threading
from typing import Final

import orjson

STDOUT_FD: Final = 1
_log = logging.getLogger(__name__)


def announce(url: str, port: int | None) -> None:
    """Print where the daemon listens: ``port`` is None for a unix socket. Waits for no reader; problems are logged."""
    _say(orjson.dumps({"url": url, "port": port, "pid": os.getpid()}) + b"\n")


def _say(line: bytes) -> None:
    """Write ``line`` to stdout, without waiting for a reader. A problem with stdout is logged."""
    room = select.poll()
    room.register(STDOUT_FD, select.POLLOUT)
    if room.poll(0):
        _write(line)
    else:
        threading.Thread(target=_write, args=[line], daemon=True).start()


def _write(line: bytes) -> None:
    room = select.poll()
    room.register(STDOUT_FD, select.POLLOUT)
    try:
        while line:
            room.poll()
            # Another process has made it non-blocking, and the room was taken meanwhile.
            with contextlib.suppress(BlockingIOError):
                line = line[os.write(STDOUT_FD, line) :]
    except OSError as error:
        _log.warning("the line with url and port cannot be written to stdout: %s", error.strerror)
