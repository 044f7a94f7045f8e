"""A unix socket to listen on: private from the start, never taken from a living daemon, removed at the end."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from typing import Final

BACKLOG: Final = 1024
LOCK_TRIES: Final = 500
LOCK_PAUSE_S: Final = 0.01
wait = time.sleep  # a function of its own for tests


def listen_on(path: str) -> socket.socket:
    """Return a stream socket that listens on ``path``, for this user only (mode 0600); see ``removing``.

    A stale socket, as ``kill -9`` leaves it, is replaced. If several processes do that at once, one wins. Blocks, at
    most for some seconds, while another process is about to do the same in the same directory.

    Raises:
        OSError: A program listens there (``EADDRINUSE``), the path is not a socket, or it cannot be made.
    """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _alone_in(os.path.dirname(path)):
            try:
                _bind(server, path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not _is_stale(path):
                    raise
                os.unlink(path)
                _bind(server, path)
            server.listen(BACKLOG)  # otherwise the next process would find it stale
    except BaseException:
        server.close()
        raise
    return server


@contextlib.contextmanager
def removing(path: str, unless: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Remove the socket that is at ``path`` now, with the block, ``unless`` it has been given to another process."""
    mine = os.stat(path)
    try:
        yield
    finally:
        with _alone_in(os.path.dirname(path)), contextlib.suppress(FileNotFoundError):
            # Not a socket that another process has put there since.
            if not unless() and os.path.samestat(mine, os.stat(path)):
                os.unlink(path)


@contextlib.contextmanager
def bound(path: str) -> Iterator[socket.socket]:
    """Let a socket listen on ``path`` for the block; see ``listen_on``."""
    with listen_on(path) as server, removing(path):
        yield server


@contextlib.contextmanager
def _alone_in(directory: str) -> Iterator[None]:
    """Hold the lock of ``directory``, flock(2), for the block. Unlike a file beside the socket, it leaves no trace.

    If there are no such locks, or another process does not release it, the block runs without.
    """
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                wait(LOCK_PAUSE_S)
            except OSError:
                break
            else:
                break
        yield
    finally:
        os.close(fd)


def _bind(server: socket.socket, path: str) -> None:
    # With chmod(2) after bind(2), other users could connect in between.
    before = os.umask(0o177)
    try:
        server.bind(path)
    finally:
        os.umask(before)


def _is_stale(path: str) -> bool:
    if not stat.S_ISSOCK(os.stat(path).st_mode):  # connect(2) refuses any other file
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a daemon with a full queue is alive, too
        return probe.connect_ex(path) == errno.ECONNREFUSED
