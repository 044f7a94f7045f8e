"""A unix socket to listen on: private from the first, never taken from a daemon that lives, removed at the end."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator


@contextlib.contextmanager
def bound(path: str) -> Iterator[socket.socket]:
    """Bind a stream socket to ``path``, for this user only (mode 0600), and remove it with the block.

    A socket that nobody listens on any more, as ``kill -9`` leaves it, is replaced.

    Raises:
        OSError: Somebody listens there (``EADDRINUSE``), it is something else than a socket, or it cannot be made.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        try:
            _bind(server, path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            os.unlink(path)
            _bind(server, path)
        mine = os.stat(path)
        try:
            yield server
        finally:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(mine, os.stat(path)):  # not one that somebody has put there since
                    os.unlink(path)


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
