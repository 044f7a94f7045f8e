"""A unix socket to listen on: private from the first, never taken from a daemon that lives, removed at the end."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from typing import Final

BACKLOG: Final = 1024
LOCK_TRIES: Final = 500
LOCK_PAUSE_S: Final = 0.01
pause = time.sleep  # for tests


@contextlib.contextmanager
def bound(path: str) -> Iterator[socket.socket]:
    """Have a stream socket listen on ``path``, for this user only (mode 0600), and remove it with the block.

    A socket that nobody listens on any more, as ``kill -9`` leaves it, is replaced. Of several that do so at once one
    wins. Blocks, for some seconds at most, while another one is about to do the same in the same directory.

    Raises:
        OSError: Somebody listens there (``EADDRINUSE``), it is something else than a socket, or it cannot be made.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        with _alone_in(os.path.dirname(path)):
            try:
                _bind(server, path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not _is_stale(path):
                    raise
                os.unlink(path)
                _bind(server, path)
            server.listen(BACKLOG)  # or the next one would find it stale
            mine = os.stat(path)
        try:
            yield server
        finally:
            with _alone_in(os.path.dirname(path)), contextlib.suppress(FileNotFoundError):
                if os.path.samestat(mine, os.stat(path)):  # not one that somebody has put there since
                    os.unlink(path)


@contextlib.contextmanager
def _alone_in(directory: str) -> Iterator[None]:
    """Hold the lock of ``directory``, flock(2), for the block. It leaves no trace, as a file beside the socket would.

    Where there are no such locks, or somebody does not let go of it, the block runs without.
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
                pause(LOCK_PAUSE_S)
            except OSError:
                break
            else:
                break
        yield
    finally:
        os.close(fd)


def _bind(server: socket.socket, path: str) -> None:
    # With chmod(2) after bind(2), others could connect in between.
    before = os.umask(0o177)
    try:
        server.bind(path)
    finally:
        os.umask(before)


def _is_stale(path: str) -> bool:
    if not stat.S_ISSOCK(os.stat(path).st_mode):  # connect(2) refuses any file
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a daemon whose queue is full lives, too
        return probe.connect_ex(path) == errno.ECONNREFUSED
