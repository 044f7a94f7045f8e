"""Which process is at the other end of a unix socket, and which processes it descends from.

Processes end while this looks, and their numbers go to others. A process with the number of a dead parent has started
after the child. So a parent that is not clearly older is checked once more: a process changes its parent only by losing
it, and never gets the old one back.
"""

import contextlib
import ctypes
import errno
import functools
import os
import signal
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from interpreterd.processes import proc_stat

LINE_LIMIT: Final = 64  # steps up; each takes some 20 µs, and a client in a deep tree of shells has a dozen
SO_PEERPIDFD: Final = 77  # unix(7), since Linux 6.5
_GET_CHILD_SUBREAPER: Final = 37  # prctl(2)
_CREDENTIALS = struct.Struct("iii")  # struct ucred: pid, uid, gid
_NONE = {errno.ENOPROTOOPT, errno.ENODATA}  # before Linux 6.5; a socket that nobody has connected


class Untraceable(Exception):
    """The descent of a process cannot be told; the text is the reason."""


class Descent(NamedTuple):
    """The descent of a process.

    Attributes:
        ancestor: From which it descends, or which it is.
        pids: The process and those above it, up to a child of ``ancestor``; none if it is ``ancestor``.
    """

    ancestor: int
    pids: list[int]


def peer_line(sock: socket.socket, *ancestors: int) -> Descent | None:
    """Return the line of the process that has connected to ``sock``, a unix socket, as ``line`` does for its pid.

    It is the process that called connect(2), whoever has the socket by now.

    Raises:
        Untraceable: Also if that process is gone: another one may have its number.
    """
    with _peer_alive(sock) as pid:
        if not pid:  # it is outside of this pid namespace, and so no descendant
            return None
        return line(pid, *ancestors)


def line(pid: int, *ancestors: int) -> Descent | None:
    """Return how ``pid`` descends from the nearest of ``ancestors``, which are this process and others above it.

    None means that it descends from none of them.

    Raises:
        Untraceable: A process of the line is gone or hidden, or there are more than ``LINE_LIMIT``.
    """
    found: list[int] = []
    parent, started = _parent_and_start(pid)
    for _ in range(LINE_LIMIT):
        if pid in ancestors:
            return Descent(pid, found)
        if not parent:  # init, or see ``_parent_and_start``
            return None
        above = None
        with contextlib.suppress(Untraceable):  # it has just died, or is hidden
            above = _parent_and_start(parent)
        if (above is None or above[1] >= started) and (now := _parent_and_start(pid)[0]) != parent:
            parent = now
        elif above is None:
            raise Untraceable("a process that it descends from cannot be looked at")
        else:
            found.append(pid)
            pid, (parent, started) = parent, above
    raise Untraceable(f"it descends from more than {LINE_LIMIT} processes, or they change too fast")


def is_older(pid: int, than: int) -> bool:
    """Return whether ``pid`` lives, and has started before the living process ``than``: no newer one has its number."""
    try:
        return _parent_and_start(pid)[1] < _parent_and_start(than)[1]
    except Untraceable:
        return False


def adopts() -> bool:
    """Return whether orphans below this process become its children: prctl(2), PR_SET_CHILD_SUBREAPER."""
    answer = ctypes.c_int()
    return _prctl()(_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0) == 0 and bool(answer.value)


@contextlib.contextmanager
def _peer_alive(sock: socket.socket) -> Iterator[int]:
    """Give the block the pid of the peer; raise ``Untraceable`` unless it is the same process's to the block's end."""
    pid, _, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        pidfd = sock.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD) if pid else -1
    except OSError as error:
        if error.errno not in _NONE:  # EINVAL or ESRCH, by version
            raise Untraceable("the process has ended") from None
        pidfd = -1
    try:
        yield pid
        if pidfd >= 0:
            with contextlib.suppress(PermissionError):  # another user's: it lives
                signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        raise Untraceable("the process has ended") from None
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def _parent_and_start(pid: int) -> tuple[int, int]:
    """Return the parent of ``pid``, and when it started, in ticks.

    The parent is 0 if it is outside of this pid namespace, or if ``pid`` cannot be of this user's family.
    """
    fields = proc_stat.stat(pid)
    if fields is not None:
        return int(fields[proc_stat.PARENT]), int(fields[proc_stat.STARTED])
    try:
        os.kill(pid, 0)  # /proc may be mounted with hidepid, proc(5)
    except PermissionError:  # another user's, perhaps the shell's that a client was started from
        return 0, 0
    except ProcessLookupError:
        raise Untraceable("a process has ended") from None
    raise Untraceable("a process hides itself")


@functools.cache
def _prctl() -> "ctypes._NamedFuncPointer":
    return ctypes.CDLL(None).prctl
